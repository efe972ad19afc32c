import type { Backend } from '../client/backend.ts';
import { isHeldAfter, placelessReason } from '../core/hold-reason.ts';
import { isFinal } from '../core/run-state.ts';
import { flattenSteps } from '../core/step-reference.ts';
import { printable } from '../core/format.ts';
import type { RunRow } from '../protocol/rows.ts';

/**
 * The run when it has stopped somewhere else than it stood `before`, or has ended; after `patienceMs` as it is
 * then.
 */
export async function untilStopped(backend: Backend, before: RunRow, patienceMs: number): Promise<RunRow> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let now = before;
  const timer = setTimeout(resolve, patienceMs);
  const stop = backend.followRun(before.test_run_id, {
    onChanges: (changes) => {
      for (const change of changes) {
        if (change.table === 'test_execution_runs' && change.row.seq > now.seq) now = change.row;
      }
      if (isFinal(now) || (now.status === 'paused' && now.paused_at !== before.paused_at)) resolve();
    },
  });
  await promise;
  clearTimeout(timer);
  stop();
  return now;
}

/** `held before 8 Call Edge Function (step)`, `running 10 Provider Response`, `completed`. */
export function standing(run: RunRow): string {
  if (isFinal(run)) return run.status;
  const step = flattenSteps(run.step_tree ?? []).find((one) => one.key === run.current_step);
  const name = step === undefined ? (run.current_step ?? '') : `${step.display} ${printable(step.name)}`;
  if (run.status !== 'paused') return `${run.status} ${name}`.trimEnd();
  const why = run.pause_reason === null ? '' : ` (${printable(placelessReason(run.pause_reason))})`;
  return `held ${isHeldAfter(run) ? 'after' : 'before'} ${name}${why}`;
}
