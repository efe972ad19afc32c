import type { JsonObject } from '../../protocol/json.ts';
import { limits } from '../../protocol/limits.ts';
import type { ApprovalRow, CommentRow, ExchangeRow, LogBookmarkRow } from '../../protocol/debug-rows.ts';
import type { BlobRow, CommandRow, LogRow, RunRow, SnapshotRow, StepRow } from '../../protocol/rows.ts';
import type { TraceRow } from '../../protocol/trace.ts';
import { traceText } from './write-trace.ts';

const at = (second: number): string => new Date(Date.UTC(2026, 0, 2, 3, 4, second)).toISOString().replace('Z', '+00:00').replace('.000', '');
const idOf = (n: number): string => `0199cccc-0000-7000-8000-${String(n).padStart(12, '0')}`;

/** A finished run of three steps with all kinds of rows, as a database of ours would have stored it. */
export function sampleRun(runId = idOf(1)): readonly TraceRow[] {
  const run: RunRow = {
    id: idOf(1), test_run_id: runId, parent_run_id: null, forked_from_step: null, fork_patch: null, pipeline_key: 'sample', pipeline_version: '1',
    step_tree: null, inputs: { prompt: 'a red lighthouse', width: 1024 }, model_record_id: null, model_name: 'SDXL', model_provider: 'replicate',
    model_content_type: null, admin_user_id: null, generation_id: null, job_id: null, status: 'failed', mode: 'auto', total_steps: 3, completed_steps: 2,
    current_step: null, failed_step_number: 3, failed_step: 'upload', error_message: 'bucket is full', error_stack: 'Error: bucket is full\n    at upload (upload.ts:3:9)',
    execution_data: { options: {} }, test_mode_enabled: true, skip_billing: true, billing: 'test', bookmarked: false, bookmark_name: null, tags: ['nightly'],
    notes: null, environment: 'test', client_version: '0.1.0', user_agent: null, git_commit: 'abc1234', pause_reason: null, paused_by: null, paused_at: null,
    lease_until: null, on_lease_end: 'hold', resumable: false, holder_id: null, holder_heartbeat_at: null, log_counts: { info: 2, error: 1 }, started_at: at(0), completed_at: at(9),
    total_duration_ms: 9000, seq: 12, created_at: at(0), updated_at: at(9),
  };
  const step = (n: number, key: string, more: Partial<StepRow>): StepRow => ({
    id: idOf(10 + n), test_run_id: runId, step_key: key, parent_step_key: null, display: String(n), step_number: n, ordinal: n - 1, attempt: 1, step_name: key,
    description: null, step_type: 'main', execution_context: 'server', function_name: null, file_path: 'upload.ts', status: 'completed', effect: 'none',
    is_edited: false, can_edit: true, can_rerun: true, reused_from_run_id: null, error_message: null, error_stack: null, started_at: at(n), completed_at: at(n + 1),
    duration_ms: 1000, held_ms: 0, cpu_ms: 12.5, memory_bytes: 1024, metadata: {}, seq: 3 * n - 1, created_at: at(n), updated_at: at(n + 1), ...more,
  });
  const log = (n: number, level: LogRow['log_level'], message: string, stepKey: string): LogRow => ({
    id: idOf(20 + n), test_run_id: runId, generation_id: null, step_key: stepKey, step_number: n, parent_step_number: null, step_name: stepKey, step_type: 'log',
    log_level: level, message, data: { n }, metadata: {}, execution_context: 'server', function_name: null, file_path: null, line_number: null, duration_ms: null,
    timestamp: at(n), seq: 3 * n, created_at: at(n),
  });
  const blob: BlobRow = { test_run_id: runId, hash: 'b10b', encoding: 'json', body: JSON.stringify({ pixels: 'x'.repeat(2000) }), bytes: 2013, created_at: at(2) };
  const snapshot = (n: number, key: string, outputs: JsonObject | null): SnapshotRow => ({
    id: idOf(30 + n), test_run_id: runId, step_key: key, step_number: n, step_name: key, attempt: 1,
    state_before: { $manifest: 1, keys: ['prompt'], inline: { prompt: 'a red lighthouse' }, blobs: {} },
    state_after: outputs === null ? null : { $manifest: 1, keys: ['prompt', 'image'], inline: { prompt: 'a red lighthouse' }, blobs: { image: 'b10b' } },
    inputs: { prompt: 'a red lighthouse' }, outputs, source_code: 'export async function upload() {}', source_line: 3, highlight_from: 3, highlight_to: 3,
    function_name: null, file_path: 'upload.ts', can_edit: true, can_rerun: true, is_edited: false, started_at: at(n), completed_at: at(n + 1), duration_ms: 1000,
    created_at: at(n), updated_at: at(n + 1),
  });
  const command: CommandRow = {
    id: idOf(40), test_run_id: runId, verb: 'pause', payload: {}, sender: null, sender_name: 'ada@example.test', state: 'done', reason: null, expires_at: at(59),
    seq: 10, created_at: at(3), updated_at: at(3),
  };
  const exchange = (n: number, status: number, body: JsonObject): ExchangeRow => ({
    id: idOf(50 + n), test_run_id: runId, step_key: 'generate', attempt: 1, ordinal: n, kind: 'provider', method: 'POST', url: 'https://provider.test/v1/predictions',
    request: { headers: { 'content-type': 'application/json' }, body: { prompt: 'a red lighthouse' } }, status, response: { headers: { 'content-type': 'application/json' }, body },
    error: null, started_at: at(2), duration_ms: 120.5, created_at: at(2),
  });
  const approval: ApprovalRow = {
    id: idOf(60), test_run_id: runId, step_key: 'upload', attempt: 1, title: 'Upload it?', state: 'approved', decided_by: null, decided_by_name: 'ada@example.test',
    decided_at: at(4), reason: 'looks right', created_at: at(3), updated_at: at(4),
  };
  const comment: CommentRow = {
    id: idOf(70), test_run_id: runId, step_key: 'upload', log_id: idOf(23), path: null, body: 'the bucket again', resolved: false, author: null,
    author_name: 'ada@example.test', created_at: at(30), updated_at: at(30),
  };
  const bookmark: LogBookmarkRow = {
    id: idOf(80), test_run_id: runId, log_id: idOf(23), seq: 9, note: 'full since the migration', author: null, author_name: 'ada@example.test', created_at: at(31), updated_at: at(32),
  };
  return [
    { table: 'test_execution_runs', row: run },
    { table: 'test_execution_steps', row: step(1, 'plan', {}) },
    { table: 'test_execution_steps', row: step(2, 'generate', { execution_context: 'provider', effect: 'external' }) },
    { table: 'test_execution_steps', row: step(3, 'upload', { status: 'failed', error_message: 'bucket is full' }) },
    { table: 'snapshot_blobs', row: blob },
    { table: 'test_execution_snapshots', row: snapshot(1, 'plan', { plan: 'x' }) },
    { table: 'test_execution_snapshots', row: snapshot(2, 'generate', { image: 'y' }) },
    { table: 'test_execution_snapshots', row: snapshot(3, 'upload', null) },
    { table: 'test_execution_logs', row: log(1, 'info', 'planned', 'plan') },
    { table: 'test_execution_logs', row: log(2, 'info', 'asked the provider', 'generate') },
    { table: 'test_execution_logs', row: log(3, 'error', 'bucket is full', 'upload') },
    { table: 'test_execution_commands', row: command },
    { table: 'recorded_exchanges', row: exchange(0, 201, { id: 'p1', status: 'starting' }) },
    { table: 'recorded_exchanges', row: exchange(1, 200, { id: 'p1', status: 'succeeded' }) },
    { table: 'approvals', row: approval },
    { table: 'comments', row: comment },
    { table: 'log_bookmarks', row: bookmark },
  ] as unknown as readonly TraceRow[];
}

/** The text of a trace file with these rows. */
export async function traceOf(rows: readonly TraceRow[]): Promise<string> {
  const runId = rows[0]!.row['test_run_id'] as string;
  const some = async function* () {
    for (let i = 0; i < rows.length; i += limits.batchRows) yield rows.slice(i, i + limits.batchRows);
  };
  let text = '';
  for await (const piece of traceText(some(), { exportedAt: '2026-11-21T10:00:00.000Z', runId })) text += piece;
  return text;
}
