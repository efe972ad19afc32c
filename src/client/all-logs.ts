import type { SupabaseClient } from '@supabase/supabase-js';
import { z } from 'zod';
import { uuidTimeMs, uuidv7 } from '../core/uuid.ts';
import { limits } from '../protocol/limits.ts';
import { LogRow } from '../protocol/rows.ts';
import type { LinkState, Unsubscribe } from './backend.ts';
import { openLiveChannel } from './live-channel.ts';
import { request } from './request.ts';
import { reconnectAfterMs } from './supabase.ts';

/** Hears the lines of all runs. */
export interface AllLogsFollower {
  /**
   * Lines in the order in which they came, each once. With `isFresh` there may be more between these and what was heard
   * before than is worth reading: what is shown begins anew with these.
   */
  readonly onLines: (rows: readonly LogRow[], isFresh: boolean) => void;
  readonly onLink?: ((link: LinkState) => void) | undefined;
}

/** The logs of all runs that we may read, as one. Policies of the database say which these are. */
export interface AllLogs {
  /**
   * The newest lines, oldest first; `before`, those made before the millisecond in which the line with this id was. About
   * {@link limits.everyLogPage} unless told, whole milliseconds always, so that pages fit together; none when there are no more.
   */
  recentLogs(options?: { readonly before?: string | undefined; readonly limit?: number | undefined }): Promise<readonly LogRow[]>;
  /** The newest lines and then those that come; with `after`, what came since the line with this id. */
  followLogs(follower: AllLogsFollower, options?: { readonly after?: string | undefined }): Unsubscribe;
}

/** Ids tell when a line was made; it may be stored this much later, or on a clock that is behind by as much. */
const OVERLAP_MS = 15_000;
/** More pages than this are not read to make a lost link good. */
const CATCH_UP_PAGES = 5;
/** Lines that come within this are told together: nobody looks at them one by one. */
const GATHER_MS = 50;
/** Ids that are remembered, so that no line is told twice. */
const REMEMBERED = 20_000;

export function openAllLogs(supabase: SupabaseClient, url: string): AllLogs {
  const table = () => supabase.from('test_execution_logs').select('*');
  const recentLogs: AllLogs['recentLogs'] = async ({ before, limit = limits.everyLogPage } = {}) => {
    const rows: LogRow[] = [];
    let below = before === undefined ? undefined : startOf(before);
    for (let page = 0; page < CATCH_UP_PAGES; page += 1) {
      const newest = table().order('id', { ascending: false }).limit(limit);
      const found = await request(url, 'read the newest logs', below === undefined ? newest : newest.lt('id', below), z.array(LogRow));
      rows.push(...found);
      if (found.length < limit) break;
      // The rest of the oldest millisecond comes with the page before, or this one would end between lines without an order.
      below = found.at(-1)!.id;
      const cut = uuidTimeMs(below);
      const whole = rows.filter(({ id }) => uuidTimeMs(id) !== cut);
      if (cut === undefined || whole.length > 0) return (cut === undefined ? rows : whole).toSorted(inOrder);
    }
    return rows.toSorted(inOrder);
  };
  const since = (id: string): Promise<LogRow[]> =>
    request(url, 'read the logs', table().gt('id', id).order('id').limit(limits.batchRows), z.array(LogRow));
  return { recentLogs, followLogs: (follower, { after } = {}) => followLogs(supabase, { newest: () => recentLogs(), since }, follower, after) };
}

interface Reads {
  readonly newest: () => Promise<readonly LogRow[]>;
  readonly since: (id: string) => Promise<readonly LogRow[]>;
}

/**
 * Subscribes first and reads then, so that nothing falls between. What comes live while a read is under way waits for it.
 * After a lost link, and when the server says that it left lines out, all since the last sound moment is read.
 */
function followLogs(supabase: SupabaseClient, { newest, since }: Reads, follower: AllLogsFollower, after: string | undefined): Unsubscribe {
  const known = new Set<string>();
  let waiting: LogRow[] = [];
  /** When the line was made up to which all is known. */
  let soundAt = after === undefined ? undefined : uuidTimeMs(after);
  if (after !== undefined) known.add(after);
  let reading = false;
  let readAgain = false;
  let failures = 0;
  let stopped = false;
  let flushing: NodeJS.Timeout | undefined;
  let timer: NodeJS.Timeout | undefined;

  const say = (link: LinkState): void => {
    if (!stopped) follower.onLink?.(link);
  };

  const tell = (rows: readonly LogRow[], isFresh: boolean): void => {
    const fresh = rows.filter((row) => !known.has(row.id));
    for (const { id } of fresh) {
      known.add(id);
      const made = uuidTimeMs(id);
      // A clock that runs ahead must not hide what is written now.
      if (made !== undefined && made <= Date.now()) soundAt = Math.max(soundAt ?? 0, made);
    }
    for (const id of known) {
      if (known.size <= REMEMBERED) break;
      known.delete(id);
    }
    if (!stopped && (fresh.length > 0 || isFresh)) follower.onLines(fresh, isFresh);
  };

  const flush = (): void => {
    flushing = undefined;
    if (reading || stopped) return;
    const rows = waiting;
    waiting = [];
    if (rows.length > 0) tell(rows, false);
  };

  /** Pages of what is missing; undefined when there are too many. */
  const missing = async (fromMs: number): Promise<readonly LogRow[] | undefined> => {
    const rows: LogRow[] = [];
    for (let page = 0, last = firstIdAt(fromMs - OVERLAP_MS); page < CATCH_UP_PAGES; page += 1) {
      const found = await since(last);
      rows.push(...found);
      if (found.length < limits.batchRows) return rows.toSorted(inOrder);
      last = found.at(-1)!.id;
    }
    return undefined;
  };

  const read = async (): Promise<void> => {
    clearTimeout(timer);
    reading = true;
    try {
      do {
        readAgain = false;
        const rows = soundAt === undefined ? undefined : await missing(soundAt);
        if (rows) tell(rows, false);
        else tell(await newest(), true);
      } while (readAgain && !stopped);
      failures = 0;
      say({ state: 'live' });
    } catch (error) {
      const retryInMs = reconnectAfterMs((failures += 1));
      say({ state: 'lost', reason: error instanceof Error ? error.message : String(error), retryInMs });
      if (!stopped) timer = setTimeout(() => void read(), retryInMs);
    } finally {
      reading = false;
    }
    flush();
  };

  const catchUp = (): void => {
    if (stopped) return;
    if (reading) readAgain = true;
    else void read();
  };

  say({ state: 'connecting' });
  const close = openLiveChannel(supabase, 'stepscope-logs', [{ table: 'test_execution_logs' }], {
    onRow: ({ event, row }) => {
      if (event !== 'INSERT' || stopped) return;
      const parsed = LogRow.safeParse(row);
      if (!parsed.success || waiting.length >= limits.batchRows) return catchUp();
      waiting.push(parsed.data);
      flushing ??= setTimeout(flush, GATHER_MS);
    },
    onSubscribed: () => {
      say({ state: 'catching-up' });
      catchUp();
    },
    onMissed: catchUp,
    onLost: (reason, retryInMs) => say({ state: 'lost', reason, retryInMs }),
  });
  return () => {
    stopped = true;
    clearTimeout(timer);
    clearTimeout(flushing);
    close();
  };
}

/** The lowest id of the millisecond in which a line was made. */
function startOf(id: string): string {
  const made = uuidTimeMs(id);
  return made === undefined ? id : firstIdAt(made);
}

/** Lower than every id made in this millisecond or later. */
const firstIdAt = (ms: number): string => uuidv7(Math.max(0, ms), new Uint8Array(10));

/** As they were made; ids of one millisecond say nothing, and there a run's own numbers do. */
function inOrder(one: LogRow, other: LogRow): number {
  const made = (uuidTimeMs(one.id) ?? 0) - (uuidTimeMs(other.id) ?? 0);
  if (made !== 0) return made;
  if (one.test_run_id !== other.test_run_id) return one.test_run_id < other.test_run_id ? -1 : 1;
  return one.seq - other.seq;
}
