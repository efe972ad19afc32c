import { shortId } from '../../core/format.ts';
import { pointerTokens } from '../../core/json-diff.ts';
import { levelRank } from '../../core/levels.ts';
import { isFinal } from '../../core/run-state.ts';
import type { CommandVerb } from '../../protocol/rows.ts';
import { selectedRun } from '../model/runs.ts';
import { contentOf, isBehind, loadedSnapshot, snapshotKey } from '../model/detail.ts';
import { rowAt } from '../model/log.ts';
import { selectedStep } from '../model/steps.ts';
import { awaitedApproval, situationOf } from '../../core/command-rules.ts';
import { openRejectForm } from '../dialogs/forms/reject.ts';
import { heldFor } from '../model/breakpoints.ts';
import { bookmarkForm } from '../dialogs/bookmark.ts';
import { openBreakpointForm } from '../dialogs/forms/breakpoint.ts';
import { openWatchForm } from '../dialogs/forms/watch.ts';
import { focusedArea } from '../layout.ts';
import { openEditor } from '../dialogs/editor.ts';
import { openPreview, previewOf } from '../dialogs/preview.ts';
import type { CommandPayload } from '../../protocol/rows.ts';
import type { State } from '../state.ts';
import { newBreakpointsScreen } from '../screens/breakpoints.ts';
import { withScreen } from '../screens/screen.ts';
import { sent, staysHeld } from '../update/pending.ts';
import { only, told, withOverlay, withPrompt, withRun, type Action, type Update } from '../update/result.ts';

/** Sends a command, and shows it as under way until the run answers. */
export function send(state: State, verb: CommandVerb, payload: CommandPayload = {}): Update {
  const { runId } = state.open!;
  const next = withRun(state, (run) => ({ ...sent(run, verb, payload, state.now), followsRun: true }));
  return only({ ...next, notice: undefined }, { type: 'command', runId, verb, payload });
}

/** A breakpoint before the selected step, set or removed. */
function toggleBreakpoint(state: State): Update {
  const step = selectedStep(state.open!)!;
  const pipelineKey = state.open!.view.run!.pipeline_key!;
  const existing = state.lists.breakpoints.find((one) => one.pipeline_key === pipelineKey && one.kind === 'step' && one.target === step.key && one.moment === 'before');
  if (existing) return only(told(state, `Breakpoint #${existing.number} on ${step.display} ${step.name} removed.`), { type: 'removeBreakpoint', id: existing.id });
  return only(told(state, `Runs of ${pipelineKey} stop before ${step.display} ${step.name}${isFinal(state.open!.view.run!) ? ', from the next run on' : ''}.`), {
    type: 'addBreakpoint', pipelineKey, kind: 'step', target: step.key,
  });
}

export const controlActions = {
  'run.pause': (state) => send(state, staysHeld(state.open!) ? 'continue' : 'pause'),
  'run.next': (state) => send(state, 'next'),
  'run.stepIn': (state) => send(state, 'stepIn'),
  'run.continue': (state) => send(state, 'continue'),
  'run.runTo': (state) => send(state, 'runTo', { step: selectedStep(state.open!)!.key }),
  'run.take': (state) => {
    const run = state.open!.view.run!;
    const since = run.paused_at === null ? '' : heldFor(run.paused_at, state.now);
    return only(withOverlay(state, {
      type: 'confirm', title: `Take over run ${shortId(run.test_run_id)}`, effects: [{ type: 'keepLease', runId: run.test_run_id, take: true }],
      text: [run.paused_by === null ? `The run is held${since}, and nobody has its pause: it becomes yours.` : `The run is held by ${run.paused_by}${since}. Taking it over makes the pause yours.`, `It stays held${run.paused_by === null ? '' : '; who held it is told'}, and it is written down.`],
    }));
  },
  'run.approve': (state) => send(state, 'approve'),
  'run.reject': (state) => only(withOverlay(state, openRejectForm(awaitedApproval(situationOf(state.open!.view)!)!.title))),
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
  'run.rerun': (state) => openPreview(state, previewOf(state, selectedStep(state.open!)!.key)),
  'run.rerunAll': (state) => openPreview(state, previewOf(state, undefined)),
  'run.bookmark': (state) => {
    const run = selectedRun(state);
    return only(run ? withOverlay(state, bookmarkForm(run)) : state);
  },
  'run.export': (state) => {
    const { runId } = state.open!;
    return only(told(state, 'Writing…'), { type: 'export', runId, fileName: `stepscope-${shortId(runId)}.ndjson` });
  },
  'run.breakpoint': toggleBreakpoint,
  'run.breakHere': (state) => {
    const { log, view } = state.open!;
    const row = rowAt(state.open!, log.cursor);
    const level = row && levelRank(row.log_level) >= levelRank('warn') ? row.log_level : undefined;
    // Nobody has chosen a line while the log is followed; one that is not bad stands for its step.
    if (log.follows || !row || (level === undefined && row.step_key === null)) return toggleBreakpoint(state);
    const start = level === undefined ? { kind: 'step' as const, target: row.step_key } : { kind: 'level' as const, level, target: row.step_key };
    return only(withOverlay(state, openBreakpointForm(view.run!.pipeline_key!, start)));
  },
  'run.breakPath': (state) => {
    const run = state.open!;
    const { tab } = run.detail;
    const path = contentOf(state, run, focusedArea(state, run).columns - 1).rows[run.detail.cursor]?.path;
    if (tab !== 'state' || path === undefined || path === '') return toggleBreakpoint(state);
    return only(withOverlay(state, openBreakpointForm(run.view.run!.pipeline_key!, { kind: 'path', path, target: null })));
  },
  'run.watch': (state) => {
    const run = state.open!;
    const path = run.pane === 'detail' ? contentOf(state, run, focusedArea(state, run).columns - 1).rows[run.detail.cursor]?.path : undefined;
    const scope = ({ inputs: 'inputs', outputs: 'outputs', state: 'state', diff: 'state' } as Readonly<Record<string, string>>)[run.detail.tab];
    return only(withOverlay(state, openWatchForm(run.view.run!.pipeline_key!, path && scope ? expressionOf(scope, path) : '')));
  },
  'run.breakpoints': (state) => {
    const pipelineKey = state.open!.view.run!.pipeline_key;
    return only(pipelineKey === null ? told(state, 'This run has no pipeline, and breakpoints belong to one.', 'warn') : withScreen(state, newBreakpointsScreen(pipelineKey)));
  },
} satisfies Record<string, Action>;

/** `state.image.width` of a JSON Pointer into the state. */
function expressionOf(scope: string, path: string): string {
  return pointerTokens(path).reduce((text, token) => `${text}${/^[A-Za-z_]\w*$/.test(token) ? `.${token}` : /^\d+$/.test(token) ? `[${token}]` : `[${JSON.stringify(token)}]`}`, scope);
}
