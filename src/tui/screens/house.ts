import { houseViews, shownView, type HouseName } from '../model/house.ts';
import { pipelineToStart, selectedRun } from '../model/runs.ts';
import type { State } from '../state.ts';
import { closeRun } from '../update/open-run.ts';
import { only, told, type Action, type Update } from '../update/result.ts';
import { newBreakpointsScreen } from './breakpoints.ts';
import { newComparisonsScreen } from './comparisons.ts';
import { newLogsScreen } from './logs.ts';
import { newPerformanceScreen } from './performance.ts';
import { newSessionsScreen } from './sessions.ts';
import { newSettingsScreen } from './settings.ts';
import type { ScreenState } from './table.ts';

/** How each view of the house begins; words say why it cannot be shown now. */
const openings: Readonly<Record<Exclude<HouseName, 'runs'>, (state: State) => ScreenState | string>> = {
  logs: () => newLogsScreen(),
  comparisons: () => newComparisonsScreen(),
  sessions: () => newSessionsScreen(),
  performance: (state) => {
    const run = selectedRun(state);
    return run ? newPerformanceScreen(run.test_run_id) : 'There is no run yet whose times could be shown.';
  },
  settings: () => newSettingsScreen,
  breakpoints: (state) => {
    const key = selectedRun(state)?.pipeline_key ?? pipelineToStart(state)?.pipeline_key;
    return key === undefined ? 'No pipeline is registered, and breakpoints belong to one.' : newBreakpointsScreen(key);
  },
};

/** Shows a view of the house in place of the one that is shown. An open run is closed only for the list of runs. */
export function showView(state: State, name: HouseName): Update {
  const from = shownView(state);
  if (name === from) return only(told(state, `These are the ${houseViews.find((view) => view.name === name)!.label}.`));
  const home = from === undefined ? state.home : { ...state.home, lastView: from };
  if (name === 'runs') return state.open ? closeRun(state) : only({ ...state, screens: [], overlays: [], home });
  const screen = openings[name](state);
  if (typeof screen === 'string') return only(told(state, screen));
  return only({ ...state, screens: from === undefined ? [...state.screens, screen] : [screen], overlays: [], notice: undefined, home });
}

/** To the neighbour of the view that is shown, and around the end. */
function turn(by: 1 | -1): Action {
  return (state) => {
    const at = houseViews.findIndex((view) => view.name === shownView(state));
    for (let step = 1; step < houseViews.length; step += 1) {
      const { name } = houseViews[(at + by * step + step * houseViews.length) % houseViews.length]!;
      // One that has nothing to show now is passed over.
      if (name === 'runs' || typeof openings[name](state) !== 'string') return showView(state, name);
    }
    return only(state);
  };
}

export const houseActions = {
  'house.next': turn(1),
  'house.previous': turn(-1),
  'house.last': (state) => showView(state, state.home.lastView ?? (shownView(state) === 'runs' ? 'logs' : 'runs')),
} satisfies Record<string, Action>;

/** One action a view, by the name that its key has. */
export const openingActions: Readonly<Record<string, Action>> = Object.fromEntries(houseViews.map(({ name }) => [`house.${name}`, (state: State) => showView(state, name)]));
