import type { SupabaseClient } from '@supabase/supabase-js';
import { RunChange, RunChanges } from '../protocol/change.ts';
import { limits } from '../protocol/limits.ts';
import type { Follower, LinkState, Unsubscribe } from './backend.ts';
import type { LiveRow } from './live-channel.ts';
import { openLiveChannel } from './live-channel.ts';
import { request } from './request.ts';
import { reconnectAfterMs } from './supabase.ts';

/** A hole between two live numbers that lasts this long is read from the table. */
const HOLE_PATIENCE_MS = 1_000;

/**
 * Follows one run: subscribes first, then reads everything after the last number known, then merges what
 * came meanwhile. Every lost link, every hint that something was left out and every hole in the numbers
 * leads to the same reading on, so what live delivery loses is found.
 *
 * `mark` is the number up to which nothing can be missing: the end of the last read, or further while live
 * numbers follow each other without a hole. What was delivered above it is remembered, so that nothing is
 * delivered twice. `pollMs` is how often to read on unasked, where realtime itself promises nothing.
 */
export function followRun(
  supabase: SupabaseClient,
  url: string,
  runId: string,
  follower: Follower,
  options: { readonly afterSeq: number; readonly pollMs: number },
): Unsubscribe {
  let mark = options.afterSeq;
  const delivered = new Set<number>();
  let waiting: RunChange[] = [];
  let reading = false;
  let readAgain = false;
  let failures = 0;
  let subscribed = false;
  let stopped = false;
  let flushing: NodeJS.Immediate | undefined;
  let timer: NodeJS.Timeout | undefined;
  const poll = setInterval(() => subscribed && catchUp(), options.pollMs);

  const say = (link: LinkState) => {
    if (!stopped) follower.onLink?.(link);
  };

  const deliver = (changes: readonly RunChange[]) => {
    const fresh = changes.filter(({ row }) => row.seq > mark && !delivered.has(row.seq)).toSorted((a, b) => a.row.seq - b.row.seq);
    // One row may stand in there twice under one number: read and live.
    const once = fresh.filter((change, i) => change.row.seq !== fresh[i - 1]?.row.seq);
    for (const { row } of once) delivered.add(row.seq);
    if (once.length > 0 && !stopped) follower.onChanges(once);
  };

  const closeRanks = (upTo: number) => {
    if (upTo > mark) mark = upTo;
    while (delivered.delete(mark + 1)) mark += 1;
    for (const seq of delivered) if (seq <= mark) delivered.delete(seq);
  };

  const flush = () => {
    flushing = undefined;
    if (stopped || reading) return;
    const batch = waiting;
    waiting = [];
    deliver(batch);
    while (delivered.delete(mark + 1)) mark += 1;
    if (delivered.size > 0 && timer === undefined) later(HOLE_PATIENCE_MS);
  };

  const later = (ms: number) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = undefined;
      if (delivered.size > 0 || failures > 0) catchUp();
    }, ms);
  };

  const catchUp = () => {
    if (stopped) return;
    readAgain = true;
    if (!reading) void read();
  };

  const read = async () => {
    reading = true;
    try {
      while (readAgain && !stopped) {
        readAgain = false;
        for (let complete = false; !complete && !stopped;) {
          const query = supabase.rpc('run_changes', { run_id: runId, after_seq: mark, max_rows: limits.batchRows });
          const page = await request(url, 'read the run', query, RunChanges);
          deliver(page.changes);
          closeRanks(page.last_seq);
          complete = page.complete;
        }
      }
      failures = 0;
      if (subscribed) say({ state: 'live' });
    } catch (error) {
      failures += 1;
      const retryInMs = reconnectAfterMs(failures);
      say({ state: 'lost', reason: error instanceof Error ? error.message : String(error), retryInMs });
      later(retryInMs);
    } finally {
      reading = false;
    }
    flush();
  };

  const onRow = ({ table, event, row }: LiveRow) => {
    if (event === 'DELETE') return;
    const change = RunChange.safeParse({ table, row });
    // A row we cannot read as delivered is read from the table instead.
    if (!change.success) return catchUp();
    waiting.push(change.data);
    flushing ??= setImmediate(flush);
  };

  say({ state: 'connecting' });
  const filter = `test_run_id=eq.${runId}`;
  const tables = ['test_execution_runs', 'test_execution_steps', 'test_execution_logs', 'test_execution_commands'] as const;
  const close = openLiveChannel(
    supabase,
    `stepscope-run-${runId}`,
    tables.map((table) => ({ table, filter })),
    {
      onRow,
      onSubscribed: () => {
        subscribed = true;
        say({ state: 'catching-up' });
        catchUp();
      },
      onMissed: () => {
        say({ state: 'catching-up' });
        catchUp();
      },
      onLost: (reason, retryInMs) => {
        subscribed = false;
        say({ state: 'lost', reason, retryInMs });
      },
    },
  );

  return () => {
    stopped = true;
    clearInterval(poll);
    clearTimeout(timer);
    clearImmediate(flushing);
    close();
  };
}
