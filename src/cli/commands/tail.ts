import type { Command } from 'commander';
import type { Backend } from '../../client/backend.ts';
import { matchesFilter, parseFilter } from '../../core/filter.ts';
import type { Filter } from '../../core/filter.ts';
import { formatClock, printable } from '../../core/format.ts';
import { flattenSteps } from '../../core/step-reference.ts';
import { UserError } from '../../protocol/error.ts';
import type { LogRow, RunRow } from '../../protocol/rows.ts';
import { limits } from '../../protocol/limits.ts';
import type { LogLevel } from '../../protocol/vocabulary.ts';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';
import { Ended } from '../failure.ts';
import { followToEnd } from '../follow-run.ts';
import { exitStatusOf, onInterrupt } from '../interrupt.ts';
import type { Io, Style } from '../io.ts';
import { watchLink } from '../link-watch.ts';

interface Flags {
  readonly follow?: boolean;
  readonly filter: string;
  readonly lines?: string;
}

const levelStyle: Record<LogLevel, Style> = { debug: 'muted', info: 'active', warn: 'warn', error: 'bad', critical: 'bad' };

export function addTailCommand(program: Command): void {
  const command = program
    .command('tail')
    .description('Prints the log of a run.')
    .argument('[run]', 'id, its last characters, or "last"', 'last')
    .option('-f, --follow', 'go on with new lines until the run ends')
    .option('--filter <filter>', 'level>=warn context=webhook step=8.* "timeout"', '')
    .option('-n, --lines <count>', 'only the last lines of those that are there');
  onCall<Flags>(command, async ({ args, flags, settings, io }) => {
    const filter = parseFilter(flags.filter);
    const most = flags.lines === undefined ? Infinity : Number(flags.lines);
    if (Number.isNaN(most) || most < 0) throw new UserError('usage', `--lines: "${flags.lines}" is not a count`);
    await withBackend(settings, io, { runner: false }, async ({ backend }) => {
      const run = await backend.run(args[0]!);
      const print = linePrinter(run, filter, io);
      const stored = await allLogs(backend, run.test_run_id, io.readerGone);
      const passing = stored.filter(print.passes);
      passing.slice(most === Infinity ? 0 : Math.max(0, passing.length - most)).forEach(print.line);
      if (flags.follow === true) await follow(backend, run, stored.at(-1)?.seq ?? 0, print, io);
    });
  });
}

interface LinePrinter {
  passes(this: void, log: LogRow): boolean;
  line(this: void, log: LogRow): void;
}

function linePrinter(run: RunRow, filter: Filter, io: Io): LinePrinter {
  const displays = new Map(flattenSteps(run.step_tree ?? []).map((step) => [step.key, step.display]));
  const displayOf = (key: string): string | undefined => displays.get(key);
  return {
    passes: (log) => matchesFilter(filter, log, displayOf),
    line: (log) => io.out(io.json ? JSON.stringify(log) : logLine(log, displayOf, io)),
  };
}

/** `14:03:07.250 warn  8e   webhook  the message {"data":…}` */
function logLine(log: LogRow, displayOf: (key: string) => string | undefined, io: Io): string {
  const step = log.step_key === null ? String(log.step_number ?? '') : (displayOf(log.step_key) ?? log.step_key);
  const data = log.data === null ? '' : ` ${io.paint('muted', printable(JSON.stringify(log.data)))}`;
  return [
    io.paint('muted', formatClock(log.timestamp)),
    io.paint(levelStyle[log.log_level], log.log_level.padEnd(8)),
    step.padEnd(4),
    io.paint('muted', log.execution_context.padEnd(13)),
    `${printable(log.message)}${data}`,
  ].join(' ');
}

async function allLogs(backend: Backend, runId: string, signal: AbortSignal): Promise<readonly LogRow[]> {
  const all: LogRow[] = [];
  while (!signal.aborted) {
    const page = await backend.logs(runId, { afterSeq: all.at(-1)?.seq ?? 0, limit: limits.batchRows });
    for (const log of page) all.push(log);
    if (page.length < limits.batchRows) break;
  }
  return all;
}

async function follow(backend: Backend, run: RunRow, afterSeq: number, print: LinePrinter, io: Io): Promise<void> {
  const interrupt = onInterrupt();
  const link = watchLink(io, `tail -f ${run.test_run_id}`);
  let printed = 0;
  try {
    await followToEnd(backend, run.test_run_id, {
      signal: AbortSignal.any([interrupt.signal, io.readerGone, link.gaveUp]),
      onView(view) {
        for (; printed < view.logCount; printed++) {
          const log = view.logs[printed]!;
          if (log.seq > afterSeq && print.passes(log)) print.line(log);
        }
      },
      onLink: link.onLink,
    });
    if (link.gaveUp.aborted) throw link.gaveUp.reason;
    if (interrupt.signal.aborted) throw new Ended(exitStatusOf(interrupt.signal.reason as NodeJS.Signals));
  } finally {
    link.stop();
    interrupt.stop();
  }
}
