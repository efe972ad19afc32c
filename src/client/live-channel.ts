import type { RealtimeChannel, SupabaseClient } from '@supabase/supabase-js';
import type { TableName } from '../protocol/rows.ts';
import { SystemMessage } from '../protocol/realtime.ts';
import type { Unsubscribe } from './backend.ts';
import { reconnectAfterMs } from './supabase.ts';

export interface Binding {
  readonly table: TableName;
  /** PostgREST's words: `test_run_id=eq.…`. */
  readonly filter?: string | undefined;
}

/** A row as realtime delivered it, not yet parsed. */
export interface LiveRow {
  readonly table: string;
  readonly event: 'INSERT' | 'UPDATE' | 'DELETE';
  /** Of a deleted row, its primary key. */
  readonly row: Readonly<Record<string, unknown>>;
}

export interface ChannelEvents {
  readonly onRow: (change: LiveRow) => void;
  /** Rows written from now on arrive. Called again after every lost link: read what was missed. */
  readonly onSubscribed: () => void;
  /** The server says that it left changes out: read what was missed. */
  readonly onMissed: () => void;
  readonly onLost: (reason: string, retryInMs: number) => void;
}

let channelCount = 0;

/**
 * Row changes of some tables, for as long as it is not unsubscribed: a channel that errs or is closed by
 * the server (a token that ran out, a shutdown) is opened anew.
 */
export function openLiveChannel(supabase: SupabaseClient, name: string, bindings: readonly Binding[], events: ChannelEvents): Unsubscribe {
  let stopped = false;
  let attempts = 0;
  let current: RealtimeChannel | undefined;
  let timer: NodeJS.Timeout | undefined;

  const open = () => {
    // Two channels of one topic in one client would be one: the second would never subscribe.
    let channel = supabase.channel(`${name}-${++channelCount}`);
    current = channel;
    for (const { table, filter } of bindings) {
      const binding = { event: '*' as const, schema: 'public', table, ...(filter === undefined ? {} : { filter }) };
      channel = channel.on('postgres_changes', binding, (change) => {
        if (current !== channel) return;
        const row = (change.eventType === 'DELETE' ? change.old : change.new) as Record<string, unknown>;
        events.onRow({ table: change.table, event: change.eventType, row });
      });
    }
    channel = channel.on('system', {}, (payload) => {
      const message = SystemMessage.safeParse(payload);
      if (current !== channel || !message.success) return;
      if (message.data.extension === 'postgres_changes' && message.data.status === 'error') events.onMissed();
    });
    channel.subscribe((status, error) => {
      if (stopped || current !== channel) return;
      if (status === 'SUBSCRIBED') {
        attempts = 0;
        events.onSubscribed();
      } else reopen(channel, status === 'CLOSED' ? 'the server closed the subscription' : (error?.message ?? 'the server does not answer'));
    });
  };

  const reopen = (channel: RealtimeChannel, reason: string) => {
    current = undefined;
    attempts += 1;
    const delayMs = reconnectAfterMs(attempts);
    events.onLost(reason, delayMs);
    void supabase.removeChannel(channel).catch(() => undefined);
    timer = setTimeout(open, delayMs);
  };

  open();
  return () => {
    stopped = true;
    clearTimeout(timer);
    const channel = current;
    current = undefined;
    if (channel !== undefined) void supabase.removeChannel(channel).catch(() => undefined);
  };
}
