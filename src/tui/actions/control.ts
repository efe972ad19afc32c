import { shortId } from '../../core/format.ts';
import { isFinal } from '../../core/run-state.ts';
import type { CommandVerb } from '../../protocol/rows.ts';
import { selectedRun } from '../model/runs.ts';
import { isBehind, loadedSnapshot, snapshotKey } from '../model/detail.ts';
import { selectedStep } from '../model/steps.ts';
import { bookmarkForm } from '../dialogs/bookmark.ts';
import { openEditor } from '../dialogs/editor.ts';
import { previewOf } from '../dialogs/preview.ts';
import type { CommandPayload } from '../../protocol/rows.ts';
import type { State } from '../state.ts';
import { sent, staysHeld } from '../update/pending.ts';
import { only, told, withOverlay, withPrompt, withRun, type Action, type Update } from '../update/result.ts';

/** Sends a command, and shows it as under way until the run answers. */
export function send(state: State, verb: CommandVerb, payload: CommandPayload = {}): Update {
  const { runId } = state.open!;
  const next = withRun(state, (run) => ({ ...sent(run, verb, payload, state.now), followsRun: true }));
  return only({ ...next, notice: undefined }, { type: 'command', runId, verb, payload });
}

export const controlActions = {
  'run.pause': (state) => send(state, staysHeld(state.open!) ? 'continue' : 'pause'),
  'run.next': (state) => send(state, 'next'),
  'run.stepIn': (state) => send(state, 'stepIn'),
  'run.continue': (state) => send(state, 'continue'),
  'run.runTo': (state) => send(state, 'runTo', { step: selectedStep(state.open!)!.key }),
  'run.cancel': (state) => only(withPrompt(state, 'cancel')),
  'run.edit': (state) => {
    const closed = state.overlays.at(-1)?.type === 'preview' ? { ...state, overlays: state.overlays.slice(0, -1) } : state;
    const step = selectedStep(state.open!)!;
    const loaded = loadedSnapshot(state.open!);
    if (loaded?.snapshot && !isBehind(loaded)) return only(openEditor(closed, step, loaded.snapshot));
    if (!loaded || !isBehind(loaded)) return only(told(closed, `The inputs of ${step.display} were not recorded${loaded?.problem ? `: ${loaded.problem}` : '.'}`, 'warn'));
    const editWhenRead = snapshotKey(step.key, step.row!.attempt);
    return only(told(withRun(closed, (run) => ({ ...run, editWhenRead })), `Reading the inputs of ${step.display}…`));
  },
  'run.rerun': (state) => only(withOverlay(state, previewOf(state, selectedStep(state.open!)!.key))),
  'run.rerunAll': (state) => only(withOverlay(state, previewOf(state, undefined))),
  'run.bookmark': (state) => {
    const run = selectedRun(state);
    return only(run ? withOverlay(state, bookmarkForm(run)) : state);
  },
  'run.export': (state) => {
    const { runId } = state.open!;
    return only(told(state, 'Writing…'), { type: 'export', runId, fileName: `stepscope-${shortId(runId)}.json` });
  },
  'run.breakpoint': (state) => {
    const step = selectedStep(state.open!)!;
    const pipelineKey = state.open!.view.run!.pipeline_key;
    if (pipelineKey === null) return only(told(state, 'This run has no pipeline, and breakpoints belong to one.', 'warn'));
    const existing = state.lists.breakpoints.find((one) => one.pipeline_key === pipelineKey && one.kind === 'step' && one.target === step.key);
    if (existing) return only(told(state, `Breakpoint #${existing.number} on ${step.display} ${step.name} removed.`), { type: 'removeBreakpoint', id: existing.id });
    return only(told(state, `Runs of ${pipelineKey} stop before ${step.display} ${step.name}${isFinal(state.open!.view.run!) ? ', from the next run on' : ''}.`), {
      type: 'addBreakpoint', pipelineKey, kind: 'step', target: step.key,
    });
  },
  'run.breakpoints': (state) => {
    const pipelineKey = state.open!.view.run!.pipeline_key;
    return only(pipelineKey === null ? told(state, 'This run has no pipeline, and breakpoints belong to one.', 'warn') : withOverlay(state, { type: 'breakpoints', pipelineKey, cursor: 0 }));
  },
  'breakpoints.toggle': (state) => {
    const breakpoint = breakpointUnderCursor(state);
    return breakpoint ? only(state, { type: 'setBreakpoint', id: breakpoint.id, enabled: !breakpoint.enabled }) : only(state);
  },
  'breakpoints.remove': (state) => {
    const breakpoint = breakpointUnderCursor(state);
    return breakpoint ? only(state, { type: 'removeBreakpoint', id: breakpoint.id }) : only(state);
  },
  'breakpoints.onError': (state) => {
    const overlay = state.overlays.at(-1);
    if (overlay?.type !== 'breakpoints') return only(state);
    const existing = breakpointsOf(state, overlay.pipelineKey).find((one) => one.kind === 'error');
    return existing ? only(state, { type: 'removeBreakpoint', id: existing.id }) : only(state, { type: 'addBreakpoint', pipelineKey: overlay.pipelineKey, kind: 'error', target: null });
  },
} satisfies Record<string, Action>;

export function breakpointsOf(state: State, pipelineKey: string | null) {
  return state.lists.breakpoints.filter((one) => one.pipeline_key === pipelineKey).toSorted((a, b) => a.number - b.number);
}

function breakpointUnderCursor(state: State) {
  const overlay = state.overlays.at(-1);
  return overlay?.type === 'breakpoints' ? breakpointsOf(state, overlay.pipelineKey)[overlay.cursor] : undefined;
}
