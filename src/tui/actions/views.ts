import { keyFor } from '../keymap/key-marks.ts';
import { bodyRows, upperShare } from '../layout.ts';
import { stepInFocus, stepsOf, selectedStep } from '../model/steps.ts';
import type { DetailTab, OpenRun, Pane } from '../state.ts';
import { followRun, selectStep } from '../update/open-run.ts';
import { only, told, withRun, type Action } from '../update/result.ts';

const panes: readonly Pane[] = ['steps', 'detail', 'log'];

function show(run: OpenRun, pane: Pane, tab: DetailTab = run.detail.tab): OpenRun {
  if (pane === run.pane && tab === run.detail.tab) return run;
  const detail = tab === run.detail.tab ? run.detail : { ...run.detail, tab, cursor: 0, top: 0, toggled: new Set<string>(), allFolded: undefined, search: '' };
  return { ...run, pane, detail, choseView: run.choseView || tab !== run.detail.tab, lastView: { pane: run.pane, tab: run.detail.tab } };
}

/** Shows a view; the one that is shown already says so. */
function view(to: Pane, tab?: DetailTab): Action {
  return (state) => {
    const next = withRun(state, (run) => show(run, to, tab));
    return only(next.open === state.open ? told(state, `This is the ${tab ?? to} view.`) : next);
  };
}

function turn(by: 1 | -1): Action {
  return (state) => only(withRun(state, (run) => show(run, panes[(panes.indexOf(run.pane) + by + panes.length) % panes.length]!)));
}

/** Parts of a hundred that a press of `<` or `>` moves a border, and how far it goes. */
const SHARE_STEP = 4;
const LEAST_SHARE = 14;

/** Moves the border of the focused pane: that beside steps and details, that above the log. */
function resize(by: 1 | -1): Action {
  return (state) => {
    const run = state.open!;
    const shares = { left: state.shares.left, upper: upperShare(state, run, bodyRows(state)) };
    const [name, sign] = ({ steps: ['left', 1], detail: ['left', -1], log: ['upper', -1] } as const)[run.pane];
    const share = Math.max(LEAST_SHARE, Math.min(100 - LEAST_SHARE, shares[name] + sign * by * SHARE_STEP));
    if (share === shares[name]) return only(told(state, by === 1 ? `The pane is as large as it gets; ${keyFor('view.zoom')} shows it alone.` : 'The pane is as small as it gets.'));
    return only({ ...state, shares: { ...state.shares, [name]: share } });
  };
}

function neighbour(by: 1 | -1): Action {
  return (state) => {
    const steps = stepsOf(state.open!.view);
    const to = steps[steps.findIndex((step) => step.key === state.open!.selected) + by];
    return only(to ? withRun(state, (run) => selectStep(run, to.key)) : told(state, by === 1 ? 'This is the last step.' : 'This is the first step.'));
  };
}

export const viewActions = {
  'view.next': turn(1),
  'view.previous': turn(-1),
  'view.last': (state) => view(state.open!.lastView.pane, state.open!.lastView.tab)(state),
  'view.zoom': (state) => {
    const zoomed = !state.open?.zoomed;
    const next = withRun(state, (run) => ({ ...run, zoomed }));
    return only(state.size.columns < 110 ? told(next, 'This screen shows one pane at a time anyway; from 110 columns on there are three.') : next);
  },
  'view.smaller': resize(-1),
  'view.larger': resize(1),
  'view.steps': view('steps'),
  'view.log': view('log'),
  'view.inputs': view('detail', 'inputs'),
  'view.outputs': view('detail', 'outputs'),
  'view.diff': view('detail', 'diff'),
  'view.state': view('detail', 'state'),
  'view.source': view('detail', 'source'),
  'view.timing': view('detail', 'timing'),
  'view.error': view('detail', 'error'),
  'detail.diff': view('detail', 'diff'),
  'view.open': (state) => only(withRun(state, (run) => show(run, 'detail', selectedStep(run)?.status === 'failed' ? 'error' : run.detail.tab === 'error' ? 'inputs' : run.detail.tab))),
  'step.next': neighbour(1),
  'step.previous': neighbour(-1),
  'step.follow': (state) => {
    const next = withRun(state, (run) => followRun({ ...run, followsRun: true }));
    const step = next.open && stepInFocus(next.open.view);
    return only(step ? told(next, `Following the run: step ${step.display} ${step.name}.`) : next);
  },
} satisfies Record<string, Action>;
