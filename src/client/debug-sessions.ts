import type { SupabaseClient } from '@supabase/supabase-js';
import { z } from 'zod';
import type { Peer, SessionCursor } from '../core/session-peers.ts';
import { shortId } from '../core/format.ts';
import { DebugSessionRow } from '../protocol/debug-rows.ts';
import { UserError } from '../protocol/error.ts';
import type { RunRow } from '../protocol/rows.ts';
import { request } from './request.ts';
import type { Unsubscribe } from './backend.ts';
import { followAnew } from './follow-anew.ts';
import { joinChannel } from './session-channel.ts';
import { watchSessions } from './watch-sessions.ts';

/** Sessions that a list shows. */
const MOST_SESSIONS = 100;
/** Fewer characters than this name a session by accident. */
const SHORTEST_REFERENCE = 4;

export interface SessionEvents {
  /** Who is there and where they look, first who leads; after every change. Empty while the link is lost. */
  readonly onPeers: (peers: readonly Peer[]) => void;
  /** Somebody has ended the session; it is left. */
  readonly onEnded?: (() => void) | undefined;
}

/** Our part in a session. */
export interface SessionHandle {
  readonly session: DebugSessionRow;
  /** Tells the others where we look; at most every {@link limits.cursorMs}, the last place always. */
  moveTo(cursor: SessionCursor): void;
  /** Safe to call twice. */
  leave(): Promise<void>;
}

/** A session that goes on, and who is there: undefined while that is not known. */
export interface LiveSession {
  readonly session: DebugSessionRow;
  readonly peers: readonly Peer[] | undefined;
}

export interface SessionsFollower {
  /** All that go on, newest first. People of the newest {@link limits.watchedSessions} are looked for. */
  readonly onSessions: (sessions: readonly LiveSession[]) => void;
}

/** Several people looking at one run together. */
export interface DebugSessions {
  /** Newest first; with `active` those that nobody has ended. */
  sessions(filter?: { readonly active?: boolean | undefined; readonly runId?: string | undefined }): Promise<readonly DebugSessionRow[]>;
  /** By the id of a session, the head or tail of one, or that of a run with a session; `not-found` with what there is. */
  session(reference: string): Promise<DebugSessionRow>;
  /** Begins a session on a run. Joining it is another step. */
  startSession(runId: string, options?: { readonly name?: string | undefined }): Promise<DebugSessionRow>;
  /** Ends a session for everybody. */
  endSession(id: string): Promise<DebugSessionRow>;
  /**
   * Takes part in a session. Who is there, and where they look, travels as presence on a private channel, which only
   * administrators may join: `forbidden` for others.
   */
  joinSession(session: DebugSessionRow, events: SessionEvents): Promise<SessionHandle>;
  /** The sessions that go on and who is in them, now and whenever that changes. One follower at a time: the last stands. */
  followSessions(follower: SessionsFollower): Unsubscribe;
}

export function openDebugSessions(
  supabase: SupabaseClient,
  url: string,
  sender: { readonly identity: string; readonly userId: string | null },
  findRun: (reference: string) => Promise<RunRow>,
): DebugSessions & { readonly close: () => Promise<void> } {
  const joined = new Set<SessionHandle>();
  const watching = watchSessions(supabase);
  const table = () => supabase.from('debug_sessions');
  const list: DebugSessions['sessions'] = ({ active, runId } = {}) => {
    let query = table().select('*').order('created_at', { ascending: false }).limit(MOST_SESSIONS);
    if (active !== undefined) query = query.eq('active', active);
    if (runId !== undefined) query = query.eq('test_run_id', runId);
    return request(url, 'list the sessions', query, z.array(DebugSessionRow));
  };

  return {
    sessions: list,
    session: async (reference) => {
      const wanted = reference.trim().toLowerCase();
      const known = await list();
      const near = wanted.length < SHORTEST_REFERENCE ? [] : known.filter(({ id }) => id.startsWith(wanted) || id.endsWith(wanted));
      if (near.length === 1) return near[0]!;
      if (near.length > 1) throw new UserError('usage', `"${reference}" fits ${near.length} sessions`, { hint: 'Write more of the id' });
      const run = await findRun(reference).catch((error: unknown) => {
        if (error instanceof UserError && error.code === 'not-found') return undefined;
        throw error;
      });
      const ofRun = run === undefined ? undefined : (await list({ active: true, runId: run.test_run_id }))[0];
      if (ofRun !== undefined) return ofRun;
      const active = known.filter((one) => one.active).slice(0, 3);
      throw new UserError('not-found', run === undefined ? `no session "${reference}"` : `run ${run.test_run_id} has no session`, {
        hint: active.length === 0 ? 'Begin one with `stepscope session start RUN`' : `There are ${active.map((one) => `${shortId(one.id)} "${one.session_name}"`).join(', ')}`,
      });
    },
    startSession: async (runId, { name } = {}) => {
      const row = { session_name: name?.trim() || `run ${shortId(runId)}`, test_run_id: runId, scope: { run: runId } };
      return await request(url, 'begin the session', table().insert(row).select('*').single(), DebugSessionRow);
    },
    endSession: (id) =>
      request(url, 'end the session', table().update({ active: false, closed_at: new Date().toISOString() }).eq('id', id).select('*').single(), DebugSessionRow),
    joinSession: async (session, events) => {
      if (!session.active) throw new UserError('conflict', `the session "${session.session_name}" has ended`, { hint: 'Begin one with `stepscope session start RUN`' });
      const leads = sender.userId === null ? session.created_by === null : session.created_by === sender.userId;
      // One client has one channel of a topic.
      await watching.giveWay(session.id);
      const onPeers = (peers: readonly Peer[]): void => {
        watching.seen(session.id, peers);
        events.onPeers(peers);
      };
      const channel = await joinChannel(supabase, session.id, { name: sender.identity, leads }, { ...events, onPeers }).catch((error: unknown) => {
        watching.takeBack(session.id);
        throw error;
      });
      const handle: SessionHandle = {
        session,
        moveTo: channel.moveTo,
        leave: async () => {
          joined.delete(handle);
          await channel.leave();
          watching.takeBack(session.id);
        },
      };
      joined.add(handle);
      return handle;
    },
    followSessions: (follower) => {
      const stopWatching = watching.follow(follower);
      const stopRows = followAnew(supabase, 'stepscope-sessions', { table: 'debug_sessions' }, () => list({ active: true }), watching.listed);
      return () => {
        stopRows();
        stopWatching();
      };
    },
    close: async () => {
      await Promise.all([...joined].map((handle) => handle.leave()));
    },
  };
}
