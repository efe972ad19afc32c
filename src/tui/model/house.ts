import { shownScreen } from '../screens/screen.ts';
import type { ScreenState } from '../screens/table.ts';
import type { Size, State } from '../state.ts';

/**
 * The views of the house, in the order of their keys: what a person can look at before opening a run. A later one is a
 * line here, and the compiler then asks `screens/house.ts` how it is opened.
 */
export const houseViews = [
  { name: 'runs', key: '1', label: 'runs', short: 'runs', help: 'The list of runs.' },
  { name: 'logs', key: '2', label: 'logs', short: 'logs', help: 'The newest lines of all runs, live.' },
  { name: 'comparisons', key: '3', label: 'compared', short: 'comp', help: 'The comparisons that were kept.' },
  { name: 'sessions', key: '4', label: 'sessions', short: 'sess', help: 'Sessions: who looks at which run together.' },
  { name: 'performance', key: '5', label: 'times', short: 'time', help: 'Where the time of the selected run went.' },
  { name: 'breakpoints', key: '6', label: 'breakpoints', short: 'brk', help: 'Breakpoints and watches of the pipeline.' },
  { name: 'settings', key: '7', label: 'settings', short: 'set', help: 'How the terminal looks, and what its keys are.' },
] as const satisfies readonly HouseView[];

interface HouseView {
  /** That of its screen; `runs` is the list of runs itself. */
  readonly name: ScreenState['name'] | 'runs';
  readonly key: string;
  /** In the row of views, and where there is less room. */
  readonly label: string;
  readonly short: string;
  readonly help: string;
}

export type HouseName = (typeof houseViews)[number]['name'];

/** The view of the house that is shown; undefined where a run is open, or a screen stands over a view. */
export function shownView(state: State): HouseName | undefined {
  if (state.open || state.screens.length > 1) return undefined;
  const screen = shownScreen(state);
  return screen ? houseViews.find((view) => view.name === screen.name)?.name : 'runs';
}

/** A smaller screen is better spent on what the view shows. */
const LEAST: Size = { columns: 50, rows: 16 };

/** Rows that name the views: one, where there is room. */
export function houseRows(state: State): 0 | 1 {
  const { columns, rows } = state.size;
  return columns >= LEAST.columns && rows >= LEAST.rows && state.session.phase === 'ready' && shownView(state) !== undefined ? 1 : 0;
}
