import type { SupabaseClient } from '@supabase/supabase-js';
import type { z } from 'zod';
import { WatchRow } from '../protocol/debug-rows.ts';
import { BreakpointRow, PipelineRow, RunRow, RunnerRow } from '../protocol/rows.ts';
import type { LinkState, ListFollower, Unsubscribe } from './backend.ts';
import { openLiveChannel } from './live-channel.ts';
import { reconnectAfterMs } from './supabase.ts';

type Rows = Parameters<ListFollower['onRows']>[0];

/** The live lists: their table, the name under which they are handed on, their primary key. */
const lists: readonly {
  readonly table: 'test_execution_runs' | 'pipelines' | 'breakpoints' | 'runners' | 'watches';
  readonly name: 'runs' | 'pipelines' | 'breakpoints' | 'runners' | 'watches';
  readonly schema: z.ZodType;
  readonly key: string;
}[] = [
  { table: 'test_execution_runs', name: 'runs', schema: RunRow, key: 'id' },
  { table: 'pipelines', name: 'pipelines', schema: PipelineRow, key: 'pipeline_key' },
  { table: 'breakpoints', name: 'breakpoints', schema: BreakpointRow, key: 'id' },
  { table: 'watches', name: 'watches', schema: WatchRow, key: 'id' },
  { table: 'runners', name: 'runners', schema: RunnerRow, key: 'id' },
];

/**
 * Follows the lists of runs, pipelines, breakpoints, watches and runners. `readAll` reads them whole; it is asked
 * after every (re)subscription, so what a lost link swallowed is there afterwards.
 */
export function followLists(supabase: SupabaseClient, readAll: () => Promise<Rows>, follower: ListFollower): Unsubscribe {
  let stopped = false;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  const say = (link: LinkState) => {
    if (!stopped) follower.onLink?.(link);
  };

  const read = async () => {
    clearTimeout(timer);
    try {
      const rows = await readAll();
      failures = 0;
      if (stopped) return;
      follower.onRows(rows);
      say({ state: 'live' });
    } catch (error) {
      const retryInMs = reconnectAfterMs(++failures);
      say({ state: 'lost', reason: error instanceof Error ? error.message : String(error), retryInMs });
      if (!stopped) timer = setTimeout(() => void read(), retryInMs);
    }
  };

  say({ state: 'connecting' });
  const close = openLiveChannel(
    supabase,
    'stepscope-lists',
    lists.map(({ table }) => ({ table })),
    {
      onRow: ({ table, event, row }) => {
        const list = lists.find((one) => one.table === table);
        if (stopped || list === undefined) return;
        if (event === 'DELETE') return follower.onRows({ removed: { table, ids: [String(row[list.key])] } });
        const parsed = list.schema.safeParse(row);
        if (parsed.success) follower.onRows({ [list.name]: [parsed.data] });
        else void read();
      },
      onSubscribed: () => {
        say({ state: 'catching-up' });
        void read();
      },
      onMissed: () => void read(),
      onLost: (reason, retryInMs) => say({ state: 'lost', reason, retryInMs }),
    },
  );
  return () => {
    stopped = true;
    clearTimeout(timer);
    close();
  };
}
