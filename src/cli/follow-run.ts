import type { Backend, LinkState } from '../client/backend.ts';
import { isFinal } from '../core/run-state.ts';
import { applyChanges, emptyView } from '../core/run-view.ts';
import type { RunView } from '../core/run-view.ts';

export interface FollowOptions {
  /** Called with every newer view, at last with the one to which nothing will be added. */
  readonly onView: (view: RunView, isWhole: boolean) => void;
  readonly onLink?: ((link: LinkState) => void) | undefined;
  /** Stops following; the promise then resolves with what is known. */
  readonly signal: AbortSignal;
}

/** Follows a run until it has ended, and resolves with all of it. */
export async function followToEnd(backend: Backend, runId: string, options: FollowOptions): Promise<RunView> {
  const view = await followWhileOpen(backend, runId, options);
  return options.signal.aborted ? view : await withLastRows(backend, runId, view, options);
}

function followWhileOpen(backend: Backend, runId: string, options: FollowOptions): Promise<RunView> {
  return new Promise((resolve, reject) => {
    let view = emptyView();
    let stop: (() => void) | undefined;
    let isOver = false;
    const finish = (act: () => void): void => {
      isOver = true;
      stop?.();
      options.signal.removeEventListener('abort', onAbort);
      act();
    };
    const onAbort = (): void => finish(() => resolve(view));

    stop = backend.followRun(runId, {
      onChanges(changes) {
        if (isOver) return;
        view = applyChanges(view, changes);
        try {
          options.onView(view, false);
        } catch (error) {
          finish(() => reject(error));
          return;
        }
        if (view.run !== undefined && isFinal(view.run)) finish(() => resolve(view));
      },
      onLink: options.onLink,
    });
    if (isOver) stop();
    else if (options.signal.aborted) onAbort();
    else options.signal.addEventListener('abort', onAbort);
  });
}

/** A run's row is read back as it is by then, so its end may be seen before the last rows of its steps and log: they are read. */
async function withLastRows(backend: Backend, runId: string, view: RunView, options: FollowOptions): Promise<RunView> {
  const afterSeq = view.logCount > 0 ? view.logs.seqAt(view.logCount - 1) : 0;
  const [steps, logs] = await Promise.all([backend.steps(runId), backend.logs(runId, { afterSeq })]);
  const whole = applyChanges(view, [
    ...steps.map((row) => ({ table: 'test_execution_steps' as const, row })),
    ...logs.map((row) => ({ table: 'test_execution_logs' as const, row })),
  ]);
  options.onView(whole, true);
  return whole;
}
