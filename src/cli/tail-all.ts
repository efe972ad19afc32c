import type { Backend } from '../client/backend.ts';
import { matchesFilter, type Filter } from '../core/filter.ts';
import { flattenSteps } from '../core/step-reference.ts';
import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';
import type { LogRow } from '../protocol/rows.ts';
import { Ended } from './failure.ts';
import { exitStatusOf, onInterrupt } from './interrupt.ts';
import type { Io } from './io.ts';
import { watchLink } from './link-watch.ts';

export interface TailAll {
  readonly filter: Filter;
  /** Only lines made since, in milliseconds since 1970. */
  readonly sinceMs: number;
  /** How many of the stored lines at most. */
  readonly lines: number;
  readonly follows: boolean;
  /** Prints a line; `displayOf` knows the steps of its run. */
  readonly print: (log: LogRow, displayOf: (stepKey: string) => string | undefined) => void;
}

/**
 * Prints the newest lines of all runs, oldest first, and goes on with those that come. Looks at
 * {@link limits.everyLogHeld} stored lines at most, and says so where that was not enough.
 */
export async function tailAll(backend: Backend, { filter, sinceMs, lines, follows, print }: TailAll, io: Io): Promise<void> {
  const names = namesOfRuns(backend);
  const passing = async (rows: readonly LogRow[]): Promise<readonly LogRow[]> => {
    const recent = rows.filter((row) => Date.parse(row.timestamp) >= sinceMs);
    await names.learn(recent);
    return recent.filter((row) => matchesFilter(filter, row, (key) => names.displayOf(row, key), names.pipelineOf));
  };
  const show = (rows: readonly LogRow[]): void => rows.forEach((row) => print(row, (key) => names.displayOf(row, key)));

  const stored: LogRow[] = [];
  let looked = 0;
  let newest: LogRow | undefined;
  const known = new Set<string>();
  // The first page is read in any case: what follows begins after it.
  for (let before: string | undefined; newest === undefined || (stored.length < lines && looked < limits.everyLogHeld && !io.readerGone.aborted);) {
    const page = await backend.recentLogs({ before });
    newest ??= page.at(-1);
    looked += page.length;
    for (const { id } of page) known.add(id);
    stored.unshift(...(await passing(page)));
    if (page.every((row) => Date.parse(row.timestamp) < sinceMs)) break;
    before = page[0]!.id;
  }
  if (looked >= limits.everyLogHeld && stored.length < lines) io.err(`Of the newest ${looked.toLocaleString('en-US')} lines; \`tail RUN\` has all of one run.`);
  show(lines === 0 ? [] : stored.slice(-lines));
  if (follows && !io.readerGone.aborted) await followAll(backend, newest, async (rows) => show(await passing(rows.filter(({ id }) => !known.has(id)))), io);
}

/** Until Ctrl-c, or until nobody reads any more. */
async function followAll(backend: Backend, newest: LogRow | undefined, take: (rows: readonly LogRow[]) => Promise<void>, io: Io): Promise<void> {
  const interrupt = onInterrupt();
  const link = watchLink(io, 'tail --all -f');
  const signal = AbortSignal.any([interrupt.signal, io.readerGone, link.gaveUp]);
  // One batch after the other, in the order in which they came.
  let last = Promise.resolve();
  const failed = Promise.withResolvers<never>();
  const stop = backend.followLogs({ onLines: (rows) => void (last = last.then(() => take(rows)).catch(failed.reject)), onLink: link.onLink }, { after: newest?.id });
  try {
    const ended = new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })));
    await Promise.race([ended, failed.promise]);
    if (link.gaveUp.aborted) throw link.gaveUp.reason;
    if (interrupt.signal.aborted) throw new Ended(exitStatusOf(interrupt.signal.reason as NodeJS.Signals));
  } finally {
    stop();
    link.stop();
    interrupt.stop();
  }
}

/** Runs whose names are kept; of more, the first are asked for again. */
const KNOWN_RUNS = 1_000;

/** What lines name only by the id of their run. A run that is gone, or may not be seen, has no names. */
function namesOfRuns(backend: Backend) {
  const runs = new Map<string, { readonly pipeline: string | undefined; readonly displays: ReadonlyMap<string, string> }>();
  return {
    async learn(rows: readonly LogRow[]): Promise<void> {
      const unknown = [...new Set(rows.map((row) => row.test_run_id))].filter((id) => !runs.has(id));
      for (const id of unknown) {
        const run = await backend.run(id).catch((error: unknown) => {
          if (error instanceof UserError && error.code === 'not-found') return undefined;
          throw error;
        });
        runs.set(id, { pipeline: run?.pipeline_key ?? undefined, displays: new Map(flattenSteps(run?.step_tree ?? []).map((step) => [step.key, step.display])) });
        if (runs.size > KNOWN_RUNS) runs.delete(runs.keys().next().value!);
      }
    },
    pipelineOf: (runId: string): string | undefined => runs.get(runId)?.pipeline,
    displayOf: (row: LogRow, key: string): string | undefined => runs.get(row.test_run_id)?.displays.get(key),
  };
}
