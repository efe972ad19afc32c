import type { Backend } from '../client/backend.ts';
import { errorCodes } from '../protocol/error.ts';
import type { RunRow } from '../protocol/rows.ts';
import { followToEnd } from './follow-run.ts';
import { exitStatusOf, onInterrupt } from './interrupt.ts';
import type { Io } from './io.ts';
import { runSummary } from './print/run-summary.ts';
import { stepPrinter } from './print/step-lines.ts';

/** A cancelled run has this long to stop before we leave it to the runner's own grace. */
const cancelGraceMs = 15_000;

/**
 * Prints a run's steps until it ends, and returns the exit status its end deserves.
 *
 * Ctrl-C cancels a run that this process executes (`isOurs`): it would die with us. One that a backend of its
 * own executes goes on, and we say so.
 */
export async function watchRun(backend: Backend, run: RunRow, options: { readonly isOurs: boolean; readonly io: Io }): Promise<number> {
  const { io, isOurs } = options;
  const id = run.test_run_id;
  const interrupt = onInterrupt();
  const stop = AbortSignal.any([interrupt.signal, io.readerGone]);
  const print = stepPrinter(io);
  try {
    let view = await followToEnd(backend, id, { onView: print, signal: stop });
    if (stop.aborted) {
      if (isOurs) {
        io.err('Cancelling the run…');
        await backend.command(id, 'cancel').catch(() => undefined);
        view = await followToEnd(backend, id, { onView: print, signal: AbortSignal.timeout(cancelGraceMs) });
      } else {
        io.err(`The run goes on without us. Watch it with \`stepscope tail -f ${id}\`, stop it with \`stepscope cancel ${id}\`.`);
      }
      return interrupt.signal.aborted ? exitStatusOf(interrupt.signal.reason as NodeJS.Signals) : 0;
    }
    const { status } = view.run ?? run;
    const summary = runSummary(view, view.run ?? run, io);
    if (!io.json) summary.forEach((line) => io.out(line));
    else if (status !== 'completed') summary.forEach((line) => io.err(line));
    return status === 'completed' ? 0 : errorCodes.failed.exit;
  } finally {
    interrupt.stop();
  }
}
