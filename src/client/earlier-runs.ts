import type { DurationHistory } from '../core/compare/comparison.ts';
import type { PipelineHistory } from '../core/performance/performance.ts';
import { historyWithout } from '../core/performance/trends.ts';
import type { RunRow } from '../protocol/rows.ts';
import type { Backend } from './backend.ts';
import type { HistoryOptions } from './comparing.ts';

type HistoryReader = Pick<Backend, 'stepHistory'>;

/** Completed runs of the pipeline of these, the newest up to the first of them, with it. Undefined for a program that is only traced. */
export async function historyUpTo(backend: HistoryReader, runs: readonly RunRow[], options: Pick<HistoryOptions, 'limit' | 'since'> = {}): Promise<PipelineHistory | undefined> {
  const first = runs.toSorted((a, b) => Date.parse(a.created_at) - Date.parse(b.created_at))[0];
  if (first === undefined || runs[0]!.pipeline_key === null) return undefined;
  return await backend.stepHistory(runs[0]!.pipeline_key, { ...options, until: first.created_at, completed: true });
}

/** Times to judge these runs by: what was made later is no earlier run, so an old run is judged by older ones. */
export async function earlierHistory(backend: HistoryReader, runs: readonly RunRow[], options: Pick<HistoryOptions, 'limit' | 'since'> = {}): Promise<DurationHistory | undefined> {
  const history = await historyUpTo(backend, runs, options);
  return history && historyWithout(history, runs.map((run) => run.test_run_id));
}
