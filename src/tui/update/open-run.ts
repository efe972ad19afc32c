import { emptyView } from '../../core/run-view.ts';
import { resolveStep } from '../../core/step-reference.ts';
import { UserError } from '../../protocol/error.ts';
import type { StepRow } from '../../protocol/rows.ts';
import { detailStep, snapshotKey } from '../model/detail.ts';
import { selectedStep, stepInFocus, stepsOf } from '../model/steps.ts';
import { sentence } from '../model/sentence.ts';
import { focusedArea } from '../layout.ts';
import { isScanning, placeOfSeq, rowAt, scrolledTo } from '../model/log.ts';
import { newDetail, newLogPane, type CameFrom, type LoadedSnapshot, type OpenRun, type State } from '../state.ts';
import type { Effect } from '../effect.ts';
import { only, told, withRun, type Update } from './result.ts';

/** Opens a run by its id; its rows come from the backend. */
export function openRun(state: State, runId: string): Update {
  const known = state.lists.runs?.find((run) => run.test_run_id === runId);
  const open: OpenRun = {
    runId,
    from: cameFrom(state),
    // The header has something to show before the first answer.
    view: known ? { ...emptyView(), run: known } : emptyView(),
    playback: undefined,
    link: { state: 'connecting', at: state.now, lostAt: undefined },
    pane: 'log',
    choseView: false,
    zoomed: false,
    detail: newDetail,
    lastView: { pane: 'steps', tab: 'inputs' },
    selected: undefined,
    followsRun: true,
    log: newLogPane,
    reading: undefined,
    seekSeq: undefined,
    seekStep: undefined,
    snapshots: {},
    drafts: {},
    editWhenRead: undefined,
    comments: [],
    bookmarks: [],
    heldBy: undefined,
    pending: [],
  };
  const effects: Effect[] = state.open ? [{ type: 'unfollow' }] : [];
  return only({ ...state, open: followRun(open), screens: [], overlays: [], notice: undefined, home: { ...state.home, selected: runId } }, ...effects, { type: 'follow', runId });
}

/** Opens a run over a screen: one that lies beneath it already is shown as it stands. */
export function showRun(state: State, runId: string): Update {
  if (state.open?.runId !== runId) return openRun(state, runId);
  return only({ ...state, open: { ...state.open, from: cameFrom(state) ?? state.open.from }, screens: [], overlays: [], notice: undefined });
}

/** Screens that lead back from one run to another are remembered this often. */
const MOST_BACK = 20;

function cameFrom(state: State): CameFrom | undefined {
  const { open, screens } = state;
  if (screens.length === 0) return undefined;
  return { screens, run: open && { runId: open.runId, from: newest(open.from, MOST_BACK - 1) } };
}

function newest(from: CameFrom | undefined, most: number): CameFrom | undefined {
  if (!from || most === 0) return undefined;
  return { ...from, run: from.run && { ...from.run, from: newest(from.run.from, most - 1) } };
}

/** Back to where the run was opened from: screens, with the run that was beneath them, or the list of runs. */
export function leaveRun(state: State): Update {
  const from = state.open?.from;
  if (!from) return closeRun(state);
  if (!from.run) return only({ ...state, open: undefined, screens: from.screens, overlays: [] }, { type: 'unfollow' });
  const { runId, from: earlier } = from.run;
  const back = state.open?.runId === runId ? only(state) : openRun(state, runId);
  return { ...back, state: { ...back.state, open: { ...back.state.open!, from: earlier }, screens: from.screens } };
}

/** To the list of runs. */
export function closeRun(state: State): Update {
  return only({ ...state, open: undefined, screens: [], overlays: [] }, { type: 'unfollow' });
}

/** Moves the selection with the run, unless a person has moved it. */
export function followRun(run: OpenRun): OpenRun {
  if (run.selected !== undefined && !run.followsRun) return run;
  const step = stepInFocus(run.view);
  // Of a run that failed, the error is what anyone wants to see first.
  const tab = run.view.run?.status === 'failed' && !run.choseView ? 'error' : run.detail.tab;
  if (step === undefined || (step.key === run.selected && tab === run.detail.tab)) return run;
  return { ...run, selected: step.key, detail: { ...run.detail, tab, cursor: 0, top: 0 } };
}

/** Puts the cursor of the log on the line that the run was opened for, as soon as it is there. */
export function seekLine(state: State, run: OpenRun): OpenRun {
  if (run.seekSeq === undefined) return run;
  const place = placeOfSeq(run, run.seekSeq);
  // All lines are there, and it is none of them: nothing is to move later under a reader.
  if (rowAt(run, place)?.seq !== run.seekSeq) return run.link.state === 'live' && !isScanning(run) ? { ...run, seekSeq: undefined } : run;
  return { ...run, seekSeq: undefined, log: { ...run.log, cursor: place, follows: false, top: scrolledTo(run.log, Math.max(run.log.matchFirst, place - LEAD_LINES), place, focusedArea(state, run).rows), frozenCount: run.log.matchCount } };
}

/** Opens a run at a step; which one a name means is known with its rows. */
export function openRunAt(state: State, runId: string, step: string): Update {
  const opened = openRun(state, runId);
  return { ...opened, state: withRun(opened.state, (run) => ({ ...run, seekStep: step })) };
}

/** Selects the step that the run was opened for, as soon as it is there; when all is there and it is not, says so. */
export function seekStep(state: State): State {
  const { open } = state;
  if (open?.seekStep === undefined || open.view.run === undefined) return state;
  try {
    const { key } = resolveStep(open.seekStep, stepsOf(open.view));
    return withRun(state, (run) => ({ ...selectStep(run, key), seekStep: undefined, pane: 'detail', choseView: true }));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return open.link.state === 'live' ? told(withRun(state, (run) => ({ ...run, seekStep: undefined })), sentence(error.message, error.hint), 'error') : state;
  }
}

/** Lines above the one that a run was opened for: what led there is worth seeing too. */
const LEAD_LINES = 5;

export function selectStep(run: OpenRun, key: string): OpenRun {
  if (key === run.selected) return { ...run, followsRun: false };
  return { ...run, selected: key, followsRun: false, editWhenRead: undefined, detail: { ...run.detail, cursor: 0, top: 0, toggled: new Set(), allFolded: undefined } };
}

/**
 * Asks for what the selected step and the detail pane need and do not have: their snapshots, and again when a step
 * has moved on since. Part of every update, so no screen can forget it.
 */
export function askForSnapshots(state: State): Update {
  if (!state.open) return only(state);
  const wanted = new Set([selectedStep(state.open)?.row, detailStep(state.open)?.row]);
  let run = state.open;
  const effects: Effect[] = [];
  for (const row of wanted) {
    if (!row || !isStale(run, row)) continue;
    const key = snapshotKey(row.step_key, row.attempt);
    const loaded = run.snapshots[key];
    // What is shown stays until the new one is there.
    const asked: LoadedSnapshot = {
      status: row.status, seq: row.seq, reading: true, editedAfter: loaded?.editedAfter,
      state: loaded?.snapshot ? 'ready' : 'loading', snapshot: loaded?.snapshot, problem: undefined, highlighted: loaded?.highlighted,
    };
    run = { ...run, snapshots: { ...run.snapshots, [key]: asked } };
    effects.push({ type: 'loadSnapshot', runId: run.runId, stepKey: row.step_key, attempt: row.attempt });
  }
  return effects.length === 0 ? only(state) : only({ ...state, open: run }, ...effects);
}

function isStale(run: OpenRun, row: StepRow): boolean {
  if (row.status === 'pending') return false;
  const loaded = run.snapshots[snapshotKey(row.step_key, row.attempt)];
  // What was read in playback is of the end: it is cut to the moment where it is shown.
  if (run.playback && loaded) return false;
  return loaded === undefined || (!loaded.reading && (loaded.status !== row.status || (row.is_edited && loaded.seq < row.seq)));
}
