import { compareRuns } from '../../core/compare/compare-runs.ts';
import { compareValues } from '../../core/compare/compare-values.ts';
import type { StepValues } from '../../core/compare/comparison.ts';
import { peersOf } from '../../core/session-peers.ts';
import { uuidv7 } from '../../core/uuid.ts';
import type { LogRow, StepRow } from '../../protocol/rows.ts';
import type { Message } from '../message.ts';
import type { Answer, Question } from '../outside/questions.ts';
import type { InitialOptions } from '../state.ts';
import { answerAll } from '../screens/testing.ts';
import { at, breakpointRow, heldRun, keys, listed, logRow, modelRows, openTerminal, opened, runId, runRow, snapshotOf, stepRow, testNow, type TestTerminal } from '../testing.tsx';

/*
 * Everywhere a person can be, for tests that go through all of it: every screen, pane and dialog, over runs in every
 * state. A test sees to it that no place of the keymap and no screen is missing here.
 */

type Options = Partial<InitialOptions> & { readonly ascii?: boolean };
export type Situation = (options?: Options) => TestTerminal;

const otherId = '019578a1-0000-7000-8000-00000000def2';
const values = (width: number): StepValues => ({ inputs: { prompt: 'a lighthouse', width }, outputs: { url: 'http://127.0.0.1/a.png', width }, stateBefore: {}, stateAfter: { width } });

const recorded = (id: string, status: StepRow['status'], error: string | null) => ({
  run: runRow({ id, test_run_id: id, status: status === 'failed' ? 'failed' : 'completed', total_duration_ms: 500, completed_at: at(500), log_counts: error ? { error: 1 } : {} }),
  steps: [
    ...['load_model', 'prepare_inputs'].map((key) => stepRow(key, { test_run_id: id })),
    stepRow('validate_inputs', { test_run_id: id, status, error_message: error }),
    ...(status === 'failed' ? [] : [stepRow('storage_upload', { test_run_id: id })]),
  ],
});

/** What a backend with two runs, one of which went wrong, says to each screen. */
export function answers(question: Question): Answer | { readonly problem: string } {
  const comparison = compareRuns([recorded(runId, 'completed', null), recorded(otherId, 'failed', 'width is too large')]);
  switch (question.kind) {
    case 'comparison':
    case 'judgedComparison':
      return comparison;
    case 'divergence':
      return { index: 1, comparedSteps: 2, divergence: { step: 'prepare_inputs', display: '2', name: 'Prepare Inputs', kind: 'inputs', path: '/width', expected: 512, actual: 8192, looksVolatile: false } };
    case 'differences':
      return comparison.steps[question.index]?.steps[1] ? compareValues(values(512), values(question.index === 0 ? 512 : 8192)) : [];
    case 'family':
      return [runRow({ status: 'completed', total_duration_ms: 500 }), runRow({ id: otherId, test_run_id: otherId, parent_run_id: runId, forked_from_step: 'storage_upload', status: 'failed' })];
    case 'comparisons':
      return keptComparisons;
    case 'olderLogs':
      return Array.from({ length: 12 }, (_, index) => everyLine(index - 20, runId));
    case 'information': {
      const { run, steps } = recorded(runId, 'completed', null);
      const step = steps.at(-1)!;
      return {
        run: { ...run, environment: 'staging', git_commit: '4f2a9c1', tags: ['lighthouse', 'night'], notes: 'the one with the storm' }, model: modelRows[0], charges: { charged: 0, wouldHaveCharged: 3 },
        comments: [], steps: { all: steps.length, edited: 1, reused: 0, failed: 0 }, rows: steps,
        end: { step, snapshot: { stepKey: step.step_key, attempt: 1, ...values(512), source: null, isEdited: false } },
      };
    }
    default:
      return { problem: 'The backend does not answer.' };
  }
}

const keptComparisons = [
  {
    id: '019578a1-0000-7000-8000-0000000c0001', comparison_name: 'before and after the new upload', description: null, run_ids: [runId, otherId], created_by: null, created_at: at(-60_000), updated_at: at(-60_000),
    performance_delta: null,
    differences_summary: {
      stepscope: 'comparison', version: 1, options: { ignore: [], tolerance: 0, ignoreVolatile: true },
      runs: [{
        runId: otherId, status: 'failed', steps: { same: 1, different: 2, renamed: 0, added: 0, removed: 1, moved: 0 }, comparedSteps: 2, errors: 1, logs: 1,
        firstDivergence: { step: 'prepare_inputs', display: '2', name: 'Prepare Inputs', kind: 'inputs', path: '/width', expected: 512, actual: 8192, looksVolatile: false },
      }],
    },
  },
  { id: '019578a1-0000-7000-8000-0000000c0002', comparison_name: 'written by another program', description: null, run_ids: [runId, otherId], created_by: null, created_at: at(-90_000_000), updated_at: at(0), differences_summary: {}, performance_delta: {} },
];

/** A line of the logs of everything. */
export function everyLine(seq: number, ofRun: string, change: Partial<LogRow> = {}): LogRow {
  return logRow(Math.max(0, seq), `line ${seq} of ${ofRun.slice(-6)}`, { test_run_id: ofRun, id: uuidv7(testNow + seq, Uint8Array.from({ length: 10 }, (_, index) => (index === 9 ? seq & 0xff : 0))), timestamp: at(seq), ...change });
}

const everything: Message = {
  type: 'heard',
  news: {
    kind: 'logs', isFresh: true,
    rows: Array.from({ length: 60 }, (_, index) => everyLine(index, index % 3 === 0 ? otherId : runId, index % 20 === 5 ? { log_level: 'error', message: 'width is too large', data: { width: 8192 }, execution_context: 'edge_function' } : {})),
  },
};

const sessionRow = { session_name: 'the bad upload', description: null, filters: {}, scope: {}, test_run_id: runId, event_count: 0, insight_count: 0, query_count: 0, active: true, resolved: false, created_by: null, created_by_name: 'ada@example.test', created_at: at(-300_000), updated_at: at(0), closed_at: null };
const sessions: Message = {
  type: 'heard',
  news: {
    kind: 'sessions',
    sessions: [
      {
        session: { ...sessionRow, id: '019578a1-0000-7000-8000-00000005e001' },
        peers: peersOf({
          one: [{ terminal: 'one', name: 'ada@example.test', joinedAt: 1, leads: true, cursor: { run: runId, step: 'storage_upload', pane: 'detail', tab: 'diff' } }],
          two: [{ terminal: 'two', name: 'ada@example.test', joinedAt: 2, leads: false, cursor: null }],
        }, ''),
      },
      { session: { ...sessionRow, id: '019578a1-0000-7000-8000-00000005e002', session_name: 'nobody here', test_run_id: otherId }, peers: [] },
    ],
  },
};

const twoRuns = [runRow({ status: 'completed', created_at: at(1_000) }), runRow({ id: otherId, test_run_id: otherId, status: 'failed', created_at: at(0), error_message: 'width is too large' })];
const list: readonly Message[] = [listed, { type: 'listed', rows: { runs: twoRuns, breakpoints: [breakpointRow()] } }];

/** A run that failed at its third step, with an error in its log. */
export const failedRun: readonly Message[] = opened(
  runRow({ status: 'failed', failed_step: 'validate_inputs', error_message: 'width is 0', completed_at: at(1_200), total_duration_ms: 1_200, completed_steps: 2, log_counts: { error: 1 } }),
  stepRow('load_model', { started_at: at(0), completed_at: at(300), duration_ms: 300 }),
  stepRow('prepare_inputs', { started_at: at(400), completed_at: at(900), duration_ms: 500 }),
  stepRow('validate_inputs', { started_at: at(1_000), completed_at: at(1_200), duration_ms: 200, status: 'failed', error_message: 'width is 0', error_stack: 'Error: width is 0\n    at validate (steps.ts:12:3)' }),
  logRow(200, 'model found'),
  logRow(600, 'prompt is ready', { data: { prompt: 'a lighthouse', tokens: [1, 2] } }),
  logRow(1_100, 'width is 0', { log_level: 'error', step_key: 'validate_inputs', step_number: 3 }),
);
const runningRun = opened(runRow({ completed_steps: 1, current_step: 'prepare_inputs' }), stepRow('load_model'), stepRow('prepare_inputs', { status: 'running', completed_at: null, duration_ms: null }), logRow(50, 'model found'), logRow(60, 'slow answer', { log_level: 'warn' }));
const completedRun = opened(runRow({ status: 'completed', completed_steps: 6, completed_at: at(700), total_duration_ms: 700 }), ...['load_model', 'prepare_inputs', 'validate_inputs', 'call_edge_function', 'storage_upload', 'ui_update'].map((key) => stepRow(key)), logRow(50, 'model found'));
const waitingRun = opened(
  runRow({ status: 'paused', pause_reason: 'approval', paused_by: 'ada@example.test', paused_at: at(0), current_step: 'storage_upload' }),
  stepRow('load_model'),
  stepRow('storage_upload', { status: 'held', started_at: null, completed_at: null, duration_ms: null, metadata: { awaitsApproval: 'Store the image?' } }),
);

const held: readonly Message[] = [...heldRun(), snapshotOf('storage_upload', { outputs: { files: [{ path: 'outputs/j1/0.png', contentType: 'image/png' }] }, stateBefore: { image: { width: 512 } }, stateAfter: { image: { width: 640 } }, source: { code: 'upload(image);', firstLine: 1, highlightFrom: 1, highlightTo: 1, filePath: 'upload.ts', functionName: 'upload' } })];

const over =
  (messages: readonly Message[], ...presses: readonly string[]): Situation =>
  (options = {}) => {
    const terminal = openTerminal(options, ...messages);
    for (const press of presses) {
      terminal.press(press);
      answerAll(terminal, answers);
    }
    return terminal;
  };
const hearing =
  (news: Message, situation: Situation, ...presses: readonly string[]): Situation =>
  (options) => {
    const terminal = situation(options);
    terminal.send(news);
    for (const press of presses) {
      terminal.press(press);
      answerAll(terminal, answers);
    }
    return terminal;
  };
const given =
  (more: Options, situation: Situation): Situation =>
  (options) =>
    situation({ ...more, ...options });

const panes = ['1', '2', '3', '4', '5', '6', '7', '8', '9'];

/** By what a person would call it. */
export const situations: Readonly<Record<string, Situation>> = {
  'no backend yet': (options) => {
    const terminal = openTerminal(options);
    terminal.send({ type: 'listLink', link: { state: 'connecting' } }, { type: 'connectFailed', message: 'nobody answers', hint: 'Start one' });
    return terminal;
  },
  'a list that is being read': over([]),
  'an empty list': over([listed, { type: 'listed', rows: { runs: [] } }]),
  'the list of runs': over(list),
  'the list of runs, one marked': over(list, 'D'),
  'the list of runs, filtered': over(list, 'f', 'status=failed', keys.enter),
  'a run that is being read': over([listed, { type: 'found', run: runRow() }]),
  ...Object.fromEntries(panes.map((pane) => [`a held run, view ${pane}`, over(held, pane)])),
  ...Object.fromEntries(panes.map((pane) => [`a failed run, view ${pane}`, over(failedRun, pane)])),
  'a held run, a line of the log unfolded': over(held, '2', 'g', keys.enter),
  'a held run, inside a line of the log': over(held, '2', 'g', keys.enter, 'j'),
  'a held run, a later step': over(held, '1', 'G'),
  'a running run, steps': over(runningRun, '1'),
  'a running run, log': over(runningRun, '2'),
  'a running run, log frozen': over(runningRun, '2', ' ', 'k'),
  'a running run, log searched': over(runningRun, '2', '/', 'slow', keys.enter),
  'a completed run': over(completedRun, '1'),
  'a run that waits for approval': over(waitingRun, '1'),
  'a traced program': over(opened(runRow({ pipeline_key: null, step_tree: null, status: 'completed' }), stepRow('load_model')), '1'),
  'an earlier moment, steps': over(failedRun, '1', ',', ','),
  'an earlier moment, log': over(failedRun, '2', ',', ','),
  'a lost link': over([...held, { type: 'listLink', link: { state: 'lost', reason: 'ECONNREFUSED', retryInMs: 1_000 } }, { type: 'runLink', runId, link: { state: 'lost', reason: 'ECONNREFUSED', retryInMs: 1_000 } }], '1'),
  'a read-only list': given({ readOnly: true }, over(list)),
  'a read-only run, steps': given({ readOnly: true }, over(held, '1')),
  'a read-only run, log': given({ readOnly: true }, over(held, '2')),
  'a read-only run, inputs': given({ readOnly: true }, over(held, '3')),
  'a recording, steps': given({ recording: 'run.trace' }, over(failedRun, '1')),
  'a recording, log': given({ recording: 'run.trace' }, over(failedRun, '2')),
  'a wide screen': given({ size: { columns: 160, rows: 50 } }, over(held, '2')),
  'a tiny screen': given({ size: { columns: 20, rows: 5 } }, over(held)),

  'screen: breakpoints': over([...held, ...list], '1', 'B'),
  'screen: family': over(list, 'v'),
  'screen: performance': over(list, '%'),
  'screen: compare': over(list, 'D', 'j', 'D'),
  'screen: compared step': over(list, 'D', 'j', 'D', keys.enter),
  'screen: marked lines': over(held, '2', "'"),
  'screen: timeline': over(failedRun, '1', 'V'),
  'screen: picture': over(held, '1', 'I'),
  'screen: watched': over(held, ':', 'watched state.image.width > 3', keys.enter),

  'screen: logs of everything': hearing(everything, over(list, '2')),
  'screen: logs of everything, frozen and older': hearing(everything, over(list, '2'), 'g'),
  'screen: logs of everything, filtered': hearing(everything, over(list, '2'), 'f', 'level>=error', keys.enter),
  'screen: logs of everything, nothing yet': over(list, '2'),
  'screen: comparisons': over(list, '3'),
  'screen: sessions': hearing(sessions, over(list, '4')),
  'screen: sessions over a run': hearing(sessions, over(held, ':', 'sessions', keys.enter)),
  'screen: settings': over(list, '7'),
  'dialog: choose a theme': over(list, '7', keys.enter),
  'screen: information': over(list, '0'),
  'screen: information over a run': over(held, '1', '0'),

  'dialog: remove a comparison': over(list, '3', 'd'),
  'dialog: end a session': hearing(sessions, over(list, '4'), 'X'),
  'dialog: help over the list': over(list, '?'),
  'dialog: help over a run': over(held, '1', '?'),
  'dialog: command': over(held, '1', ':'),
  'dialog: search': over(held, '2', '/'),
  'dialog: filter': over(held, '2', 'f'),
  'dialog: cancel': over(held, '1', 'X'),
  'dialog: new run': over(list, 'N'),
  'dialog: bookmark': over(list, 'm'),
  'dialog: breakpoint': over(held, '1', 'B', 'a'),
  'dialog: editor': over(held, '1', 'i'),
  'dialog: preview': over(held, '1', 'g', 'r'),
  'dialog: take over': over(waitingRun, '1', 'O'),
  'dialog: copy': over(held, '1', 'y'),
  'dialog: leave': over(held, 'q', 'q'),
};
