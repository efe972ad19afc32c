import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { Json, JsonObject } from '../../protocol/json.ts';
import type { Fanout } from '../fanout/fanout.ts';
import type { BroadcastPayload } from './frames.ts';
import { createPresenceList, type Presence, type PresenceEntry, type PresenceList } from './presence.ts';

/** Private and public channels of the same topic are different rooms. */
interface RoomName {
  readonly topic: string;
  readonly isPrivate: boolean;
}

/** A channel of one client in a room with the others on the same topic. */
export interface Member extends RoomName {
  broadcast(payload: BroadcastPayload): void;
  push(event: string, payload: Json): void;
}

/** Who hears whom, on all servers of the database. */
export interface Rooms {
  enter(member: Member): Presence;
  leave(member: Member): void;
  /** Tells everybody on the topic but `except`. */
  broadcast(room: RoomName, payload: BroadcastPayload, except?: Member): void;
  /** Rooms with somebody of this server in them. */
  readonly size: number;
}

interface Room {
  readonly name: RoomName;
  readonly members: Set<Member>;
  readonly presence: PresenceList;
}

const Name = { topic: z.string(), isPrivate: z.boolean() };

/** What servers tell each other. Whoever missed something asks, and hears who is there. */
const RoomMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('broadcast'), ...Name, event: z.string(), payload: Json }),
  z.object({ type: z.literal('broadcast-bytes'), ...Name, event: z.string(), payload: z.base64() }),
  z.object({ type: z.literal('present'), ...Name, client: z.string(), key: z.string(), meta: JsonObject }),
  z.object({ type: z.literal('absent'), client: z.string() }),
  z.object({ type: z.literal('who-is-there'), server: z.string() }),
  /** All clients of the sender that are present; those that the receiver does not know follow one by one. */
  z.object({ type: z.literal('these-are-there'), clients: z.array(z.string()) }),
]);
type RoomMessage = z.infer<typeof RoomMessage>;

/** Several servers that missed something get one answer. */
const answerAfterMs = 50;

export function createRooms(fanout: Fanout): Rooms {
  const rooms = new Map<string, Room>();
  /** Clients of this server that have entered a room, with the id by which all servers know them. */
  const ids = new Map<Member, string>();
  /** Rooms of those who are present on other servers, by server and client. */
  const elsewhere = new Map<string, Map<string, Room>>();
  let answering: NodeJS.Timeout | undefined;

  const keyOf = ({ topic, isPrivate }: RoomName): string => `${isPrivate ? 'private' : 'public'} ${topic}`;
  const tell = (message: RoomMessage): void => fanout.publish(message);

  function roomOf({ topic, isPrivate }: RoomName): Room {
    const name = { topic, isPrivate };
    const known = rooms.get(keyOf(name));
    if (known !== undefined) return known;
    const members = new Set<Member>();
    const room = { name, members, presence: createPresenceList((diff) => members.forEach((one) => one.push('presence_diff', diff))) };
    rooms.set(keyOf(name), room);
    return room;
  }

  function closeIfEmpty({ name, members, presence }: Room): void {
    if (members.size === 0 && presence.entries.size === 0) rooms.delete(keyOf(name));
  }

  function remove(room: Room, client: string): void {
    room.presence.remove(client);
    closeIfEmpty(room);
  }

  function untrack(member: Member): void {
    const room = rooms.get(keyOf(member));
    const client = ids.get(member);
    if (room === undefined || client === undefined || !room.presence.entries.has(client)) return;
    remove(room, client);
    tell({ type: 'absent', client });
  }

  function broadcastHere(name: RoomName, payload: BroadcastPayload, except?: Member): void {
    for (const member of rooms.get(keyOf(name))?.members ?? []) if (member !== except) member.broadcast(payload);
  }

  /** Everybody of this server who is present. */
  function present(): readonly (PresenceEntry & { readonly client: string; readonly name: RoomName })[] {
    return [...ids].flatMap(([member, client]) => {
      const { topic, isPrivate } = member;
      const entry = rooms.get(keyOf(member))?.presence.entries.get(client);
      return entry === undefined ? [] : [{ ...entry, client, name: { topic, isPrivate } }];
    });
  }

  function answerWhoIsThere(): void {
    answering ??= setTimeout(() => {
      answering = undefined;
      const all = present();
      tell({ type: 'these-are-there', clients: all.map(({ client }) => client) });
      for (const { client, name, key, meta } of all) tell({ type: 'present', client, ...name, key, meta });
    }, answerAfterMs).unref();
  }

  function forget(server: string, keep: ReadonlySet<string> = new Set()): void {
    const clients = elsewhere.get(server);
    for (const [client, room] of clients ?? []) {
      if (keep.has(client)) continue;
      clients!.delete(client);
      remove(room, client);
    }
    if (clients?.size === 0) elsewhere.delete(server);
  }

  fanout.listen({
    receive(server, json) {
      const parsed = RoomMessage.safeParse(json);
      // A newer server may say more than we know of.
      if (!parsed.success) return;
      const message = parsed.data;
      switch (message.type) {
        case 'broadcast':
          return broadcastHere(message, { type: 'broadcast', event: message.event, payload: message.payload });
        case 'broadcast-bytes':
          return broadcastHere(message, { type: 'broadcast', event: message.event, payload: Buffer.from(message.payload, 'base64') });
        case 'present': {
          const room = roomOf(message);
          const clients = elsewhere.get(server) ?? new Map<string, Room>();
          elsewhere.set(server, clients.set(message.client, room));
          return room.presence.set(message.client, { key: message.key, meta: message.meta });
        }
        case 'absent': {
          const room = elsewhere.get(server)?.get(message.client);
          elsewhere.get(server)?.delete(message.client);
          return room && remove(room, message.client);
        }
        case 'who-is-there':
          // Servers know each other by what they have heard; whoever is not meant says nothing.
          return message.server === fanout.id ? answerWhoIsThere() : undefined;
        case 'these-are-there':
          return forget(server, new Set(message.clients));
      }
    },
    missed: (server) => tell({ type: 'who-is-there', server }),
    lost: (server) => forget(server),
  });

  return {
    enter(member) {
      const room = roomOf(member);
      const client = randomUUID();
      room.members.add(member);
      ids.set(member, client);
      return {
        track(key, state) {
          const entry = { key, meta: { ...state, phx_ref: randomUUID() } };
          room.presence.set(client, entry);
          tell({ type: 'present', client, ...room.name, ...entry });
        },
        untrack: () => untrack(member),
        state: () => room.presence.state(),
      };
    },
    leave(member) {
      const room = rooms.get(keyOf(member));
      if (room === undefined) return;
      room.members.delete(member);
      untrack(member);
      ids.delete(member);
      closeIfEmpty(room);
    },
    broadcast({ topic, isPrivate }, payload, except) {
      broadcastHere({ topic, isPrivate }, payload, except);
      const { event, payload: contents } = payload;
      if (contents instanceof Uint8Array)
        tell({ type: 'broadcast-bytes', topic, isPrivate, event, payload: Buffer.from(contents).toString('base64') });
      else tell({ type: 'broadcast', topic, isPrivate, event, payload: contents });
    },
    get size() {
      return [...rooms.values()].filter(({ members }) => members.size > 0).length;
    },
  };
}
