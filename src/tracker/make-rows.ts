import { parseLevel } from '../core/levels.ts';
import type { Masker } from '../core/mask.ts';
import { storableText } from '../core/encode-value.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { LogRow, SnapshotRow, StepRow } from '../protocol/rows.ts';
import type { ExecutionContext, LogLevel, StepType } from '../protocol/vocabulary.ts';
import { newId } from './ids.ts';
import type { Rows } from './sink.ts';
import { encodeLogData } from './snapshot-writer.ts';
import type { StepSpec } from './step-spec.ts';

export type WrittenStep = NonNullable<Rows['steps']>[number];
export type WrittenSnapshot = NonNullable<Rows['snapshots']>[number];
export type WrittenLog = NonNullable<Rows['logs']>[number];
export type RunPatch = NonNullable<Rows['run']>;

/** The longest message of a log row; the rest is cut off, visibly. */
const MOST_MESSAGE = 32 * 1024;

export interface LogEntry {
  readonly message: string;
  /** Any usual spelling; unknown ones count as `info`. Default `info`. */
  readonly level?: string | undefined;
  readonly data?: unknown;
  readonly metadata?: JsonObject | undefined;
  readonly context?: ExecutionContext | undefined;
  readonly type?: StepType | undefined;
  readonly functionName?: string | undefined;
  readonly filePath?: string | undefined;
  readonly lineNumber?: number | undefined;
  readonly durationMs?: number | undefined;
}

/** Columns of a run as they may leave the process. */
export function maskRun(patch: RunPatch, masker: Masker): RunPatch {
  const text = (value: string | null | undefined) => (typeof value === 'string' ? masker.text(value) : value);
  return {
    ...patch,
    ...(patch.error_message === undefined ? {} : { error_message: text(patch.error_message) ?? null }),
    ...(patch.error_stack === undefined ? {} : { error_stack: text(patch.error_stack) ?? null }),
    ...(patch.notes === undefined ? {} : { notes: text(patch.notes) ?? null }),
    ...(patch.bookmark_name === undefined ? {} : { bookmark_name: text(patch.bookmark_name) ?? null }),
    ...(patch.tags === undefined ? {} : { tags: patch.tags.map((tag) => masker.text(tag)) }),
    ...(patch.inputs === undefined ? {} : { inputs: masker.marked(patch.inputs) as JsonObject }),
    ...(patch.execution_data === undefined ? {} : { execution_data: masker.json(patch.execution_data) as JsonObject }),
  };
}

/** What a program calls its steps may carry a secret like any other text. Keys stay: they are names in code. */
export function maskSpec(spec: StepSpec, masker: Masker): StepSpec {
  const text = (value: string | undefined) => (value === undefined ? undefined : masker.text(value));
  return {
    ...spec,
    name: masker.text(spec.name),
    description: text(spec.description),
    approval: text(spec.approval),
    functionName: text(spec.functionName),
    filePath: text(spec.filePath),
    source: spec.source === undefined ? undefined : { ...spec.source, code: masker.text(spec.source.code) },
  };
}

/** The row of a step of which nothing has happened. */
export function stepRow(runId: string, spec: StepSpec, ordinal: number): WrittenStep {
  return {
    id: newId(),
    test_run_id: runId,
    step_key: spec.key,
    parent_step_key: spec.parentKey,
    display: spec.display,
    step_number: spec.number,
    ordinal,
    attempt: spec.attempt ?? 1,
    step_name: spec.name,
    description: spec.description ?? null,
    step_type: spec.type ?? (spec.depth === 0 ? 'main' : 'sub'),
    execution_context: spec.context,
    function_name: spec.functionName ?? null,
    file_path: spec.filePath ?? null,
    status: 'pending',
    effect: spec.effect,
    is_edited: false,
    can_edit: spec.canEdit,
    can_rerun: spec.canRerun,
    reused_from_run_id: null,
    error_message: null,
    error_stack: null,
    started_at: null,
    completed_at: null,
    duration_ms: null,
    held_ms: null,
    cpu_ms: null,
    memory_bytes: null,
    metadata: {},
  } satisfies Omit<StepRow, 'seq' | 'created_at' | 'updated_at'>;
}

/** The snapshot that belongs to it, still empty. */
export function snapshotRow(runId: string, spec: StepSpec): WrittenSnapshot {
  const { source } = spec;
  return {
    id: newId(),
    test_run_id: runId,
    step_key: spec.key,
    step_number: spec.number,
    step_name: spec.name,
    attempt: spec.attempt ?? 1,
    state_before: null,
    state_after: null,
    inputs: null,
    outputs: null,
    source_code: source?.code ?? null,
    source_line: source?.firstLine ?? null,
    highlight_from: source?.highlightFrom ?? null,
    highlight_to: source?.highlightTo ?? null,
    function_name: spec.functionName ?? null,
    file_path: spec.filePath ?? null,
    can_edit: spec.canEdit,
    can_rerun: spec.canRerun,
    is_edited: false,
    started_at: null,
    completed_at: null,
    duration_ms: null,
  } satisfies Omit<SnapshotRow, 'created_at' | 'updated_at'>;
}

/**
 * A warning of ours that names who held the run. The one line that is not masked: the name is that of a colleague, as
 * the run's `paused_by` and the audit log have it, and nothing in it comes from the program that is recorded.
 */
export function leaseLogRow(runId: string, generationId: string | null, message: string, masker: Masker): WrittenLog {
  return { ...logRow(runId, generationId, { level: 'warn', message }, undefined, masker), message: storableText(message) };
}

/** A log line as it is stored: masked, and cut where it is too long. */
export function logRow(
  runId: string,
  generationId: string | null,
  entry: LogEntry,
  spec: StepSpec | undefined,
  masker: Masker,
): WrittenLog {
  const level: LogLevel = parseLevel(entry.level ?? 'info') ?? 'info';
  const whole =
    entry.message.length > MOST_MESSAGE ? `${entry.message.slice(0, MOST_MESSAGE)}… (${entry.message.length} characters)` : entry.message;
  return {
    id: newId(),
    test_run_id: runId,
    generation_id: generationId,
    step_key: spec?.key ?? null,
    step_number: spec?.number ?? null,
    parent_step_number: spec !== undefined && spec.depth > 0 ? spec.number : null,
    step_name: spec?.name ?? null,
    step_type: entry.type ?? (level === 'error' || level === 'critical' ? 'error' : level === 'warn' ? 'warning' : 'log'),
    log_level: level,
    message: masker.text(storableText(whole)),
    data: encodeLogData(entry.data, masker),
    metadata: {
      ...(spec === undefined ? {} : { display: spec.display }),
      ...(entry.metadata === undefined ? {} : (masker.json(entry.metadata) as JsonObject)),
    },
    execution_context: entry.context ?? spec?.context ?? 'client',
    function_name: entry.functionName ?? spec?.functionName ?? null,
    file_path: entry.filePath ?? spec?.filePath ?? null,
    line_number: entry.lineNumber ?? null,
    duration_ms: entry.durationMs ?? null,
    timestamp: new Date().toISOString(),
  } satisfies Omit<LogRow, 'seq' | 'created_at'>;
}
