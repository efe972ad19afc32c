import type { Backend, StepSnapshot } from '../../client/backend.ts';
import type { RunCharges } from '../../client/run-charges.ts';
import type { ModelRow } from '../../protocol/account-rows.ts';
import type { CommentRow } from '../../protocol/debug-rows.ts';
import type { RunRow, StepRow } from '../../protocol/rows.ts';

/** What there is to know of a run beside what its steps and its log say. */
export interface RunInformation {
  readonly run: RunRow;
  /** The model as it is registered; undefined when the run has none, or it is gone. */
  readonly model: ModelRow | undefined;
  readonly charges: RunCharges | undefined;
  readonly comments: readonly CommentRow[];
  readonly steps: { readonly all: number; readonly edited: number; readonly reused: number; readonly failed: number };
  /** How long each was held: the time of a run that works goes on. */
  readonly rows: readonly StepRow[];
  /** The last main step that has completed, with what it returned and left. */
  readonly end: { readonly step: StepRow; readonly snapshot: StepSnapshot | undefined } | undefined;
}

/** Reads it, as it is now. */
export async function runInformation(backend: Backend, runId: string): Promise<RunInformation> {
  const [run, steps, comments, models, charges] = await Promise.all([
    backend.run(runId), backend.steps(runId), backend.comments(runId), backend.models(),
    // A recording has no ledger, and there are those who may not read it.
    backend.runCharges(runId).catch(() => undefined),
  ]);
  const last = steps.filter((step) => step.parent_step_key === null && (step.status === 'completed' || step.status === 'reused')).at(-1);
  const count = (is: (step: StepRow) => boolean): number => steps.filter(is).length;
  return {
    run, comments, charges,
    model: models.find((one) => one.model_record_id === run.model_record_id),
    steps: { all: steps.length, edited: count((step) => step.is_edited), reused: count((step) => step.status === 'reused'), failed: count((step) => step.status === 'failed') },
    rows: steps,
    end: last && { step: last, snapshot: await backend.snapshot(runId, last.step_key, last.attempt) },
  };
}
