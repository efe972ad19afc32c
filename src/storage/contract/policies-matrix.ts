import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../protocol/json.ts';
import type { Database } from '../database.ts';
import { insertRow, makeAdmin, userIds } from './actors.ts';
import type { Actor } from './actors.ts';

/*
 * Who may do what, as one table. Every table and every function of `public` has a line, or tests fail. The
 * database is held to it by `policies-contract.ts`, the server by `server/policies.test.ts`.
 */

export type Verb = 'select' | 'insert' | 'update' | 'delete';
export const verbs: readonly Verb[] = ['select', 'insert', 'update', 'delete'];
/** The run that rows of other tables belong to. */
export const run = 'policies-run';
/** A run that has no lease yet, and can have one only. */
const leasedRun = 'policies-run-to-lease';
const job = '0199bbbb-0000-7000-8000-000000000001';

interface TableLine {
  /** First letters of the verbs, by actor; who is not named may nothing. */
  readonly rights: Readonly<Partial<Record<Actor, string>>>;
  /** Names the row that is there, of which `user` is the owner where it has one. */
  readonly there: string;
  /** A new row; `there` is made of it where the table has no columns for `made`. */
  readonly row: () => JsonObject;
  /** What makes the row that is there, when that is not `row`. */
  readonly made?: JsonObject;
  /** A column that may be set to what it is. */
  readonly touch: string;
  /** The column that names the owner: who is not admin or service sees their own rows alone. */
  readonly owner?: string;
}

interface FunctionLine {
  readonly may: readonly Actor[];
  readonly call: string;
  /** The same for the Data API. */
  readonly args: JsonObject;
  /** Runs as the owner of the tables, with no policy in front: it must ask itself who is there. */
  readonly definer: boolean;
}

/** Who may do what with the rows of which table. */
export const matrix: Readonly<Record<string, TableLine>> = {
  test_execution_runs: {
    rights: { admin: 'siud', service: 'siud' },
    there: `test_run_id = '${run}'`,
    row: () => ({ test_run_id: randomUUID() }),
    made: { test_run_id: run, holder_id: 'h', status: 'running' },
    touch: 'notes',
  },
  test_execution_steps: {
    rights: { admin: 'siu', service: 'siud' },
    there: `test_run_id = '${run}'`,
    row: () => ({ test_run_id: run, step_key: randomUUID() }),
    touch: 'description',
  },
  test_execution_logs: {
    rights: { admin: 'si', service: 'sid' },
    there: `test_run_id = '${run}'`,
    row: () => ({ test_run_id: run, message: 'hello' }),
    touch: 'message',
  },
  test_execution_snapshots: {
    rights: { admin: 'siu', service: 'siud' },
    there: `test_run_id = '${run}'`,
    row: () => ({ test_run_id: run, step_number: 1 }),
    touch: 'is_edited',
  },
  snapshot_blobs: {
    rights: { admin: 'siu', service: 'siud' },
    there: `test_run_id = '${run}'`,
    row: () => ({ test_run_id: run, hash: randomUUID(), body: '1' }),
    touch: 'body',
  },
  test_execution_comparisons: {
    rights: { admin: 'siud', service: 'siud' },
    there: `comparison_name = 'there'`,
    row: () => ({ comparison_name: 'new' }),
    made: { comparison_name: 'there' },
    touch: 'description',
  },
  test_execution_commands: {
    rights: { admin: 'si', service: 'sid' },
    there: `test_run_id = '${run}'`,
    row: () => ({ test_run_id: run, verb: 'pause' }),
    touch: 'reason',
  },
  breakpoints: {
    rights: { admin: 'siud', service: 'siud' },
    there: `pipeline_key = 'policies'`,
    row: () => ({ pipeline_key: 'policies', target: 'a' }),
    touch: 'enabled',
  },
  pipelines: {
    rights: { admin: 's', service: 'siud' },
    there: `pipeline_key = 'policies'`,
    row: () => ({ pipeline_key: randomUUID(), title: 'P' }),
    made: { pipeline_key: 'policies', title: 'P' },
    touch: 'title',
  },
  models: {
    rights: { admin: 'siud', service: 'siud' },
    there: `model_record_id = 'sdxl'`,
    row: () => ({ model_name: 'M', model_provider: 'p', model_content_type: 'c', provider_ref: 'r' }),
    touch: 'model_name',
  },
  runners: {
    rights: { admin: 's', service: 'siud' },
    there: `id = 'policies'`,
    row: () => ({ name: 'n', host: 'h', pid: 1 }),
    made: { id: 'policies', name: 'n', host: 'h', pid: 1 },
    touch: 'name',
  },
  user_roles: {
    rights: { user: 's', admin: 'siud', service: 'siud' },
    there: `user_id = '${userIds.user}'`,
    row: () => ({ user_id: randomUUID(), role: 'admin' }),
    made: { user_id: userIds.user, role: 'member' },
    owner: 'user_id',
    touch: 'role',
  },
  audit_log: {
    rights: { admin: 's', service: 'si' },
    there: `target_id = '${run}'`,
    row: () => ({ actor_role: 'x', action: 'x', target_table: 'x' }),
    touch: 'action',
  },
  jobs: {
    rights: { user: 's', admin: 's', service: 'siud' },
    there: `id = '${job}'`,
    row: () => ({ job_type: 'image', user_id: userIds.user }),
    made: { id: job, job_type: 'image', user_id: userIds.user },
    owner: 'user_id',
    touch: 'error',
  },
  credit_ledger: {
    rights: { user: 's', admin: 's', service: 'si' },
    there: `job_id = '${job}'`,
    row: () => ({ kind: 'grant', user_id: userIds.user }),
    made: { job_id: job, kind: 'debit', user_id: userIds.user },
    owner: 'user_id',
    touch: 'reason',
  },
  imported_extras: {
    rights: { admin: 's', service: 's' },
    there: `test_run_id = '${run}'`,
    row: () => ({ test_run_id: run, table_name: 'comments', row_key: randomUUID(), fields: {} }),
    touch: 'fields',
  },
  run_sequences: {
    rights: { admin: 's', service: 's' },
    there: `test_run_id = '${run}'`,
    row: () => ({ test_run_id: run }),
    touch: 'next_seq',
  },
  watches: {
    rights: { admin: 'siud', service: 'siud' },
    there: `pipeline_key = 'policies'`,
    row: () => ({ pipeline_key: 'policies', expression: 'state.a' }),
    touch: 'expression',
  },
  recorded_exchanges: {
    rights: { admin: 's', service: 'sid' },
    there: `test_run_id = '${run}'`,
    row: () => ({ test_run_id: run, ordinal: Math.floor(Math.random() * 2 ** 31), kind: 'fetch' }),
    touch: 'error',
  },
  run_leases: {
    rights: { admin: 's', service: 's' },
    there: `test_run_id = '${run}'`,
    row: () => ({ test_run_id: leasedRun, owner_name: 'ada', terminal: 't', expires_at: '2100-01-01' }),
    made: { test_run_id: run, owner_name: 'ada', terminal: 't', expires_at: '2100-01-01' },
    touch: 'terminal',
  },
  debug_sessions: {
    rights: { admin: 'siud', service: 'siud' },
    there: `session_name = 'there'`,
    row: () => ({ session_name: 'new' }),
    made: { session_name: 'there' },
    touch: 'description',
  },
  comments: {
    rights: { admin: 'siud', service: 'siud' },
    there: `test_run_id = '${run}'`,
    row: () => ({ test_run_id: run, body: 'look here' }),
    touch: 'body',
  },
  log_bookmarks: {
    rights: { admin: 'siud', service: 'siud' },
    there: `test_run_id = '${run}'`,
    row: () => ({ test_run_id: run, log_id: randomUUID(), seq: 1 }),
    touch: 'note',
  },
  approvals: {
    rights: { admin: 's', service: 'siud' },
    there: `test_run_id = '${run}'`,
    row: () => ({ test_run_id: run, step_key: randomUUID(), title: 'May it?' }),
    touch: 'reason',
  },
  auto_generated_tests: {
    rights: { admin: 'siud', service: 'siud' },
    there: `test_name = 'there'`,
    row: () => ({ test_name: randomUUID() }),
    made: { test_name: 'there' },
    touch: 'framework',
  },
};

/** Who may call what. `user` and `other` may call what answers by policies, and are shown nothing. */
export const functions: Readonly<Record<string, FunctionLine>> = {
  diagnose: { may: ['admin', 'service'], call: `diagnose(array['jobs'])`, args: { followed: ['jobs'] }, definer: true },
  mend_schema: { may: ['service'], call: `mend_schema(array['jobs'])`, args: { followed: ['jobs'] }, definer: true },
  is_admin_user: { may: ['user', 'other', 'admin', 'service'], call: 'is_admin_user()', args: {}, definer: true },
  import_rows: {
    may: ['admin', 'service'],
    call: `import_rows('{"run_id":"${run}","import_id":"${job}","do":"begin"}')`,
    args: { batch: { run_id: run, import_id: job, do: 'begin' } },
    definer: true,
  },
  ingest: {
    may: ['service'],
    call: `ingest('{"run_id":"${run}","holder_id":"h"}')`,
    args: { batch: { run_id: run, holder_id: 'h' } },
    definer: true,
  },
  run_changes: {
    may: ['user', 'other', 'admin', 'service'],
    call: `run_changes('${run}', 0, 10)`,
    args: { run_id: run, after_seq: 0, max_rows: 10 },
    definer: false,
  },
  run_logs: {
    may: ['user', 'other', 'admin', 'service'],
    call: `run_logs('${run}', 0, 10)`,
    args: { run_id: run, after_seq: 0, max_rows: 10 },
    definer: false,
  },
  claim_run: {
    may: ['service'],
    call: `claim_run('r', array['nothing'])`,
    args: { runner_id: 'r', pipeline_keys: ['nothing'] },
    definer: true,
  },
  hold_run: { may: ['service'], call: `hold_run('${run}', 'h')`, args: { run_id: run, holder: 'h' }, definer: true },
  settle_command: {
    may: ['service'],
    call: `settle_command('${job}', 'h', 'done', null)`,
    args: { command_id: job, holder: 'h', new_state: 'done' },
    definer: true,
  },
  interrupt_lost_runs: {
    may: ['service'],
    call: `interrupt_lost_runs('1 year', 'nobody')`,
    args: { max_age: '1 year', holder_prefix: 'nobody' },
    definer: true,
  },
  hold_lease: {
    may: ['admin', 'service'],
    call: `hold_lease('${run}', 't', 60, false)`,
    args: { run_id: run, terminal: 't', seconds: 60, take: false },
    definer: true,
  },
  release_lease: { may: ['admin', 'service'], call: `release_lease('${run}', 'none')`, args: { run_id: run, terminal: 'none' }, definer: true },
  lapsed_lease: { may: ['service'], call: `lapsed_lease('${run}', 'nobody')`, args: { run_id: run, holder: 'nobody' }, definer: true },
  release_run: { may: ['service'], call: `release_run('${run}', 'nobody')`, args: { run_id: run, holder: 'nobody' }, definer: true },
  leave_hold: { may: ['service'], call: `leave_hold('${run}', 'nobody')`, args: { run_id: run, holder: 'nobody' }, definer: true },
  take_up_run: { may: ['service'], call: `take_up_run('${run}', 'nobody')`, args: { run_id: run, holder: 'nobody' }, definer: true },
  cleanup_old_test_runs: { may: ['admin', 'service'], call: 'cleanup_old_test_runs(36500)', args: { days: 36500 }, definer: true },
  record_export: { may: ['admin', 'service'], call: `record_export('${run}')`, args: { run_id: run }, definer: true },
  verify_audit_log: { may: ['admin', 'service'], call: 'verify_audit_log()', args: {}, definer: true },
  copy_snapshots: {
    may: ['service'],
    call: `copy_snapshots('${run}', 'h', 'nothing', array['nothing'])`,
    args: { run_id: run, holder: 'h', parent_id: 'nothing', step_keys: ['nothing'] },
    definer: true,
  },
  fork_facts: { may: ['user', 'other', 'admin', 'service'], call: `fork_facts('${run}')`, args: { run_id: run }, definer: false },
  run_families: {
    may: ['user', 'other', 'admin', 'service'],
    call: `count(*) from run_families(array['${run}'])`,
    args: { run_ids: [run] },
    definer: false,
  },
  get_test_run_summary: {
    may: ['user', 'other', 'admin', 'service'],
    call: `get_test_run_summary('${run}')`,
    args: { run_id: run },
    definer: false,
  },
};

/** Rows that others make: runs and their sequence come with the first, the audit with all, models with the migrations. */
const madeByOthers = ['models', 'audit_log', 'run_sequences'];

/** Makes the rows that are there, once a database, and the administrator. */
export async function makeRows(database: Database): Promise<void> {
  await makeAdmin(database);
  await database.asOwner(async (transaction) => {
    await insertRow(transaction, 'test_execution_runs', { test_run_id: leasedRun });
    for (const [table, { made, row }] of Object.entries(matrix)) {
      if (!madeByOthers.includes(table)) await insertRow(transaction, table, made ?? row());
    }
  });
}

/** What each actor may do with a table, all of them named. */
export function expectedRights(table: string, who: readonly Actor[]): Record<string, string> {
  return Object.fromEntries(who.map((actor) => [actor, matrix[table]!.rights[actor] ?? '']));
}
