import { RunRow, StepRow } from '../../protocol/rows.ts';
import type { RecordedRun } from './comparison.ts';

/** A step of a run for tests; what is not given is as in a run where nothing happened. */
export function stepRow(given: Partial<StepRow> & Pick<StepRow, 'step_key'>): StepRow {
  const at = '2026-01-01T00:00:00.000Z';
  const parent = given.step_key.includes('.') ? given.step_key.slice(0, given.step_key.lastIndexOf('.')) : null;
  return StepRow.parse({
    id: `${given.test_run_id ?? 'run'} ${given.step_key} ${given.attempt ?? 1}`, test_run_id: 'run', parent_step_key: parent, display: '1', step_number: 1, ordinal: 0, attempt: 1,
    step_name: given.step_key.split('.').at(-1)!, description: null, step_type: 'main', execution_context: 'server', function_name: null, file_path: null, status: 'completed', effect: 'none',
    is_edited: false, can_edit: true, can_rerun: true, reused_from_run_id: null, error_message: null, error_stack: null, started_at: at, completed_at: at,
    duration_ms: 100, held_ms: 0, cpu_ms: null, memory_bytes: null, metadata: {}, seq: given.ordinal ?? 0, created_at: at, updated_at: at, ...given,
  });
}

/** A run of these steps, in their order, each written as its key or as a part of its row. */
export function recordedRun(id: string, steps: readonly (string | (Partial<StepRow> & Pick<StepRow, 'step_key'>))[], run: Partial<RunRow> = {}): RecordedRun {
  const at = '2026-01-01T00:00:00.000Z';
  return {
    run: RunRow.parse({
      id, test_run_id: id, parent_run_id: null, forked_from_step: null, fork_patch: null, pipeline_key: 'p', pipeline_version: '1', step_tree: null, inputs: {},
      model_record_id: null, model_name: null, model_provider: null, model_content_type: null, admin_user_id: null, generation_id: null, job_id: null,
      status: 'completed', mode: 'auto', total_steps: steps.length, completed_steps: steps.length, current_step: null, failed_step_number: null, failed_step: null,
      error_message: null, error_stack: null, execution_data: {}, test_mode_enabled: true, skip_billing: false, billing: 'test', bookmarked: false, bookmark_name: null,
      tags: [], notes: null, environment: null, client_version: null, user_agent: null, git_commit: null, pause_reason: null, paused_by: null, paused_at: null,
      lease_until: null, on_lease_end: 'hold', holder_id: null, holder_heartbeat_at: null, log_counts: {}, started_at: at, completed_at: at,
      total_duration_ms: steps.length * 100, seq: 0, created_at: at, updated_at: at, ...run,
    }),
    steps: steps.map((step, ordinal) => {
      const given = typeof step === 'string' ? { step_key: step } : step;
      return stepRow({ test_run_id: id, ordinal, display: String(ordinal + 1), ...given });
    }),
  };
}
