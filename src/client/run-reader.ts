import type { SupabaseClient } from '@supabase/supabase-js';
import { RunChange, RunChanges } from '../protocol/change.ts';
import { limits } from '../protocol/limits.ts';
import type { Follower, LinkState, Unsubscribe } from './backend.ts';
import type { LiveRow } from './live-channel.ts';
import { openLiveChannel } from './live-channel.ts';
import { request } from './request.ts';
import { reconnectAfterMs } from './supabase.ts';

/** A hole in the live numbers that lasts this long is read from the table: time for what is on its way to come. */
const HOLE_PATIENCE_MS = 20;

/**
 * Follows one run: subscribes first, then reads everything after the last number known, then goes on with
 * what comes live. Every lost link, every hint that something was left out and every hole in the numbers
 * leads to the same reading on, so what live delivery loses is found.
 *
 * `mark` is the number up to which everything was delivered, and `onChanges` hears rows in order of their
 * numbers, always: a live row above a hole waits. A hole is nothing special, for of a row that changed twice
 * only the newest number is left; it costs one small read. At most `limits.batchRows` rows wait; what comes
 * beyond that is left to the read. `pollMs` is how often to read on unasked, where realtime itself promises
 * nothing.
 */
export function followRun(
  supabase: SupabaseClient,
  url: string,
  runId: string,
  follower: Follower,
  options: { readonly afterSeq: number; readonly pollMs: number },
): Unsubscribe {
  let mark = options.afterSeq;
  const waiting = new Map<number, RunChange>();
  let reading = false;
  let readAgain = false;
  let failures = 0;
  let subscribed = false;
  let link: LinkState['state'] | undefined;
  let stopped = false;
  let flushing: NodeJS.Immediate | undefined;
  let timer: NodeJS.Timeout | undefined;
  const poll = setInterval(() => subscribed && catchUp(), options.pollMs);

  const say = (state: LinkState) => {
    link = state.state;
    if (!stopped) follower.onLink?.(state);
  };

  const deliver = (changes: readonly RunChange[]) => {
    if (changes.length > 0 && !stopped) follower.onChanges(changes);
  };

  /** Takes what waits up to a number, in no order. */
  const takeWaiting = (upTo: number): readonly RunChange[] => {
    const taken = [...waiting.values()].filter(({ row }) => row.seq <= upTo);
    for (const { row } of taken) waiting.delete(row.seq);
    return taken;
  };

  const flush = () => {
    flushing = undefined;
    if (stopped || reading) return;
    let end = mark;
    while (waiting.has(end + 1)) end += 1;
    const next = takeWaiting(end).toSorted(bySeq);
    mark = end;
    deliver(next);
    if (waiting.size > 0 && timer === undefined) later(HOLE_PATIENCE_MS);
  };

  const later = (ms: number) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = undefined;
      if (waiting.size > 0 || failures > 0) catchUp();
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
          // What waited may hold a change that the table no longer shows, because a later one followed it.
          const read = new Map([...takeWaiting(page.last_seq), ...page.changes].map((change) => [change.row.seq, change]));
          mark = page.last_seq;
          deliver([...read.values()].toSorted(bySeq));
          complete = page.complete;
        }
      }
      failures = 0;
      if (subscribed && link !== 'live') say({ state: 'live' });
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
    const { seq } = change.data.row;
    if (seq <= mark) return;
    if (waiting.size < limits.batchRows) waiting.set(seq, change.data);
    // Left out, so it has to be read: by the read that will fill the hole, or by one more after that which is under way.
    else if (reading) readAgain = true;
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

const bySeq = (one: RunChange, other: RunChange): number => one.row.seq - other.row.seq;
