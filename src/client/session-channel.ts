import type { RealtimeChannel, SupabaseClient } from '@supabase/supabase-js';
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { peersOf } from '../core/session-peers.ts';
import type { Peer, PeerState, SessionCursor } from '../core/session-peers.ts';
import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';
import type { SessionEvents } from './debug-sessions.ts';
import { reconnectAfterMs } from './supabase.ts';

/** The private channel of a session, joined anew after every lost link. */
export interface SessionChannel {
  readonly moveTo: (cursor: SessionCursor) => void;
  readonly leave: () => Promise<void>;
}

/** Says who is in a session without being in it; nobody there sees it. A channel that is lost is opened anew. */
export function watchChannel(supabase: SupabaseClient, sessionId: string, onPeers: (peers: readonly Peer[]) => void): () => Promise<void> {
  let stopped = false;
  let attempts = 0;
  let current: RealtimeChannel | undefined;
  let retry: NodeJS.Timeout | undefined;
  const open = (): void => {
    const channel = supabase.channel(topicOf(sessionId), { config: { private: true, presence: { enabled: true } } }).on('presence', { event: 'sync' }, () => {
      if (current === channel && !stopped) onPeers(peersOf(channel.presenceState(), ''));
    });
    current = channel;
    channel.subscribe((status) => {
      if (stopped || current !== channel) return;
      if (status === 'SUBSCRIBED') {
        attempts = 0;
        return;
      }
      current = undefined;
      attempts += 1;
      void supabase.removeChannel(channel).catch(() => undefined).then(() => {
        if (!stopped) retry = setTimeout(open, reconnectAfterMs(attempts));
      });
    });
  };
  open();
  return async () => {
    stopped = true;
    clearTimeout(retry);
    const channel = current;
    current = undefined;
    if (channel !== undefined) await supabase.removeChannel(channel).catch(() => undefined);
  };
}

const topicOf = (sessionId: string): string => `session:${sessionId}`;

/** Resolves once we are in. Throws `forbidden` when we may not, `unavailable` when the server does not answer the first time. */
export async function joinChannel(
  supabase: SupabaseClient,
  sessionId: string,
  { name, leads }: { readonly name: string; readonly leads: boolean },
  { onPeers, onEnded }: SessionEvents,
): Promise<SessionChannel> {
  const terminal = `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`;
  const joinedAt = Date.now();
  let cursor: SessionCursor | null = null;
  let current: RealtimeChannel | undefined;
  let isIn = false;
  let stopped = false;
  let attempts = 0;
  let retry: NodeJS.Timeout | undefined;
  let pause: NodeJS.Timeout | undefined;
  let isUntold = false;
  const first = Promise.withResolvers<void>();

  const say = (): void => {
    if (!isIn || current === undefined) return;
    const state: PeerState = { terminal, name, joinedAt, leads, cursor };
    // One that does not get through is made good by the next, or when we join anew.
    void current.track(state).catch(() => undefined);
  };

  const open = (): void => {
    const channel = supabase
      .channel(topicOf(sessionId), { config: { private: true, presence: { key: terminal, enabled: true } } })
      .on('presence', { event: 'sync' }, () => {
        if (current === channel && !stopped) onPeers(peersOf(channel.presenceState(), terminal));
      })
      .on('postgres_changes', { event: '*', schema: 'public', table: 'debug_sessions', filter: `id=eq.${sessionId}` }, (change) => {
        if (current !== channel || stopped) return;
        if (change.eventType !== 'DELETE' && (change.new as { readonly active?: unknown }).active !== false) return;
        void leave();
        onEnded?.();
      });
    current = channel;
    channel.subscribe((status, error) => {
      if (stopped || current !== channel) return;
      if (status === 'SUBSCRIBED') {
        attempts = 0;
        isIn = true;
        say();
        return first.resolve();
      }
      isIn = false;
      current = undefined;
      onPeers([]);
      const reason = error?.message ?? 'the server does not answer';
      const removed = supabase.removeChannel(channel).catch(() => undefined);
      const isRefused = /unauthorized|permission/i.test(reason);
      if (isRefused || attempts === 0) {
        first.reject(
          isRefused
            ? new UserError('forbidden', `could not join the session: ${reason}`, { hint: 'Sign in as a user with the role admin' })
            : new UserError('unavailable', `could not join the session: ${reason}`),
        );
      }
      if (isRefused) {
        stopped = true;
        return undefined;
      }
      attempts += 1;
      // Two channels of one topic in one client would be one: the old one must be gone.
      void removed.then(() => {
        if (!stopped) retry = setTimeout(open, reconnectAfterMs(attempts));
      });
      return undefined;
    });
  };

  async function leave(): Promise<void> {
    if (stopped) return;
    stopped = true;
    clearTimeout(retry);
    clearTimeout(pause);
    const channel = current;
    current = undefined;
    if (channel !== undefined) await supabase.removeChannel(channel).catch(() => undefined);
  }

  open();
  try {
    await first.promise;
  } catch (error) {
    await leave();
    throw error;
  }
  return {
    moveTo: (next) => {
      cursor = next;
      isUntold = true;
      if (pause !== undefined) return;
      const tell = (): void => {
        pause = undefined;
        if (!isUntold || stopped) return;
        isUntold = false;
        say();
        pause = setTimeout(tell, limits.cursorMs);
      };
      tell();
    },
    leave,
  };
}
