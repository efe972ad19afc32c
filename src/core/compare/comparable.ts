import type { JsonObject } from '../../protocol/json.ts';
import type { RunRow } from '../../protocol/rows.ts';
import type { ComparedStep, RunComparison, StepValues } from './comparison.ts';

/**
 * The values of a step in the first run and in another one, without what cannot be compared: a fork goes into the steps
 * around its fork point with the results of the sub-steps it reuses already in its state, where the parent run had none
 * yet. So the state before such a step says nothing, and its outputs lack what was there before. The state after it has all.
 */
export function comparableValues(
  { runs }: Pick<RunComparison, 'runs'>,
  line: ComparedStep,
  runIndex: number,
  values: readonly [StepValues, StepValues],
): readonly [StepValues, StepValues] {
  const [a, b] = values;
  const [isFirst, isOther] = [0, runIndex].map((index) => isAroundFork(runs[index]!, line.steps[index]?.step_key));
  if (!isFirst && !isOther) return values;
  return [
    { ...a, stateBefore: null, outputs: isOther ? only(a.outputs, b.outputs) : a.outputs },
    { ...b, stateBefore: null, outputs: isFirst ? only(b.outputs, a.outputs) : b.outputs },
  ];
}

function isAroundFork({ forked_from_step: from }: RunRow, key: string | undefined): boolean {
  return from !== null && key !== undefined && from.startsWith(`${key}.`);
}

/** The fields that the other has as well. */
function only(of: JsonObject | null, other: JsonObject | null): JsonObject | null {
  return of === null || other === null ? of : Object.fromEntries(Object.entries(of).filter(([name]) => Object.hasOwn(other, name)));
}
