import type { JsonObject } from '../../protocol/json.ts';
import type { LogRow, RunRow, SnapshotRow, StepRow } from '../../protocol/rows.ts';

/** What reading somebody else's format needs to know of the outside. */
export interface ImportContext {
  readonly runId: string;
  /** The same name gives the same id, so that a file imported twice is the same run. */
  readonly idOf: (name: string) => string;
  /** ISO 8601: when the rows are made, and the time of what has none. */
  readonly now: string;
  /** What the file is called, for people. */
  readonly name: string;
}

/** A run that has ended elsewhere. */
export function blankRun({ runId, idOf, now }: ImportContext, known: Partial<RunRow>): RunRow {
  return {
    id: idOf('run'), test_run_id: runId, parent_run_id: null, forked_from_step: null, fork_patch: null, pipeline_key: null, pipeline_version: null,
    step_tree: null, inputs: {}, model_record_id: null, model_name: null, model_provider: null, model_content_type: null, admin_user_id: null,
    generation_id: null, job_id: null, status: 'completed', mode: 'auto', total_steps: 0, completed_steps: 0, current_step: null,
    failed_step_number: null, failed_step: null, error_message: null, error_stack: null, execution_data: {}, test_mode_enabled: true,
    skip_billing: true, billing: 'test', bookmarked: false, bookmark_name: null, tags: ['imported'], notes: null, environment: null,
    client_version: null, user_agent: null, git_commit: null, pause_reason: null, paused_by: null, paused_at: null, lease_until: null,
    on_lease_end: 'hold', resumable: false, holder_id: null, holder_heartbeat_at: null, log_counts: {}, started_at: null, completed_at: null,
    total_duration_ms: null, seq: 1, created_at: now, updated_at: now, ...known,
  }; // prettier-ignore
}

export function blankStep({ runId, idOf, now }: ImportContext, known: Partial<StepRow> & Pick<StepRow, 'step_key' | 'ordinal' | 'seq'>): StepRow {
  return {
    id: idOf(`step ${known.step_key}`), test_run_id: runId, parent_step_key: null, display: String(known.ordinal + 1), step_number: known.ordinal + 1,
    attempt: 1, step_name: known.step_key, description: null, step_type: 'main', execution_context: 'server', function_name: null, file_path: null,
    status: 'completed', effect: 'none', is_edited: false, can_edit: false, can_rerun: false, reused_from_run_id: null, error_message: null,
    error_stack: null, started_at: null, completed_at: null, duration_ms: null, held_ms: null, cpu_ms: null, memory_bytes: null, metadata: {},
    created_at: now, updated_at: now, ...known,
  }; // prettier-ignore
}

export function blankLog({ runId, idOf, now }: ImportContext, known: Partial<LogRow> & Pick<LogRow, 'message' | 'seq'>): LogRow {
  return {
    id: idOf(`log ${known.seq}`), test_run_id: runId, generation_id: null, step_key: null, step_number: null, parent_step_number: null, step_name: null,
    step_type: 'log', log_level: 'info', data: null, metadata: {}, execution_context: 'server', function_name: null, file_path: null,
    line_number: null, duration_ms: null, timestamp: now, created_at: now, ...known,
  }; // prettier-ignore
}

export function blankSnapshot({ runId, idOf, now }: ImportContext, step: StepRow, known: { readonly inputs: JsonObject | null; readonly outputs: JsonObject | null }): SnapshotRow {
  return {
    id: idOf(`snapshot ${step.step_key}${step.attempt === 1 ? '' : ` ${step.attempt}`}`), test_run_id: runId, step_key: step.step_key, step_number: step.step_number, step_name: step.step_name,
    attempt: step.attempt, state_before: null, state_after: null, ...known, source_code: null, source_line: null, highlight_from: null,
    highlight_to: null, function_name: null, file_path: null, can_edit: false, can_rerun: false, is_edited: false, started_at: step.started_at,
    completed_at: step.completed_at, duration_ms: step.duration_ms, created_at: now, updated_at: now,
  }; // prettier-ignore
}
