import type { Command } from 'commander';
import type { Backend } from '../../client/backend.ts';
import { matchesFilter, parseFilter } from '../../core/filter.ts';
import { formatClock, printable, shortId } from '../../core/format.ts';
import { timeOf } from '../../core/run-filter.ts';
import { isFinal } from '../../core/run-state.ts';
import { flattenSteps } from '../../core/step-reference.ts';
import { UserError } from '../../protocol/error.ts';
import type { LogRow } from '../../protocol/rows.ts';
import { limits } from '../../protocol/limits.ts';
import type { LogLevel } from '../../protocol/vocabulary.ts';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';
import { lastLines } from '../last-lines.ts';
import type { LastLines } from '../last-lines.ts';
import { Ended } from '../failure.ts';
import { exitStatusOf, onInterrupt } from '../interrupt.ts';
import type { Io, Style } from '../io.ts';
import { watchLink } from '../link-watch.ts';
import { tailAll } from '../tail-all.ts';

interface Flags {
  readonly follow?: boolean;
  readonly all?: boolean;
  readonly filter: string;
  readonly lines?: string;
  readonly since?: string;
}

const levelStyle: Record<LogLevel, Style> = { debug: 'muted', info: 'active', warn: 'warn', error: 'bad', critical: 'bad' };

export function addTailCommand(program: Command): void {
  const command = program
    .command('tail')
    .description('Prints the log of a run, or of all of them.')
    .argument('[run]', 'id, its last characters, or "last"', 'last')
    .option('-f, --follow', 'go on with new lines until the run ends')
    .option('--all', 'the newest lines of all runs; with -f until Ctrl-c')
    .option('--filter <filter>', 'level>=warn context=webhook step=8.* "timeout"; with --all also run=abc123 pipeline=NAME', '')
    .option('--since <time>', 'only lines from then on: an age as 10m, 2h, 3d, or a date')
    .option('-n, --lines <count>', 'only the last lines of those that are there');
  onCall<Flags>(command, async ({ args, flags, settings, io }) => {
    const filter = parseFilter(flags.filter);
    const sinceMs = flags.since === undefined ? -Infinity : momentOf(flags.since);
    const newest = newestLines(flags.lines);
    await withBackend(settings, io, { runner: false }, async ({ backend }) => {
      if (flags.all === true) {
        if (args[0] !== 'last') throw new UserError('usage', '--all prints the lines of all runs', { hint: `Without --all those of ${args[0]} are printed; \`--all --filter run=${args[0]}\` narrows` });
        const print = (log: LogRow, displayOf: (key: string) => string | undefined): void => io.out(io.json ? JSON.stringify(log) : `${io.paint('strong', shortId(log.test_run_id))} ${logLine(log, displayOf, io)}`);
        return await tailAll(backend, { filter, sinceMs, lines: flags.lines === undefined ? limits.everyLogPage : Number(flags.lines), follows: flags.follow === true, print }, io);
      }
      const run = await backend.run(args[0]!);
      const displays = new Map(flattenSteps(run.step_tree ?? []).map((step) => [step.key, step.display]));
      for (const step of run.step_tree === null ? await backend.steps(run.test_run_id) : []) if (step.display !== null) displays.set(step.step_key, step.display);
      const displayOf = (key: string): string | undefined => displays.get(key);
      const print = (log: LogRow): void => io.out(io.json ? JSON.stringify(log) : logLine(log, displayOf, io));

      const log: LogOfRun = {
        runId: run.test_run_id,
        learn: (key, display) => void displays.set(key, display),
        take(row, isStored) {
          if (Date.parse(row.timestamp) < sinceMs || !matchesFilter(filter, row, displayOf)) return;
          if (isStored && newest !== undefined) newest.push(row);
          else print(row);
        },
        storedEnd: () => newest?.taken().forEach(print),
        last: newest && { most: newest.most, sinceMs, passes: filter.terms.length === 0 ? undefined : (row) => matchesFilter(filter, row, displayOf) },
      };
      await (flags.follow === true ? follow(backend, log, io) : printStored(backend, log, io));
    });
  });
}

/** What becomes of the lines of a run: those that are stored come first, and after the last of them `storedEnd`. */
interface LogOfRun {
  readonly runId: string;
  take(this: void, row: LogRow, isStored: boolean): void;
  storedEnd(this: void): void;
  /** Of what is stored, only these are wanted. */
  readonly last: LastLines | undefined;
  /** The number of a step that a traced program came to. */
  learn(this: void, key: string, display: string): void;
}

function momentOf(typed: string): number {
  try {
    return timeOf(typed, Date.now(), 0);
  } catch (error) {
    throw error instanceof UserError ? new UserError('usage', `--since: "${typed}" is not a time`, { hint: error.hint }) : error;
  }
}

/** The last so many of all rows that are pushed. */
function newestLines(asked: string | undefined): { readonly most: number; push(this: void, row: LogRow): void; taken(this: void): readonly LogRow[] } | undefined {
  if (asked === undefined) return undefined;
  const most = /^\d+$/.test(asked) ? Number(asked) : NaN;
  if (Number.isNaN(most)) throw new UserError('usage', `--lines: "${asked}" is not a count`);
  if (most > limits.tailLines) throw new UserError('usage', `--lines takes at most ${limits.tailLines}`, { hint: 'Without --lines all are printed, however many; `| tail` keeps what is wanted of them' });
  const kept: LogRow[] = [];
  let oldest = 0;
  return {
    most,
    push(row) {
      if (kept.length < most) kept.push(row);
      else if (most > 0) {
        kept[oldest] = row;
        oldest = (oldest + 1) % most;
      }
    },
    taken: () => [...kept.slice(oldest), ...kept.slice(0, oldest)],
  };
}

async function printStored(backend: Backend, log: LogOfRun, io: Io): Promise<void> {
  await readStored(backend, log, io.readerGone);
  log.storedEnd();
}

/** `onSeq` hears up to where all is known that is wanted. */
async function readStored(backend: Backend, log: LogOfRun, signal: AbortSignal, onSeq?: (seq: number) => void): Promise<void> {
  if (log.last === undefined) return await readPages(backend, log, 0, signal, onSeq);
  const { rows, newestSeq } = await lastLines(backend, log.runId, log.last, signal);
  for (const row of rows) log.take(row, true);
  onSeq?.(newestSeq);
}

/** Page by page, each printed before the next is read: a log of any size begins at once and needs the memory of a page. */
async function readPages(backend: Backend, log: LogOfRun, afterSeq: number, signal: AbortSignal, onSeq?: (seq: number) => void): Promise<void> {
  for (let last = afterSeq; !signal.aborted;) {
    const page = await backend.logs(log.runId, { afterSeq: last, limit: limits.batchRows });
    for (const row of page) {
      log.take(row, true);
      last = row.seq;
    }
    onSeq?.(last);
    if (page.length < limits.batchRows) break;
    // A closed pipe is heard of between two turns of the event loop.
    await new Promise(setImmediate);
  }
}

/** `14:03:07.250 warn  8e   webhook  the message {"data":…}` */
function logLine(log: LogRow, displayOf: (key: string) => string | undefined, io: Io): string {
  const step = log.step_key === null ? String(log.step_number ?? '') : (displayOf(log.step_key) ?? log.step_key);
  const data = log.data === null ? '' : ` ${io.paint('muted', printable(JSON.stringify(log.data)))}`;
  return [
    io.paint('muted', formatClock(log.timestamp)),
    io.paint(levelStyle[log.log_level], log.log_level.padEnd(8)),
    printable(step).padEnd(4),
    io.paint('muted', log.execution_context.padEnd(13)),
    `${printable(log.message)}${data}`,
  ].join(' ');
}

/** What is stored, then what comes, until the run has ended. A link that is lost is told, and what was missed is read. */
async function follow(backend: Backend, log: LogOfRun, io: Io): Promise<void> {
  const interrupt = onInterrupt();
  const link = watchLink(io, `tail -f ${log.runId}`);
  const signal = AbortSignal.any([interrupt.signal, io.readerGone, link.gaveUp]);
  let mark = 0;
  const onSeq = (seq: number): void => void (mark = seq);
  let isStored = true;
  const storedEnd = (): void => {
    if (isStored) log.storedEnd();
    isStored = false;
  };
  try {
    const isOver = await readStored(backend, log, signal, onSeq)
      .then(async () => isFinal(await backend.run(log.runId)))
      .catch((error: unknown) => {
        // The backend went while we read: what follows goes on where we were, and tells.
        if (error instanceof UserError && error.code === 'unavailable') return false;
        throw error;
      });
    if (!isOver && !signal.aborted) await takeUntilEnd();
    // The end of a run may be seen before its last lines.
    await readPages(backend, { ...log, take: (row) => log.take(row, isStored) }, mark, signal, onSeq);
    storedEnd();
    if (link.gaveUp.aborted) throw link.gaveUp.reason;
    if (interrupt.signal.aborted) throw new Ended(exitStatusOf(interrupt.signal.reason as NodeJS.Signals));
  } finally {
    link.stop();
    interrupt.stop();
  }

  function takeUntilEnd(): Promise<void> {
    return new Promise((resolve, reject) => {
      let isDone = false;
      const end = (settle: () => void): void => {
        isDone = true;
        stop?.();
        signal.removeEventListener('abort', onAbort);
        settle();
      };
      const onAbort = (): void => end(resolve);
      let stop: (() => void) | undefined;
      stop = backend.followRun(
        log.runId,
        {
          onLink(state) {
            link.onLink(state);
            if (state.state === 'live') storedEnd();
          },
          onChanges(changes) {
            try {
              let isOver = false;
              for (const { table, row } of changes) {
                if (isDone) return;
                if (table === 'test_execution_logs') {
                  log.take(row, isStored);
                  mark = row.seq;
                } else if (table === 'test_execution_steps' && row.display !== null) log.learn(row.step_key, row.display);
                else if (table === 'test_execution_runs') isOver = isFinal(row);
              }
              if (isOver) end(resolve);
            } catch (error) {
              end(() => reject(error));
            }
          },
        },
        { afterSeq: mark },
      );
      if (isDone) stop();
      else if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort);
    });
  }
}
