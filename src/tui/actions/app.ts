import { newRunForm, defaultRequest } from '../dialogs/new-run.ts';
import { keyFor } from '../keymap/key-marks.ts';
import { pipelineToStart, selectedRun, shownRuns } from '../model/runs.ts';
import { closeScreen } from '../screens/frame.ts';
import type { State } from '../state.ts';
import { leaveRun, openRun } from '../update/open-run.ts';
import { playToEnd } from '../update/playback.ts';
import { only, told, withOverlay, withPrompt, withRun, type Action, type Update } from '../update/result.ts';

/** Two presses of Ctrl-c within this leave the program. */
const INTERRUPT_MS = 2_000;

/** One level back; undefined where there is none. */
function back(state: State): Update | undefined {
  if (state.screens.length > 0) return only(closeScreen(state));
  const run = state.open;
  if (run?.zoomed) return only(withRun(state, (open) => ({ ...open, zoomed: false })));
  if (run?.playback) return only(told(withRun(state, playToEnd), 'The run as it is now.'));
  if (run) return leaveRun(state);
  if (state.home.filter !== '') return only({ ...state, home: { ...state.home, filter: '' } });
  return undefined;
}

/** Runs that stand still because of us, and will while we are gone. */
function heldByUs(state: State): readonly string[] {
  if (state.session.phase !== 'ready') return [];
  const { identity } = state.session;
  return (state.lists.runs ?? []).filter((run) => run.status === 'paused' && run.paused_by === identity).map((run) => run.test_run_id);
}

function leave(state: State): Update {
  const runIds = heldByUs(state);
  return runIds.length > 0 ? only(withOverlay(state, { type: 'leave', runIds })) : only(state, { type: 'exit' });
}

function start(state: State): Update {
  const pipeline = pipelineToStart(state);
  if (!pipeline) return only(state);
  if (state.home.starting) return only(told(state, 'The run is being started.'));
  return only(told({ ...state, home: { ...state.home, starting: true } }, `Starting ${pipeline.pipeline_key}…`), { type: 'start', request: defaultRequest(pipeline) });
}

export const appActions = {
  'app.help': (state) => only(withOverlay(state, { type: 'help', query: '', cursor: 0 })),
  'app.command': (state) => only(withPrompt(state, 'command')),
  'app.back': (state) => back(state) ?? only(told(state, `This is the top. ${keyFor('app.leave')} leaves; runs go on without us.`)),
  'app.leave': (state) => back(state) ?? leave(state),
  'app.interrupt': (state) =>
    state.interruptedAt !== undefined && state.now - state.interruptedAt < INTERRUPT_MS
      ? only(state, { type: 'exit' })
      : only({ ...told(state, 'Press Ctrl-c again to leave. Runs go on without us.', 'info', INTERRUPT_MS), interruptedAt: state.now }),
  'app.suspend': (state) => only(state, { type: 'suspend' }),
  'app.repaint': (state) => only(state, { type: 'repaint' }),
  'app.timeFormat': (state) => {
    const next = ({ elapsed: 'absolute', absolute: 'relative', relative: 'elapsed' } as const)[state.timeFormat];
    const words = { elapsed: 'since the start of the run', absolute: 'as clock times', relative: 'relative to now' }[next];
    return only(told({ ...state, timeFormat: next }, `Times are shown ${words}.`));
  },
  'app.retry': (state) => only({ ...state, session: { phase: 'connecting', progress: 'trying again', since: state.now } }, { type: 'connect' }),
  'runs.open': (state) => {
    const run = selectedRun(state);
    if (run) return openRun(state, run.test_run_id);
    if (state.lists.runs?.length && shownRuns(state).length === 0) return only(told(state, 'No run passes the filter; Esc clears it.'));
    return pipelineToStart(state) ? start(state) : only(told(state, 'There is no run to open, and no runner has registered a pipeline yet.', 'warn'));
  },
  'runs.start': start,
  'runs.configure': (state) => {
    const pipeline = pipelineToStart(state);
    return pipeline ? only(withOverlay(state, newRunForm(state, pipeline)), { type: 'loadModels' }) : only(state);
  },
  'runs.filter': (state) => only(withPrompt(state, 'filter', state.home.filter)),
  'runs.search': (state) => only(withPrompt(state, 'search', '', state.home.search)),
} satisfies Record<string, Action>;
