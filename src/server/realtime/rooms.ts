import type { Json } from '../../protocol/json.ts';
import type { BroadcastPayload } from './frames.ts';
import { createPresence, type Presence } from './presence.ts';

/** A channel of one client in a room with the others on the same topic. */
export interface Member {
  readonly topic: string;
  /** Private and public channels of the same name are different rooms. */
  readonly isPrivate: boolean;
  broadcast(payload: BroadcastPayload): void;
  push(event: string, payload: Json): void;
}

/** Who hears whom. Lives in this process: several servers on one database have rooms of their own. */
export interface Rooms {
  enter(member: Member): Presence;
  leave(member: Member): void;
  /** Tells everybody on the topic but `except`. */
  broadcast(room: { readonly topic: string; readonly isPrivate: boolean }, payload: BroadcastPayload, except?: Member): void;
  readonly size: number;
}

interface Room {
  readonly members: Set<Member>;
  readonly presence: Presence;
}

export function createRooms(): Rooms {
  const rooms = new Map<string, Room>();
  const nameOf = ({ topic, isPrivate }: { readonly topic: string; readonly isPrivate: boolean }): string =>
    `${isPrivate ? 'private' : 'public'} ${topic}`;

  return {
    enter(member) {
      const name = nameOf(member);
      let room = rooms.get(name);
      if (room === undefined) {
        const members = new Set<Member>();
        room = { members, presence: createPresence((diff) => members.forEach((one) => one.push('presence_diff', diff))) };
        rooms.set(name, room);
      }
      room.members.add(member);
      return room.presence;
    },
    leave(member) {
      const name = nameOf(member);
      const room = rooms.get(name);
      if (room === undefined) return;
      room.members.delete(member);
      room.presence.untrack(member);
      if (room.members.size === 0) rooms.delete(name);
    },
    broadcast(target, payload, except) {
      for (const member of rooms.get(nameOf(target))?.members ?? []) if (member !== except) member.broadcast(payload);
    },
    get size() {
      return rooms.size;
    },
  };
}
