import type { Backend, LeaseHandle } from '../client/backend.ts';
import { errorCodes } from '../protocol/error.ts';
import type { RunRow } from '../protocol/rows.ts';
import type { RunStatus } from '../protocol/vocabulary.ts';
import { followToEnd } from './follow-run.ts';
import { exitStatusOf, onInterrupt } from './interrupt.ts';
import type { Io } from './io.ts';
import { watchLink } from './link-watch.ts';
import { runSummary } from './print/run-summary.ts';
import { stepPrinter } from './print/step-lines.ts';

/** A cancelled run has this long to stop before we leave it to the runner's own grace. */
const cancelGraceMs = 15_000;

/**
 * Prints a run's steps until it ends, and returns the exit status its end deserves.
 *
 * Ctrl-C cancels a run that this process executes (`isOurs`): it would die with us. One that a backend of its
 * own executes goes on, and we say so. Throws `unavailable` when the backend went away and did not come back in time.
 */
export async function watchRun(backend: Backend, run: RunRow, options: { readonly isOurs: boolean; readonly io: Io }): Promise<number> {
  const { io, isOurs } = options;
  const id = run.test_run_id;
  const interrupt = onInterrupt();
  const link = watchLink(io, `tail -f ${id}`);
  const stop = AbortSignal.any([interrupt.signal, io.readerGone, link.gaveUp]);
  const print = stepPrinter(io);
  const pause = keepWhileHeld(backend, id);
  const onView: typeof print = (view, isWhole) => {
    print(view, isWhole);
    pause.see(view.run?.status);
  };
  try {
    let view = await followToEnd(backend, id, { onView, onLink: link.onLink, signal: stop });
    if (link.gaveUp.aborted) throw link.gaveUp.reason;
    if (stop.aborted) {
      if (isOurs) {
        io.err('Cancelling the run…');
        await backend.command(id, 'cancel').catch(() => undefined);
        view = await followToEnd(backend, id, { onView: print, signal: AbortSignal.timeout(cancelGraceMs) });
      } else {
        await pause.release();
        io.err(`The run goes on without us. Watch it with \`${io.command(`tail -f ${id}`)}\`, stop it with \`${io.command(`cancel ${id}`)}\`.`);
      }
      return interrupt.signal.aborted ? exitStatusOf(interrupt.signal.reason as NodeJS.Signals) : 0;
    }
    const { status } = view.run ?? run;
    const summary = runSummary(view, view.run ?? run, io);
    if (!io.json) summary.forEach((line) => io.out(line));
    else if (status !== 'completed') summary.forEach((line) => io.err(line));
    return status === 'completed' ? 0 : errorCodes.failed.exit;
  } finally {
    link.stop();
    interrupt.stop();
  }
}

interface WatchersPause {
  readonly see: (status: RunStatus | undefined) => void;
  /** Lets go of the pause: who leaves in order leaves the run as it is. */
  readonly release: () => Promise<void>;
}

/** The pause of a run that is watched is its watcher's, as a terminal's is: when the watcher dies, the run's `on_lease_end` applies. */
function keepWhileHeld(backend: Backend, id: string): WatchersPause {
  let isHeld = false;
  let handle: LeaseHandle | undefined;
  let last: Promise<void> = Promise.resolve();
  const settle = async () => {
    if (isHeld) {
      handle ??= await backend.keepLease(id, { onLost: () => (handle = undefined) });
      return;
    }
    const kept = handle;
    handle = undefined;
    await kept?.release();
  };
  const keep = (wanted: boolean): Promise<void> => {
    isHeld = wanted;
    // One after the other. A pause of somebody else stays theirs, and a link that is lost costs the run nothing.
    last = last.then(settle).catch(() => undefined);
    return last;
  };
  return {
    see: (status) => {
      if (status !== undefined && isHeld !== (status === 'paused')) void keep(status === 'paused');
    },
    release: () => keep(false),
  };
}
