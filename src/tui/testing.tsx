import { stripVTControlCharacters } from 'node:util';
import { renderToString } from 'ink';
import { createElement } from 'react';
import { uuidv7 } from '../core/uuid.ts';
import type { StepSnapshot } from '../client/backend.ts';
import type { RunChange } from '../protocol/change.ts';
import type { ModelRow } from '../protocol/account-rows.ts';
import type { BreakpointRow, CommandRow, LogRow, PipelineRow, RunRow, StepRow } from '../protocol/rows.ts';
import type { StepDefinition } from '../protocol/step-definition.ts';
import type { Effect } from './effect.ts';
import { decode, emptyDecoder, settle } from './input/decode.ts';
import type { Message } from './message.ts';
import { snapshotKey } from './model/detail.ts';
import { isScanning } from './model/log.ts';
import { createPaint, type ColorDepth } from './output/paint.ts';
import { readThemes } from './output/themes.ts';
import { lookOf, settingsOf, type Settings } from './settings.ts';
import { initialState, type InitialOptions, type State } from './state.ts';
import { update } from './update.ts';
import { PaintContext } from './view/paint-context.ts';
import { Screen } from './view/screen.tsx';

/** When everything in a test happens, unless it says otherwise. */
export const testNow = Date.parse('2026-03-01T12:00:00.000Z');

export const keys = { enter: '\r', esc: '\u001b', tab: '\t', up: '\u001b[A', down: '\u001b[B', right: '\u001b[C', left: '\u001b[D', ctrlC: '\u0003', ctrlX: '\u0018', ctrlU: '\u0015', pageDown: '\u001b[6~', pageUp: '\u001b[5~' } as const;

const themes = readThemes();

function paintOf(settings: Settings, depth: ColorDepth) {
  const { theme, ascii } = lookOf(settings);
  return createPaint(theme, depth, ascii);
}

export interface TestTerminal {
  readonly effects: readonly Effect[];
  state(): State;
  /** Bytes as the terminal sends them; a lone ESC is given the time to become the Escape key. */
  press(...bytes: readonly string[]): void;
  send(...messages: readonly Message[]): void;
  /** What stands on the screen, trailing blanks removed. */
  screen(): string;
  /** The same with every byte, in the colours of the theme. */
  painted(): string;
  later(ms: number): void;
}

/** The program without a terminal around it: the same bytes in, the same rows out, effects kept as data. */
export function openTerminal(options: Partial<InitialOptions> & { readonly ascii?: boolean; readonly depth?: ColorDepth } = {}, ...messages: readonly Message[]): TestTerminal {
  const settings = settingsOf({ LANG: options.ascii ? 'C' : 'C.UTF-8', TERM: 'xterm-256color', COLORTERM: 'truecolor' }, themes);
  let state = initialState({ size: { columns: 80, rows: 24 }, now: testNow, settings, ...options });
  let now = testNow;
  const effects: Effect[] = [];
  const send = (message: Message) => {
    const next = update(state, message, now);
    state = next.state;
    effects.push(...next.effects);
    // As the program's loop does, without letting anything come between.
    if (state.open && isScanning(state.open)) send({ type: 'scanned' });
  };
  const draw = (depth: ColorDepth) =>
    renderToString(createElement(PaintContext, { value: paintOf(state.settings, depth) }, createElement(Screen, { state })), { columns: state.size.columns });

  send({ type: 'connected', url: 'http://127.0.0.1:8000', identity: 'local@stepscope' });
  send({ type: 'listLink', link: { state: 'live' } });
  for (const message of messages) send(message);
  return {
    effects,
    state: () => state,
    press(...bytes) {
      let decoder = emptyDecoder;
      for (const chunk of bytes) {
        const decoded = decode(decoder, chunk);
        const settled = settle(decoded.state);
        decoder = settled.state;
        for (const event of [...decoded.events, ...settled.events]) send(event);
      }
    },
    send: (...more) => more.forEach(send),
    screen: () => draw(0).split('\n').map((row) => stripVTControlCharacters(row).trimEnd()).join('\n'),
    painted: () => draw(options.depth ?? 24),
    later(ms) {
      now += ms;
      send({ type: 'ticked' });
    },
  };
}

const tree = [
  ['load_model', '1', 'Load Model'], ['prepare_inputs', '2', 'Prepare Inputs'], ['validate_inputs', '3', 'Validate Inputs'],
  ['call_edge_function', '4', 'Call Edge Function', [['authentication', '4a', 'Authentication'], ['provider_api_call', '4b', 'Provider API Call']]],
  ['storage_upload', '5', 'Storage Upload'], ['ui_update', '6', 'UI Update'],
] as const;

/** Six steps, the fourth with two sub-steps, its second and the upload with effects outside. */
const testSteps: readonly StepDefinition[] = tree.map(([key, display, name, subs]) => ({
  ...definition(key, display, name),
  steps: (subs ?? []).map(([sub, letter, title]) => definition(`${key}.${sub}`, letter, title)),
}));

function definition(key: string, display: string, name: string): StepDefinition {
  return {
    key, display, number: Number.parseInt(display, 10), name, canEdit: true, canRerun: true, steps: [],
    effect: ['call_edge_function.provider_api_call', 'storage_upload'].includes(key) ? 'external' : 'none',
    context: key.startsWith('call_edge') ? 'edge_function' : 'client',
    inputSchema: { type: 'object', properties: { prompt: { type: 'string' }, width: { type: 'integer', minimum: 64 } } },
  };
}

/** Milliseconds after the start of the run, as rows write it. */
export function at(ms: number): string {
  return new Date(testNow + ms).toISOString();
}

let made = 0;
const id = () => uuidv7(testNow, Uint8Array.from({ length: 16 }, (_, index) => (index === 15 ? (made += 1) : 0)));

export const runId = '019578a1-0000-7000-8000-00000000abc1';

export function runRow(change: Partial<RunRow> = {}): RunRow {
  return {
    id: runId, test_run_id: runId, parent_run_id: null, forked_from_step: null, fork_patch: null, pipeline_key: 'generate-content', pipeline_version: '1', step_tree: [...testSteps],
    inputs: { prompt: 'a lighthouse' }, model_record_id: 'flux', model_name: 'FLUX.1 Schnell', model_provider: 'replicate', model_content_type: 'image', admin_user_id: null,
    generation_id: null, job_id: null, status: 'running', mode: 'auto', total_steps: 6, completed_steps: 0, current_step: null, failed_step_number: null, failed_step: null,
    error_message: null, error_stack: null, execution_data: {}, test_mode_enabled: true, skip_billing: true, billing: 'test', bookmarked: false, bookmark_name: null, tags: [], notes: null,
    environment: null, client_version: null, user_agent: null, git_commit: null, pause_reason: null, paused_by: null, paused_at: null, lease_until: null, on_lease_end: 'hold', resumable: true,
    holder_id: null, holder_heartbeat_at: null, log_counts: {}, started_at: at(0), completed_at: null, total_duration_ms: null, seq: 1, created_at: at(0), updated_at: at(0), ...change,
  };
}

export function stepRow(key: string, change: Partial<StepRow> = {}): StepRow {
  const all = testSteps.flatMap((step) => [step, ...step.steps]);
  const ordinal = all.findIndex((step) => step.key === key);
  const step = all[ordinal] ?? definition(key, '?', key);
  return {
    id: `${key}#${change.attempt ?? 1}`, test_run_id: change.test_run_id ?? runId, step_key: key, parent_step_key: key.includes('.') ? key.split('.')[0]! : null, display: step.display, step_number: step.number,
    ordinal, attempt: 1, step_name: step.name, description: null, step_type: key.includes('.') ? 'sub' : 'main', execution_context: step.context, function_name: null, file_path: null,
    status: 'completed', effect: step.effect, is_edited: false, can_edit: true, can_rerun: true, reused_from_run_id: null, error_message: null, error_stack: null,
    started_at: at(ordinal * 100), completed_at: at(ordinal * 100 + 80), duration_ms: 80, held_ms: null, cpu_ms: 12, memory_bytes: 4096, metadata: {}, seq: 2 + ordinal,
    created_at: at(ordinal * 100), updated_at: at(ordinal * 100), ...change,
  };
}

export function logRow(seq: number, message: string, change: Partial<LogRow> = {}): LogRow {
  return {
    id: id(), test_run_id: runId, generation_id: null, step_key: 'load_model', step_number: 1, parent_step_number: null, step_name: 'Load Model', step_type: 'log', log_level: 'info', message,
    data: null, metadata: {}, execution_context: 'client', function_name: null, file_path: null, line_number: null, duration_ms: null, timestamp: at(seq), seq, created_at: at(seq), ...change,
  };
}

export function commandRow(change: Partial<CommandRow> = {}): CommandRow {
  return {
    id: id(), test_run_id: runId, verb: 'pause', payload: {}, sender: null, sender_name: null, state: 'done', reason: null, expires_at: at(60_000), seq: 90, created_at: at(0), updated_at: at(0), ...change,
  };
}

const pipelineRow: PipelineRow = {
  pipeline_key: 'generate-content', version: '1', title: 'Generate content', description: 'From a prompt to an image in storage.', step_tree: [...testSteps],
  inputs_schema: { type: 'object', required: ['prompt'], properties: { prompt: { type: 'string', minLength: 1 }, width: { type: 'integer', minimum: 64, default: 512 } } },
  example_inputs: { prompt: 'a lighthouse at dusk' }, file_path: null, models: ['flux', 'old'], resumable: true, created_at: at(0), updated_at: at(0),
};

const model = (model_record_id: string, model_name: string, is_active: boolean): ModelRow => ({
  model_record_id, model_name, model_provider: 'replicate', model_content_type: 'image', provider_ref: 'x/y', cost_credits: 3, is_active, parameters: {}, created_at: at(0), updated_at: at(0),
});
export const modelRows: readonly ModelRow[] = [model('flux', 'FLUX.1 Schnell', true), model('old', 'Old Model', false)];

export function breakpointRow(change: Partial<BreakpointRow> = {}): BreakpointRow {
  return {
    id: id(), pipeline_key: 'generate-content', number: 1, kind: 'step', target: 'storage_upload', moment: 'before', condition: null, hit_condition: null, log_message: null, level: null, path: null,
    threshold: null, needs_approval: false, enabled: true, created_by: null, created_at: at(0), updated_at: at(0), ...change,
  };
}

export function changed(...rows: readonly (RunRow | StepRow | LogRow)[]): Message {
  const changes = rows.map((row): RunChange => ('step_tree' in row ? { table: 'test_execution_runs', row } : 'log_level' in row ? { table: 'test_execution_logs', row } : { table: 'test_execution_steps', row }));
  return { type: 'changed', runId, changes };
}

export const listed: Message = { type: 'listed', rows: { runs: [], pipelines: [pipelineRow] } };

/** The messages of an open run: `rows` on top of the run itself. */
export function opened(run: RunRow, ...rows: readonly (StepRow | LogRow)[]): readonly Message[] {
  return [listed, { type: 'modelsLoaded', models: modelRows }, { type: 'started', run }, { type: 'runLink', runId, link: { state: 'live' } }, changed(run, ...rows)];
}

/** A run held before the upload: everything before it has happened. */
export function heldRun(): readonly Message[] {
  return opened(
    runRow({ status: 'paused', pause_reason: 'breakpoint #1 on 5', paused_by: 'local@stepscope', paused_at: at(600), current_step: 'storage_upload', completed_steps: 4, seq: 40 }),
    ...['load_model', 'prepare_inputs', 'validate_inputs', 'call_edge_function', 'call_edge_function.authentication', 'call_edge_function.provider_api_call'].map((key) => stepRow(key)),
    stepRow('storage_upload', { status: 'held', started_at: null, completed_at: null, duration_ms: null }),
    logRow(50, 'model found', { data: { model: 'flux' } }),
    logRow(51, 'slow answer', { log_level: 'warn', step_key: 'call_edge_function.provider_api_call', execution_context: 'edge_function' }),
  );
}

export function snapshotOf(stepKey: string, change: Partial<StepSnapshot> = {}): Message {
  const snapshot: StepSnapshot = { stepKey, attempt: 1, inputs: { prompt: 'a lighthouse', width: 512 }, outputs: null, stateBefore: null, stateAfter: null, source: null, isEdited: false, ...change };
  return { type: 'snapshotLoaded', runId, key: snapshotKey(stepKey, 1), snapshot, problem: undefined };
}
