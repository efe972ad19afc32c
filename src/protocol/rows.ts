import { z } from 'zod';
import { Json, JsonObject, PatchOperation } from './json.ts';
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
 * (the inputs of the step the run is held before) and `lease` (renew a pause).
 */
export const CommandVerb = z.enum(['pause', 'continue', 'next', 'stepIn', 'stepOut', 'runTo', 'cancel', 'edit', 'lease']);
export type CommandVerb = z.infer<typeof CommandVerb>;

/** `{step}` for `pause` (optional: before this step) and `runTo`; `{step, patch}` for `edit`; `{}` otherwise. */
export const CommandPayload = z.object({
  step: z.string().optional(),
  patch: z.array(PatchOperation).optional(),
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

/** Where a pipeline's runs stop. `target` is a step key; conditions and further kinds come later. */
export const BreakpointRow = z.object({
  id: z.string(),
  pipeline_key: z.string(),
  /** Small, stable within the pipeline, what people type and read as `#3`. */
  number: z.int().positive(),
  kind: z.enum(['step', 'error']),
  target: z.string().nullable(),
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
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type PipelineRow = z.infer<typeof PipelineRow>;

/** A model in the registry. Inactive ones can be run all the same: that is what a test console is for. */
export const ModelRow = z.object({
  model_record_id: z.string(),
  model_name: z.string(),
  model_provider: z.string(),
  model_content_type: z.string(),
  /** The provider's own name and version: `black-forest-labs/flux-schnell`. */
  provider_ref: z.string(),
  cost_credits: z.number(),
  is_active: z.boolean(),
  /** JSON Schema of the parameters the model takes. */
  parameters: JsonObject,
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type ModelRow = z.infer<typeof ModelRow>;

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

export const UserRoleRow = z.object({ user_id: z.string(), role: z.string(), created_at: Timestamp });
export type UserRoleRow = z.infer<typeof UserRoleRow>;

/** Who did what to which row, and why. Append-only, without gaps, in the order of commits. */
export const AuditRow = z.object({
  id: z.int(),
  at: Timestamp,
  actor: z.string().nullable(),
  actor_role: z.string(),
  /** The actor's mail address, or the one somebody tried to sign in with. */
  actor_name: z.string().nullable(),
  action: z.string(),
  target_table: z.string(),
  target_id: z.string().nullable(),
  details: JsonObject,
  reason: z.string().nullable(),
  /** Where the request came from, when our own server took it. */
  address: z.string().nullable(),
  /** Hash of the row before this one, and of this one with it: SHA-256 in hexadecimal. */
  prev_hash: z.string(),
  hash: z.string(),
});
export type AuditRow = z.infer<typeof AuditRow>;

/** What `verify_audit_log()` found: whether the rows are those that were written, all of them and in order. */
export const AuditVerdict = z.object({
  ok: z.boolean(),
  rows: z.int(),
  /** Hash of the last row. Kept elsewhere, it proves later that no row up to here was rewritten. */
  head: z.string().optional(),
  first_broken_id: z.int().optional(),
  reason: z.string().optional(),
});
export type AuditVerdict = z.infer<typeof AuditVerdict>;

/** One generation asked of a provider; the seed's generation record. */
export const JobRow = z.object({
  id: z.string(),
  user_id: z.string().nullable(),
  run_id: z.string().nullable(),
  job_type: z.string(),
  status: z.enum(['queued', 'processing', 'succeeded', 'failed', 'canceled']),
  provider: z.string().nullable(),
  /** The provider's id of the prediction. */
  provider_id: z.string().nullable(),
  input: JsonObject,
  output: Json.nullable(),
  output_path: z.string().nullable(),
  error: z.string().nullable(),
  is_test: z.boolean(),
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type JobRow = z.infer<typeof JobRow>;

/** One movement of credits. In test mode `amount` is 0 and `would_have_charged` says what it would have been. */
export const LedgerRow = z.object({
  id: z.string(),
  user_id: z.string().nullable(),
  run_id: z.string().nullable(),
  job_id: z.string().nullable(),
  kind: z.enum(['grant', 'debit', 'refund']),
  amount: z.number(),
  would_have_charged: z.number(),
  reason: z.string().nullable(),
  created_at: Timestamp,
});
export type LedgerRow = z.infer<typeof LedgerRow>;

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
] as const satisfies readonly TableName[];
