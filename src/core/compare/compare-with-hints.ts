import { limits } from '../../protocol/limits.ts';
import type { StepRow } from '../../protocol/rows.ts';
import type { HintsOf } from './align-steps.ts';
import { compareRuns } from './compare-runs.ts';
import type { DurationHistory, RecordedRun, RunComparison } from './comparison.ts';
import type { StepHints } from './likeness.ts';

/** Reads what is known of steps of one run beside their rows, by step key. */
export type HintReader = (runIndex: number, steps: readonly StepRow[]) => Promise<ReadonlyMap<string, StepHints>>;

/** Sub-steps without a partner are found when their steps have one: so many levels are looked at. */
const LEVELS = 3;

/**
 * {@link compareRuns}, with the code and the fields of steps that no key matches: so that one is found again whose key
 * and name are new. Of runs with the same keys nothing is read, and of those with more than `limits.hintedSteps` others
 * names have to do.
 */
export async function compareWithHints(
  runs: readonly RecordedRun[],
  read: HintReader,
  options: { readonly history?: DurationHistory | undefined } = {},
): Promise<{ readonly comparison: RunComparison; readonly hintsOf: HintsOf }> {
  const hints = new Map<string, StepHints>();
  const asked = new Map<string, StepRow>();
  const hintsOf: HintsOf = (step) => {
    asked.set(step.id, step);
    return hints.get(step.id);
  };
  let comparison = compareRuns(runs, { ...options, hintsOf });
  const rows = runs.map(({ steps }) => new Map(steps.map((step) => [step.id, step])));
  for (let level = 0; level < LEVELS; level++) {
    if (asked.size > limits.hintedSteps) break;
    // A row that stands for a line has the key of the line: what is read is asked for by its own.
    const open = rows.map((own) => [...asked.keys()].filter((id) => !hints.has(id)).flatMap((id) => own.get(id) ?? []));
    if (open.every((steps) => steps.length === 0)) break;
    for (const [index, steps] of open.entries()) {
      const found = steps.length === 0 ? undefined : await read(index, steps);
      for (const step of steps) hints.set(step.id, found?.get(step.step_key) ?? {});
    }
    comparison = compareRuns(runs, { ...options, hintsOf });
  }
  return { comparison, hintsOf: (step) => hints.get(step.id) };
}
