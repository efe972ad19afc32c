import type { Backend } from '../../client/backend.ts';
import { watchAlong, type WatchedStep, type WatchValue } from '../../core/watch.ts';
import type { StepRow } from '../../protocol/rows.ts';

/** What an expression was at one step of a run. */
export interface WatchedValue {
  readonly step: Pick<StepRow, 'step_key' | 'display' | 'step_name' | 'status' | 'parent_step_key'>;
  readonly outcome: WatchValue['outcome'];
}

/** An expression at every step that a run has come to, in their order. Reads one snapshot after the other. */
export async function watchedValues(backend: Backend, runId: string, expression: string): Promise<readonly WatchedValue[]> {
  const run = await backend.run(runId);
  const rows = (await backend.steps(runId)).filter((row) => row.status !== 'pending' && row.status !== 'skipped');
  const steps: (WatchedStep & { readonly row: StepRow })[] = [];
  for (const row of rows) steps.push({ row, snapshot: await backend.snapshot(runId, row.step_key, row.attempt) });
  return watchAlong([expression], steps, run).map(({ values }, index) => {
    const { step_key, display, step_name, status, parent_step_key } = steps[index]!.row;
    return { step: { step_key, display, step_name, status, parent_step_key }, outcome: values[0]!.outcome };
  });
}
