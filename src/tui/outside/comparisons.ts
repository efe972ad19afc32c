import type { Backend } from '../../client/backend.ts';
import { earlierHistory } from '../../client/earlier-runs.ts';
import type { ValueReader } from '../../client/comparing.ts';
import type { HintsOf } from '../../core/compare/align-steps.ts';
import type { DivergenceFound, RecordedRun, RunComparison, ValueDifferences } from '../../core/compare/comparison.ts';
import { comparableValues } from '../../core/compare/comparable.ts';
import { compareRuns } from '../../core/compare/compare-runs.ts';
import { compareWithHints } from '../../core/compare/compare-with-hints.ts';
import { compareValues } from '../../core/compare/compare-values.ts';
import { differencesSummary, performanceDelta } from '../../core/compare/summarise.ts';
import { firstDivergence } from '../../core/compare/first-divergence.ts';

/** The last comparison of a backend: what is asked next is about the same. */
const lastOf = new WeakMap<Backend, { readonly key: string; readonly kept: Promise<Kept> }>();

interface Kept {
  readonly runs: readonly RecordedRun[];
  readonly comparison: RunComparison;
  readonly values: ValueReader;
  readonly hintsOf: HintsOf;
}

function keptOf(backend: Backend, runIds: readonly string[]): Promise<Kept> {
  const key = runIds.join(' ');
  const known = lastOf.get(backend);
  if (known?.key === key) return known.kept;
  const kept = readComparison(backend, runIds);
  lastOf.set(backend, { key, kept });
  // What failed is asked again.
  kept.catch(() => lastOf.delete(backend));
  return kept;
}

/** Runs beside each other, by their rows as they are now: runs go on. */
export async function comparisonOf(backend: Backend, runIds: readonly string[]): Promise<RunComparison> {
  lastOf.delete(backend);
  return (await keptOf(backend, runIds)).comparison;
}

async function readComparison(backend: Backend, runIds: readonly string[]): Promise<Kept> {
  const runs = await Promise.all(runIds.map(async (runId) => ({ run: await backend.run(runId), steps: await backend.steps(runId) })));
  const { comparison, hintsOf } = await compareWithHints(runs, (index, steps) => backend.stepHints(runIds[index]!, steps));
  return { runs, comparison, hintsOf, values: backend.valueReader() };
}

/** The comparison with times judged by those of earlier runs of the pipeline. */
export async function judgedComparison(backend: Backend, runIds: readonly string[]): Promise<RunComparison> {
  const { runs, comparison, hintsOf } = await keptOf(backend, runIds);
  const history = await earlierHistory(backend, runs.map(({ run }) => run));
  return history === undefined ? comparison : compareRuns(runs, { hintsOf, history });
}

/** Where a run first went another way than the first of the compared ones. */
export async function divergenceOf(backend: Backend, runIds: readonly string[], other: number, ignoreVolatile: boolean): Promise<DivergenceFound> {
  const { comparison, values } = await keptOf(backend, runIds);
  return firstDivergence(comparison, other, (run, steps) => values(runIds[run]!, steps), { ignoreVolatile });
}

/** How the values of one line of the comparison differ. */
export async function differencesOf(backend: Backend, runIds: readonly string[], index: number, other: number, ignoreVolatile: boolean): Promise<readonly ValueDifferences[]> {
  const { comparison, values } = await keptOf(backend, runIds);
  const line = comparison.steps[index];
  const [a, b] = [line?.steps[0], line?.steps[other]];
  if (!a || !b) return [];
  const [old, now] = await Promise.all([values(runIds[0]!, [a]), values(runIds[other]!, [b])]);
  const [before, after] = [old.get(a.step_key), now.get(b.step_key)];
  return before && after ? compareValues(...comparableValues(comparison, line!, other, [before, after]), { ignoreVolatile }) : [];
}

/** Keeps the comparison: what differs first in each run, and the times beside each other. */
export async function saveComparison(backend: Backend, name: string, runIds: readonly string[], ignoreVolatile: boolean): Promise<void> {
  const comparison = await judgedComparison(backend, runIds);
  const found = await Promise.all(runIds.slice(1).map((_, index) => divergenceOf(backend, runIds, index + 1, ignoreVolatile)));
  await backend.saveComparison({ name, runIds, differences: differencesSummary(comparison, found, { ignoreVolatile }), performance: performanceDelta(comparison) });
}
