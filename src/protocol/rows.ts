import { z } from 'zod';
import { Json, JsonObject, PatchOperation } from './json.ts';
import { AuditRow, JobRow, LedgerRow, ModelRow, UserRoleRow } from './account-rows.ts';
import { ApprovalRow, AutoTestRow, CommentRow, DebugSessionRow, ExchangeRow, LeaseRow, LogBookmarkRow, WatchRow } from './debug-rows.ts';
import { StepDefinition } from './step-definition.ts';
import { Billing, Effect, ExecutionContext, LogLevel, OnLeaseEnd, RunMode, RunStatus, StepStatus, StepType } from './vocabulary.ts';

/*
 * Rows as they are stored and as they travel. Fields carry the names of their columns, so nothing is
 * translated between the database, the wire and the screen. `storage/migrations` holds the same columns,
 * and a test compares the two.
 */

/** ISO 8601 with offset, as Postgres prints `timestamptz` in JSON. */
const Timestamp = z.string();
const Count = z.int().nonnegative();
/** A place in the order of one run; see `run_sequences` in the migrations. */
const Seq = z.int().nonnegative();

/** One execution of a pipeline. `test_run_id` is also its trace id, correlation id and operation id. */
export const RunRow = z.object({
  id: z.string(),
  test_run_id: z.string(),
  parent_run_id: z.string().nullable(),
  /** Key of the step from which a fork executes; the steps before it are reused. */
  forked_from_step: z.string().nullable(),
  /** The edit of a fork: a JSON Patch on the inputs of `forked_from_step`. */
  fork_patch: z.array(PatchOperation).nullable(),
  pipeline_key: z.string().nullable(),
  pipeline_version: z.string().nullable(),
  /** The steps as declared when the run was made, so that an old run still shows its own. */
  step_tree: z.array(StepDefinition).nullable(),
  inputs: JsonObject,
  model_record_id: z.string().nullable(),
  model_name: z.string().nullable(),
  model_provider: z.string().nullable(),
  model_content_type: z.string().nullable(),
  admin_user_id: z.string().nullable(),
  generation_id: z.string().nullable(),
  job_id: z.string().nullable(),
  status: RunStatus,
  mode: RunMode,
  total_steps: Count,
  completed_steps: Count,
  /** Key of the step in flight or held. */
  current_step: z.string().nullable(),
  failed_step_number: z.int().nullable(),
  failed_step: z.string().nullable(),
  error_message: z.string().nullable(),
  error_stack: z.string().nullable(),
  /** Everything else the seeds keep with a run; ours: `{options: RunOptions}`. */
  execution_data: JsonObject,
  test_mode_enabled: z.boolean(),
  skip_billing: z.boolean(),
  billing: Billing,
  bookmarked: z.boolean(),
  bookmark_name: z.string().nullable(),
  tags: z.array(z.string()),
  notes: z.string().nullable(),
  environment: z.string().nullable(),
  client_version: z.string().nullable(),
  user_agent: z.string().nullable(),
  git_commit: z.string().nullable(),
  /** Why the run is paused: `breakpoint #2 on 7`, `step`, `pause`. */
  pause_reason: z.string().nullable(),
  paused_by: z.string().nullable(),
  paused_at: Timestamp.nullable(),
  lease_until: Timestamp.nullable(),
  on_lease_end: OnLeaseEnd,
  /** Can another process take the run up at the step it is held before? */
  resumable: z.boolean().default(false),
  /** Who executes the run; moved by compare-and-set in `claim_run()`. */
  holder_id: z.string().nullable(),
  holder_heartbeat_at: Timestamp.nullable(),
  /** Log rows by level, kept as they are stored: `{"info": 12, "error": 1}`. */
  log_counts: z.record(z.string(), Count),
  started_at: Timestamp.nullable(),
  completed_at: Timestamp.nullable(),
  total_duration_ms: z.number().nullable(),
  seq: Seq,
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type RunRow = z.infer<typeof RunRow>;

/** One attempt at one step of a run. */
export const StepRow = z.object({
  id: z.string(),
  test_run_id: z.string(),
  step_key: z.string(),
  parent_step_key: z.string().nullable(),
  /** What people see: `8e`. */
  display: z.string(),
  step_number: z.int(),
  /** Place in the run, counting sub-steps, from 0. */
  ordinal: z.int(),
  attempt: z.int().positive(),
  step_name: z.string(),
  description: z.string().nullable(),
  step_type: StepType,
  execution_context: ExecutionContext,
  function_name: z.string().nullable(),
  file_path: z.string().nullable(),
  status: StepStatus,
  effect: Effect,
  is_edited: z.boolean(),
  can_edit: z.boolean(),
  can_rerun: z.boolean(),
  /** The run whose result a `reused` step shows. */
  reused_from_run_id: z.string().nullable(),
  error_message: z.string().nullable(),
  error_stack: z.string().nullable(),
  started_at: Timestamp.nullable(),
  completed_at: Timestamp.nullable(),
  duration_ms: z.number().nullable(),
  /** Time spent held at the gate; not part of `duration_ms`. */
  held_ms: z.number().nullable(),
  cpu_ms: z.number().nullable(),
  memory_bytes: z.number().nullable(),
  metadata: JsonObject,
  seq: Seq,
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type StepRow = z.infer<typeof StepRow>;

/** One line of a run's log. Never changes once stored. */
export const LogRow = z.object({
  id: z.string(),
  test_run_id: z.string(),
  generation_id: z.string().nullable(),
  step_key: z.string().nullable(),
  step_number: z.int().nullable(),
  parent_step_number: z.int().nullable(),
  step_name: z.string().nullable(),
  step_type: StepType,
  log_level: LogLevel,
  message: z.string(),
  data: Json.nullable(),
  metadata: JsonObject,
  execution_context: ExecutionContext,
  function_name: z.string().nullable(),
  file_path: z.string().nullable(),
  line_number: z.int().nullable(),
  duration_ms: z.number().nullable(),
  timestamp: Timestamp,
  seq: Seq,
  created_at: Timestamp,
});
export type LogRow = z.infer<typeof LogRow>;

/**
 * The state around one attempt at a step. Written when the run arrives at the gate (inputs, state before)
 * and again when the step ends. State is stored as a {@link StateManifest} by us, and plain by seed clients.
 */
export const SnapshotRow = z.object({
  id: z.string(),
  test_run_id: z.string(),
  step_key: z.string(),
  step_number: z.int(),
  step_name: z.string().nullable(),
  attempt: z.int().positive(),
  state_before: Json.nullable(),
  state_after: Json.nullable(),
  inputs: Json.nullable(),
  outputs: Json.nullable(),
  source_code: z.string().nullable(),
  /** Line in `file_path` of the first line of `source_code`. */
  source_line: z.int().nullable(),
  /** First and last highlighted line, counted in the file. */
  highlight_from: z.int().nullable(),
  highlight_to: z.int().nullable(),
  function_name: z.string().nullable(),
  file_path: z.string().nullable(),
  can_edit: z.boolean(),
  can_rerun: z.boolean(),
  is_edited: z.boolean(),
  started_at: Timestamp.nullable(),
  completed_at: Timestamp.nullable(),
  duration_ms: z.number().nullable(),
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type SnapshotRow = z.infer<typeof SnapshotRow>;

/**
 * A state whose larger top-level values live in `snapshot_blobs`, one blob a value, by content hash.
 * `keys` keeps the order of the original object.
 */
export const StateManifest = z.object({
  $manifest: z.literal(1),
  keys: z.array(z.string()),
  inline: JsonObject,
  blobs: JsonObject.refine((blobs) => Object.values(blobs).every((hash) => typeof hash === 'string')) as unknown as z.ZodType<Readonly<Record<string, string>>>,
});
export type StateManifest = z.infer<typeof StateManifest>;

/** The value behind a hash in a {@link StateManifest}: JSON text, or gzip of it in base64. */
export const BlobRow = z.object({
  test_run_id: z.string(),
  hash: z.string(),
  encoding: z.enum(['json', 'gzip+base64']),
  body: z.string(),
  bytes: Count,
  created_at: Timestamp,
});
export type BlobRow = z.infer<typeof BlobRow>;

export const ComparisonRow = z.object({
  id: z.string(),
  comparison_name: z.string().nullable(),
  description: z.string().nullable(),
  run_ids: z.array(z.string()),
  differences_summary: Json,
  performance_delta: Json,
  created_by: z.string().nullable(),
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type ComparisonRow = z.infer<typeof ComparisonRow>;

/**
 * What a person can tell a run. The words are the Debug Adapter Protocol's, plus `runTo`, `cancel`, `edit`
 * (the inputs of the step the run is held before), `lease` (renew a pause), `take` (make somebody's pause one's
 * own), `approve` and `reject` (answer an approval the run waits for).
 */
export const CommandVerb = z.enum(['pause', 'continue', 'next', 'stepIn', 'stepOut', 'runTo', 'cancel', 'edit', 'lease', 'take', 'approve', 'reject']);
export type CommandVerb = z.infer<typeof CommandVerb>;

/**
 * `{step}` for `pause` (optional: before this step) and `runTo`; `{step, patch}` for `edit`; `{step, why}` for `approve`
 * and `reject`; `{}` otherwise.
 */
export const CommandPayload = z.object({
  step: z.string().optional(),
  patch: z.array(PatchOperation).optional(),
  /** In the person's own words. */
  why: z.string().optional(),
});
export type CommandPayload = z.infer<typeof CommandPayload>;

export const CommandState = z.enum(['pending', 'accepted', 'done', 'refused']);
export type CommandState = z.infer<typeof CommandState>;

/** An order to a run. Only the run's holder moves it out of `pending`. */
export const CommandRow = z.object({
  id: z.string(),
  test_run_id: z.string(),
  verb: CommandVerb,
  payload: CommandPayload,
  sender: z.string().nullable(),
  /** What people see of the sender: a mail address or `host:pid`. */
  sender_name: z.string().nullable(),
  state: CommandState,
  /** Why it was refused. */
  reason: z.string().nullable(),
  expires_at: Timestamp,
  seq: Seq,
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type CommandRow = z.infer<typeof CommandRow>;

/** What a breakpoint waits for. */
export const BreakpointKind = z.enum(['step', 'error', 'level', 'slow', 'cost', 'path']);
export type BreakpointKind = z.infer<typeof BreakpointKind>;

/**
 * Where a pipeline's runs stop, or only leave a line in the log.
 *
 * - `step`: before or after the steps `target` names.
 * - `error`: when a step fails, before the failure ends it.
 * - `level`: at a log row of `level` or above.
 * - `slow`: when a step has run longer than `threshold` milliseconds, or than the 95th percentile of earlier runs.
 * - `cost`: when the run's charges reach `threshold` credits.
 * - `path`: after a step that changed the state at `path`.
 *
 * All but `step` stop at the next place where a run can be held.
 */
export const BreakpointRow = z.object({
  id: z.string(),
  pipeline_key: z.string(),
  /** Small, stable within the pipeline, what people type and read as `#3`. */
  number: z.int().positive(),
  kind: BreakpointKind,
  /** Key, display number or a glob over both (`8.*`, `*upload*`); null for any step. */
  target: z.string().nullable(),
  /** Of kind `step` only. */
  moment: z.enum(['before', 'after']),
  /** An expression over `inputs`, `outputs`, `state`, `step` and `run` that must hold. */
  condition: z.string().nullable(),
  /** Counted within one run, after the condition: `3` (from the third on), `== 3`, `% 5`. */
  hit_condition: z.string().nullable(),
  /** Makes it a log point: written to the run's log, with `{expressions}` filled in, and nothing stops. */
  log_message: z.string().nullable(),
  level: LogLevel.nullable(),
  /** JSON Pointer into the state. */
  path: z.string().nullable(),
  threshold: z.number().nullable(),
  /** A run held here goes on only when somebody approves. */
  needs_approval: z.boolean(),
  enabled: z.boolean(),
  created_by: z.string().nullable(),
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type BreakpointRow = z.infer<typeof BreakpointRow>;

/** A pipeline that some runner has registered. */
export const PipelineRow = z.object({
  pipeline_key: z.string(),
  version: z.string(),
  title: z.string(),
  description: z.string().nullable(),
  step_tree: z.array(StepDefinition),
  /** JSON Schema of a run's inputs. */
  inputs_schema: JsonObject,
  /** Inputs to start from when a person gives none. */
  example_inputs: JsonObject,
  file_path: z.string().nullable(),
  /** Keys of `models` the pipeline can run, most usual first; empty when it needs none. */
  models: z.array(z.string()),
  /** Can a run of it be taken up by another process at the step it is held before? */
  resumable: z.boolean().default(false),
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type PipelineRow = z.infer<typeof PipelineRow>;

/** A process that claims runs of the pipelines it has registered. */
export const RunnerRow = z.object({
  id: z.string(),
  name: z.string(),
  host: z.string(),
  pid: z.int(),
  pipelines: z.array(z.string()),
  heartbeat_at: Timestamp,
  started_at: Timestamp,
});
export type RunnerRow = z.infer<typeof RunnerRow>;

/** What a recording from a file has beside our columns: fields to put over one of its rows, or a row of a table we do not have. */
export const ImportedExtraRow = z.object({
  test_run_id: z.string(),
  table_name: z.string(),
  row_key: z.string(),
  place: z.int(),
  fields: JsonObject,
});
export type ImportedExtraRow = z.infer<typeof ImportedExtraRow>;

/** Every table of ours, by name, with the schema of its rows. */
export const tables = {
  test_execution_runs: RunRow,
  test_execution_steps: StepRow,
  test_execution_logs: LogRow,
  test_execution_snapshots: SnapshotRow,
  snapshot_blobs: BlobRow,
  test_execution_comparisons: ComparisonRow,
  test_execution_commands: CommandRow,
  breakpoints: BreakpointRow,
  pipelines: PipelineRow,
  models: ModelRow,
  runners: RunnerRow,
  user_roles: UserRoleRow,
  audit_log: AuditRow,
  jobs: JobRow,
  credit_ledger: LedgerRow,
  watches: WatchRow,
  recorded_exchanges: ExchangeRow,
  run_leases: LeaseRow,
  debug_sessions: DebugSessionRow,
  comments: CommentRow,
  log_bookmarks: LogBookmarkRow,
  approvals: ApprovalRow,
  auto_generated_tests: AutoTestRow,
  imported_extras: ImportedExtraRow,
} as const;
export type TableName = keyof typeof tables;

/** Tables whose changes travel over realtime. The first four carry `test_run_id` and `seq`. */
export const publishedTables = [
  'test_execution_runs',
  'test_execution_steps',
  'test_execution_logs',
  'test_execution_commands',
  'breakpoints',
  'pipelines',
  'runners',
  'jobs',
  'credit_ledger',
  'watches',
  'run_leases',
  'debug_sessions',
  'comments',
  'log_bookmarks',
  'approvals',
] as const satisfies readonly TableName[];
