import type { LogRow, RunRow } from '../protocol/rows.ts';
import type { Trace } from '../protocol/trace.ts';
import { TRACE_DOCUMENT_VERSION } from '../protocol/trace.ts';
import type { RunPatch, WrittenLog, WrittenSnapshot, WrittenStep } from './make-rows.ts';
import type { Rows } from './sink.ts';

/** Lines kept in memory. All are stored; an export of more says how many it lacks. */
const MOST_LOGS = 50_000;

/** What a tracker has written, kept for `getFlow`, `getLogs` and `export`: the same masked rows that were sent. */
export interface LocalTrace {
  readonly add: (rows: Rows) => void;
  readonly run: () => RunPatch;
  readonly logs: () => readonly WrittenLog[];
  readonly export: () => Trace;
  readonly restore: (trace: Trace) => void;
}

export function createLocalTrace(runId: string): LocalTrace {
  let run: RunPatch = {};
  let restored: Trace | undefined;
  const steps = new Map<string, WrittenStep>();
  const snapshots = new Map<string, WrittenSnapshot>();
  const blobs = new Map<string, NonNullable<Rows['blobs']>[number]>();
  const exchanges = new Map<string, NonNullable<Rows['exchanges']>[number]>();
  let logs: WrittenLog[] = [];
  let dropped = 0;
  const createdAt = new Date().toISOString();

  return {
    add: (rows) => {
      run = { ...run, ...rows.run };
      for (const step of rows.steps ?? []) steps.set(step.id, step);
      for (const snapshot of rows.snapshots ?? []) snapshots.set(snapshot.id, snapshot);
      for (const blob of rows.blobs ?? []) blobs.set(blob.hash, blob);
      for (const exchange of rows.exchanges ?? []) exchanges.set(exchange.id, exchange);
      for (const log of rows.logs ?? []) logs.push(log);
      if (logs.length > MOST_LOGS * 1.2) {
        dropped += logs.length - MOST_LOGS;
        logs = logs.slice(-MOST_LOGS);
      }
    },
    run: () => run,
    logs: () => logs,
    export: () => {
      const exportedAt = new Date().toISOString();
      if (restored !== undefined) return { ...restored, exportedAt };
      // Numbers as a database would have given them, first to last.
      let seq = 0;
      const stamp = <Row>(row: Row) => ({ ...row, seq: ++seq, created_at: createdAt, updated_at: exportedAt });
      const counts: Record<string, number> = {};
      for (const log of logs) counts[log.log_level] = (counts[log.log_level] ?? 0) + 1;
      return {
        stepscope: 'trace',
        version: TRACE_DOCUMENT_VERSION,
        exportedAt,
        steps: [...steps.values()].map(stamp),
        snapshots: [...snapshots.values()].map((row) => ({ ...row, created_at: createdAt, updated_at: exportedAt })),
        blobs: [...blobs.values()].map((row) => ({ ...row, created_at: createdAt })),
        logs: logs.map((row): LogRow => ({ ...row, seq: ++seq, created_at: row.timestamp })),
        commands: [],
        exchanges: [...exchanges.values()].map((row) => ({ ...row, created_at: createdAt })),
        run: stamp(wholeRun(runId, run, counts, dropped)) as RunRow,
      };
    },
    restore: (trace) => {
      restored = trace;
      run = trace.run;
      logs = trace.logs;
    },
  };
}

function wholeRun(
  runId: string,
  run: RunPatch,
  logCounts: Record<string, number>,
  dropped: number,
): Omit<RunRow, 'seq' | 'created_at' | 'updated_at'> {
  return {
    id: runId,
    test_run_id: runId,
    parent_run_id: null,
    forked_from_step: null,
    fork_patch: null,
    pipeline_key: null,
    pipeline_version: null,
    step_tree: null,
    inputs: {},
    model_record_id: null,
    model_name: null,
    model_provider: null,
    model_content_type: null,
    admin_user_id: null,
    generation_id: null,
    job_id: null,
    status: 'pending',
    mode: 'auto',
    total_steps: 0,
    completed_steps: 0,
    current_step: null,
    failed_step_number: null,
    failed_step: null,
    error_message: null,
    error_stack: null,
    test_mode_enabled: true,
    skip_billing: true,
    billing: 'test',
    bookmarked: false,
    bookmark_name: null,
    tags: [],
    notes: null,
    environment: null,
    client_version: null,
    user_agent: null,
    git_commit: null,
    pause_reason: null,
    paused_by: null,
    paused_at: null,
    lease_until: null,
    on_lease_end: 'hold',
    resumable: false,
    holder_id: null,
    holder_heartbeat_at: null,
    started_at: null,
    completed_at: null,
    total_duration_ms: null,
    ...(run as Partial<RunRow>),
    log_counts: logCounts,
    execution_data: { ...run.execution_data, ...(dropped > 0 ? { logsNotInThisFile: dropped } : {}) },
  };
}
