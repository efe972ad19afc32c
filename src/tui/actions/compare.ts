import { shortId } from '../../core/format.ts';
import { selectedRun } from '../model/runs.ts';
import { newCompareScreen } from '../screens/compare.ts';
import { newFamilyScreen } from '../screens/family.ts';
import { newInformationScreen } from '../screens/information.ts';
import { newPerformanceScreen } from '../screens/performance.ts';
import { withScreen } from '../screens/screen.ts';
import type { State } from '../state.ts';
import { closeRun } from '../update/open-run.ts';
import { only, told, type Action } from '../update/result.ts';

const marking = (state: State, marked: string | undefined): State => ({ ...state, home: { ...state.home, marked } });

export const compareActions = {
  'run.compare': (state) => {
    const run = selectedRun(state);
    if (!run) return only(told(state, 'There is no run to compare.'));
    const { test_run_id: id, parent_run_id: parent } = run;
    const { marked } = state.home;
    if (marked !== undefined && marked !== id) return only(withScreen(marking(state, undefined), newCompareScreen([marked, id])));
    if (state.open && parent !== null) return only(withScreen(marking(state, undefined), newCompareScreen([parent, id])));
    if (marked === id && !state.open) return only(told(marking(state, undefined), `${shortId(id)} is no longer marked.`));
    const listed = state.open ? closeRun(state) : only(state);
    return { ...listed, state: told(marking(listed.state, id), `${shortId(id)} is A. Select another run: D compares them.`, 'info', 8_000) };
  },
  'run.family': (state) => {
    const run = selectedRun(state);
    return only(run ? withScreen(state, newFamilyScreen(run.test_run_id)) : told(state, 'There is no run.'));
  },
  'run.performance': (state) => {
    const run = selectedRun(state);
    return only(run ? withScreen(state, newPerformanceScreen(run.test_run_id)) : told(state, 'There is no run.'));
  },
  'run.information': (state) => {
    const run = selectedRun(state);
    return only(run ? withScreen(state, newInformationScreen(run.test_run_id)) : told(state, 'There is no run.'));
  },
  'run.promote': (state) => {
    const run = selectedRun(state);
    return run ? only(told(state, 'Keeping the run as a test…'), { type: 'write', write: { kind: 'promote', runId: run.test_run_id } }) : only(told(state, 'There is no run.'));
  },
} satisfies Record<string, Action>;
