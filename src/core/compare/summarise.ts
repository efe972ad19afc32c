import type { DifferencesSummary, Divergence, PerformanceDelta } from '../../protocol/comparison.ts';
import type { Json } from '../../protocol/json.ts';
import { limits } from '../../protocol/limits.ts';
import { plural } from '../format.ts';
import { rowOf } from './compare-runs.ts';
import type { CompareOptions, DivergenceFound, RunComparison, StepCounts } from './comparison.ts';

/** What a comparison found, to be kept. `found`: what `firstDivergence` said of each run after the first, in their order. */
export function differencesSummary(comparison: RunComparison, found: readonly DivergenceFound[], options: CompareOptions = {}): DifferencesSummary {
  const [first] = comparison.logs;
  return {
    stepscope: 'comparison',
    version: 1,
    options: { ignore: [...(options.ignore ?? [])], tolerance: options.tolerance?.absolute ?? options.tolerance?.relative ?? 0, ignoreVolatile: options.ignoreVolatile ?? false },
    runs: comparison.runs.slice(1).map((run, i) => ({
      runId: run.test_run_id,
      status: run.status,
      steps: comparison.counts[i + 1]!,
      firstDivergence: shortened(found[i]?.divergence) ?? null,
      comparedSteps: found[i]?.comparedSteps ?? 0,
      errors: comparison.logs[i + 1]!.errors - first!.errors,
      logs: comparison.logs[i + 1]!.all - first!.all,
    })),
  };
}

/** The times of a comparison, to be kept: of the whole runs, and of steps outside of the noise, what costs most first. */
export function performanceDelta(comparison: RunComparison): PerformanceDelta {
  return {
    stepscope: 'performance',
    version: 1,
    runs: comparison.runs.map((run, i) => ({ runId: run.test_run_id, totalMs: comparison.times[i]?.ms ?? null, judgement: comparison.times[i] ?? null })),
    steps: notableTimes(comparison)
      .slice(0, limits.comparisonSteps)
      .map((index) => {
        const line = comparison.steps[index]!;
        const { step_key: step, display, step_name: name } = rowOf(line);
        return { step, display, name, times: line.times.map((judgement) => ({ ms: judgement?.ms ?? null, judgement })) };
      }),
  };
}

/** Lines whose time is outside of the noise in one of the runs at least, those that are furthest from usual first; as indices. */
export function notableTimes(comparison: RunComparison): readonly number[] {
  const distance = (index: number): number =>
    Math.max(...comparison.steps[index]!.times.map((time) => (time?.verdict === 'slower' || time?.verdict === 'faster' ? Math.abs(time.ms - (time.median ?? 0)) : -1)));
  return [...comparison.steps.keys()].filter((index) => distance(index) >= 0).toSorted((a, b) => distance(b) - distance(a));
}

/** `1 of 27 ended differently, 2 renamed`, `27 steps ended alike`: by status, error and attempts. Values may differ where the end is alike. */
export function endingWords(counts: StepCounts): string {
  return [
    counts.different > 0 ? `${counts.different} of ${counts.different + counts.same} ended differently` : `${plural(counts.same, 'step')} ended alike`,
    ...(['renamed', 'added', 'removed', 'moved'] as const).map((kind) => (counts[kind] > 0 ? `${counts[kind]} ${kind}` : '')),
  ].filter(Boolean).join(', ');
}

function shortened(divergence: Divergence | undefined): Divergence | undefined {
  if (divergence === undefined) return undefined;
  const { expected, actual, ...rest } = divergence;
  return { ...rest, ...(expected === undefined ? {} : { expected: cut(expected) }), ...(actual === undefined ? {} : { actual: cut(actual) }) };
}

/** A value that is too long to be kept says how long it was and how it begins. */
function cut(value: Json): Json {
  const text = JSON.stringify(value);
  return text.length <= limits.comparisonValueLength ? value : { $truncated: text.length, begins: text.slice(0, limits.comparisonValueLength / 2).toWellFormed() };
}
