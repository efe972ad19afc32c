import { parseRunFilter } from '../../core/run-filter.ts';
import type { State } from '../state.ts';
import { only, type Update } from './result.ts';

/** Narrows the list of runs, and looks for older ones. Throws what a filter that does not parse throws. */
export function filterRuns(state: State, text: string): Update {
  parseRunFilter(text, state.now);
  const filter = text.trim();
  const next = withHomeFilter(state, filter);
  return filter === '' || state.recording !== undefined ? only(next) : only(next, { type: 'searchRuns', filter, now: state.now });
}

export function withHomeFilter(state: State, filter: string): State {
  return { ...state, home: { ...state.home, filter, top: 0 } };
}
