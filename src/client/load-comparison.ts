import { compareWithHints } from '../core/compare/compare-with-hints.ts';
import type { CompareOptions, DivergenceFound, DurationHistory, RecordedRun, RunComparison, StepValues } from '../core/compare/comparison.ts';
import { firstDivergence } from '../core/compare/first-divergence.ts';
import type { StepHints } from '../core/compare/likeness.ts';
import type { RunRow, StepRow } from '../protocol/rows.ts';
import type { Backend } from './backend.ts';
import type { ValueReader } from './comparing.ts';
import { snapshotHints } from './step-hints.ts';
import type { TraceReader } from './trace-file.ts';

/** A run to compare, wherever it lies. */
export interface RunSource {
  readonly run: RunRow;
  readonly steps: () => Promise<RecordedRun['steps']>;
  readonly values: ValueReader;
  readonly hints: (steps: readonly StepRow[]) => Promise<ReadonlyMap<string, StepHints>>;
}

/** A stored run. Runs of one comparison share a reader: much of their values is the same. */
export function storedRun(backend: Backend, run: RunRow, values: ValueReader): RunSource {
  return { run, steps: () => backend.steps(run.test_run_id), values, hints: (steps) => backend.stepHints(run.test_run_id, steps) };
}

/** A run in a file. */
export function recordedRun(reader: TraceReader): RunSource {
  return {
    run: reader.run,
    steps: () => reader.steps(),
    values: async (_, steps) => {
      const found = new Map<string, StepValues>();
      for (const { step_key: key, attempt } of steps) {
        const snapshot = await reader.snapshot(key, attempt);
        if (snapshot !== undefined) found.set(key, snapshot);
      }
      return found;
    },
    hints: async (steps) => {
      const found = new Map<string, StepHints>();
      for (const { step_key: key, attempt } of steps) {
        const snapshot = await reader.snapshot(key, attempt);
        if (snapshot !== undefined) found.set(key, snapshotHints(snapshot));
      }
      return found;
    },
  };
}

/** Reads the rows of runs and puts them beside each other; what a screen shows first. Without history, times are not judged. */
export async function loadComparison(sources: readonly RunSource[], history?: DurationHistory): Promise<RunComparison> {
  const runs = await Promise.all(sources.map(async ({ run, steps }): Promise<RecordedRun> => ({ run, steps: await steps() })));
  return (await compareWithHints(runs, (index, steps) => sources[index]!.hints(steps), { history })).comparison;
}

/** The first divergence of each run after the first, in their order. */
export async function loadDivergences(comparison: RunComparison, sources: readonly RunSource[], options: CompareOptions = {}): Promise<readonly DivergenceFound[]> {
  const found: DivergenceFound[] = [];
  for (let i = 1; i < sources.length; i++) {
    found.push(await firstDivergence(comparison, i, (index, steps) => sources[index]!.values(sources[index]!.run.test_run_id, steps), options));
  }
  return found;
}
