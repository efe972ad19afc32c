import { EXPECTED_STEPS, type ExpectedBehavior } from '../protocol/auto-test.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { RunRow, StepRow } from '../protocol/rows.ts';
import { latestAttempts } from './fork-plan.ts';

/** What a test made from a run expects. `outputs` are those of its last completed step. */
export function expectedOf(run: RunRow, steps: readonly StepRow[], outputs: JsonObject | null): ExpectedBehavior {
  const ended = [...latestAttempts(steps).values()].toSorted((a, b) => a.ordinal - b.ordinal);
  return {
    status: run.status,
    shouldNotFail: true,
    failedStep: run.failed_step,
    error: run.error_message,
    steps: ended.slice(0, EXPECTED_STEPS).map(({ step_key: key, status, error_message: error }) => ({ key, status, ...(error !== null && { error }) })),
    outputs,
  };
}

/** `regression_generate_content_provider_response`, or `…_ok` of a run that completed. */
export function testNameOf({ pipeline_key, failed_step, status }: RunRow): string {
  const end = status === 'completed' ? 'ok' : (failed_step?.split('.').at(-1) ?? status);
  return ['regression', pipeline_key ?? 'run', end].map((word) => word.replaceAll(/[^a-zA-Z0-9]+/g, '_')).join('_');
}

/** The first of `name`, `name_2`, `name_3`, … that is not taken. */
export function freeName(name: string, taken: ReadonlySet<string>): string {
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? name : `${name}_${n}`;
    if (!taken.has(candidate)) return candidate;
  }
}
