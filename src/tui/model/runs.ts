import type { PipelineRow, RunRow } from '../../protocol/rows.ts';
import type { State } from '../state.ts';

/** What one key starts: the bundled pipeline, else the first that is registered. */
export function pipelineToStart(state: State): PipelineRow | undefined {
  return state.lists.pipelines.find((one) => one.pipeline_key === 'generate-content') ?? state.lists.pipelines[0];
}

/** The runs that the filter lets through, newest first. */
export function shownRuns(state: State): readonly RunRow[] {
  const runs = state.lists.runs ?? [];
  const wanted = state.home.filter.trim().toLowerCase();
  if (wanted === '') return runs;
  const words = wanted.split(/\s+/);
  return runs.filter((run) => words.every((word) => fits(run, word)));
}

function fits(run: RunRow, word: string): boolean {
  const [name, value] = word.split(':', 2) as [string, string | undefined];
  if (value !== undefined) {
    if (name === 'status') return run.status.startsWith(value);
    if (name === 'tag') return run.tags.some((tag) => tag.toLowerCase().includes(value));
    if (name === 'model') return (run.model_name ?? '').toLowerCase().includes(value);
  }
  if (word === 'bookmarked' || word === '*') return run.bookmarked;
  return wordsOf(run).includes(word);
}

/** All the words of a run that a search looks at. */
export function wordsOf(run: RunRow): string {
  return [run.test_run_id, run.pipeline_key, run.model_name, run.status, run.bookmark_name, run.error_message, run.notes, ...run.tags]
    .filter((one) => one !== null).join(' ').toLowerCase();
}

export function selectedRun(state: State): RunRow | undefined {
  if (state.open) return state.open.view.run;
  const runs = shownRuns(state);
  return runs.find((run) => run.test_run_id === state.home.selected) ?? runs[0];
}
