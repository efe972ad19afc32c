import type { SupabaseClient } from '@supabase/supabase-js';
import type { Peer } from '../core/session-peers.ts';
import type { DebugSessionRow } from '../protocol/debug-rows.ts';
import { limits } from '../protocol/limits.ts';
import type { SessionsFollower } from './debug-sessions.ts';
import { watchChannel } from './session-channel.ts';

/** Who is in the sessions that go on, for one who follows the list of them. */
export interface SessionWatch {
  follow(follower: SessionsFollower): () => void;
  /** The sessions that go on now. */
  listed(this: void, sessions: readonly DebugSessionRow[]): void;
  /** We are about to be in this one, and hear of its people there. Resolves when its channel is free. */
  giveWay(sessionId: string): Promise<void>;
  /** What was heard in a session that we are in. */
  seen(sessionId: string, peers: readonly Peer[]): void;
  /** We are in it no more. */
  takeBack(sessionId: string): void;
}

export function watchSessions(supabase: SupabaseClient): SessionWatch {
  let follower: SessionsFollower | undefined;
  let sessions: readonly DebugSessionRow[] = [];
  const stops = new Map<string, () => Promise<void>>();
  const peersBy = new Map<string, readonly Peer[]>();
  /** Those that we are in ourselves. */
  const ours = new Set<string>();

  const tell = (): void => follower?.onSessions(sessions.map((session) => ({ session, peers: peersBy.get(session.id) })));

  /** Watches what is to be watched now, and nothing else. */
  const adjust = (): void => {
    const wanted = new Set(follower === undefined ? [] : sessions.slice(0, limits.watchedSessions).map(({ id }) => id).filter((id) => !ours.has(id)));
    for (const id of stops.keys()) if (!wanted.has(id)) void stop(id);
    for (const id of wanted) {
      if (stops.has(id)) continue;
      stops.set(id, watchChannel(supabase, id, (peers) => {
        peersBy.set(id, peers);
        tell();
      }));
    }
  };

  const stop = async (id: string): Promise<void> => {
    const end = stops.get(id);
    stops.delete(id);
    if (!ours.has(id)) peersBy.delete(id);
    await end?.();
  };

  return {
    follow(next) {
      follower = next;
      return () => {
        if (follower !== next) return;
        follower = undefined;
        sessions = [];
        adjust();
      };
    },
    listed(rows) {
      sessions = rows;
      adjust();
      tell();
    },
    async giveWay(id) {
      ours.add(id);
      await stop(id);
    },
    seen(id, peers) {
      peersBy.set(id, peers);
      tell();
    },
    takeBack(id) {
      ours.delete(id);
      peersBy.delete(id);
      adjust();
      tell();
    },
  };
}
