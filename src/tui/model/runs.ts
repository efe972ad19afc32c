import { matchesRunFilter, parseRunFilter } from '../../core/run-filter.ts';
import type { ParsedRunFilter } from '../../core/run-filter.ts';
import { UserError } from '../../protocol/error.ts';
import type { PipelineRow, RunRow } from '../../protocol/rows.ts';
import type { State } from '../state.ts';

/** What one key starts: the bundled pipeline, else the first that is registered. */
export function pipelineToStart(state: State): PipelineRow | undefined {
  return state.lists.pipelines.find((one) => one.pipeline_key === 'generate-content') ?? state.lists.pipelines[0];
}

/** The runs that the filter lets through, newest first; what only the backend can tell, as the cost, it has told of those it found. */
export function shownRuns(state: State): readonly RunRow[] {
  const runs = state.lists.runs ?? [];
  const { filter: text, found } = state.home;
  if (text.trim() === '') return runs;
  const filter = runFilterOf(text, state.now);
  if (filter === undefined) return runs;
  const told = found?.filter === text ? found.ids : undefined;
  return runs.filter((run) => told?.has(run.test_run_id) === true || matchesRunFilter(filter, run));
}

let last: { readonly text: string; readonly now: number; readonly filter: ParsedRunFilter | undefined } | undefined;

/** A filter as it was typed; undefined where it does not parse. Kept for a second: a frame asks for it several times. */
function runFilterOf(text: string, now: number): ParsedRunFilter | undefined {
  if (last?.text === text && now - last.now < 1_000 && now >= last.now) return last.filter;
  last = { text, now, filter: undefined };
  try {
    last = { text, now, filter: parseRunFilter(text, now) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
  return last.filter;
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
