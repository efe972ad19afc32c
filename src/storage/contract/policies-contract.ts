import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../protocol/json.ts';
import type { Database, Transaction } from '../database.ts';
import { claimSettings } from '../session.ts';
import { actors, claimsOf, insertRow, makeAdmin, userIds } from './actors.ts';
import type { Actor } from './actors.ts';

type Verb = 'select' | 'insert' | 'update' | 'delete';
const verbs: readonly Verb[] = ['select', 'insert', 'update', 'delete'];
type Rights = Readonly<Partial<Record<Actor, string>>>;

const run = 'policies-run';
const job = '0199bbbb-0000-7000-8000-000000000001';

/**
 * Who may do what: the first letters of the verbs, by actor; who is not named may nothing. `row` is inserted
 * and, where a table needs one to be there, `there` names it.
 */
const matrix: Readonly<
  Record<string, { readonly rights: Rights; readonly there: string; readonly row: () => JsonObject; readonly touch: string }>
> = {
  test_execution_runs: {
    rights: { admin: 'siud', service: 'siud' },
    there: `test_run_id = '${run}'`,
    row: () => ({ test_run_id: randomUUID() }),
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
    touch: 'name',
  },
  user_roles: {
    rights: { user: 's', admin: 'siud', service: 'siud' },
    there: `user_id = '${userIds.user}'`,
    row: () => ({ user_id: randomUUID(), role: 'admin' }),
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
    touch: 'error',
  },
  credit_ledger: {
    rights: { user: 's', admin: 's', service: 'si' },
    there: `job_id = '${job}'`,
    row: () => ({ kind: 'grant', user_id: userIds.user }),
    touch: 'reason',
  },
  run_sequences: {
    rights: { admin: 's', service: 's' },
    there: `test_run_id = '${run}'`,
    row: () => ({ test_run_id: run }),
    touch: 'next_seq',
  },
};

/** Who may call what. */
const functions: Readonly<Record<string, { readonly may: readonly Actor[]; readonly call: string }>> = {
  is_admin_user: { may: ['user', 'other', 'admin', 'service'], call: 'is_admin_user()' },
  ingest: { may: ['service'], call: `ingest('{"run_id":"${run}","holder_id":"h"}')` },
  run_changes: { may: ['user', 'other', 'admin', 'service'], call: `run_changes('${run}', 0, 10)` },
  claim_run: { may: ['service'], call: `claim_run('r', array['nothing'])` },
  hold_run: { may: ['service'], call: `hold_run('${run}', 'h')` },
  settle_command: { may: ['service'], call: `settle_command('${job}', 'h', 'done', null)` },
  interrupt_lost_runs: { may: ['service'], call: `interrupt_lost_runs('1 year', 'nobody')` },
  cleanup_old_test_runs: { may: ['admin', 'service'], call: 'cleanup_old_test_runs(36500)' },
  record_export: { may: ['admin', 'service'], call: `record_export('${run}')` },
  verify_audit_log: { may: ['admin', 'service'], call: 'verify_audit_log()' },
  get_test_run_summary: { may: ['user', 'other', 'admin', 'service'], call: `get_test_run_summary('${run}')` },
};

/** Row-level security, as one table of rights that every table and function must be in. */
export function policiesContract(open: () => Database): void {
  describe('row-level security', () => {
    let database: Database;
    beforeAll(async () => {
      database = open();
      await makeAdmin(database);
      await database.asOwner(async (transaction) => {
        await insertRow(transaction, 'test_execution_runs', { test_run_id: run, holder_id: 'h', status: 'running' });
        for (const table of [
          'test_execution_steps',
          'test_execution_logs',
          'test_execution_snapshots',
          'snapshot_blobs',
          'test_execution_commands',
          'breakpoints',
        ]) {
          await insertRow(transaction, table, matrix[table]!.row());
        }
        await insertRow(transaction, 'test_execution_comparisons', { comparison_name: 'there' });
        await insertRow(transaction, 'pipelines', { pipeline_key: 'policies', title: 'P' });
        await insertRow(transaction, 'runners', { id: 'policies', name: 'n', host: 'h', pid: 1 });
        await insertRow(transaction, 'user_roles', { user_id: userIds.user, role: 'member' });
        await insertRow(transaction, 'jobs', { id: job, job_type: 'image', user_id: userIds.user });
        await insertRow(transaction, 'credit_ledger', { job_id: job, kind: 'debit', user_id: userIds.user });
      });
    });

    it('has a line for every table and every function', async () => {
      const { rows } = await database.asOwner((transaction) =>
        transaction.query<{ name: string }>(
          `select tablename::text as name from pg_tables where schemaname = 'public'
           union all select proname from pg_proc where pronamespace = 'public'::regnamespace order by 1`,
        ),
      );
      expect(rows.map(({ name }) => name).toSorted()).toEqual([...Object.keys(matrix), ...Object.keys(functions)].toSorted());
    });

    it.each(Object.keys(matrix))('gives nobody more, and nobody less, on %s', async (table) => {
      const found = await database.asOwner((transaction) => rightsOn(transaction, table), { timeoutMs: 30_000 });
      expect(found).toEqual(expectedRights(table));
    });

    it('would not hold with any of its policies gone', async () => {
      const silent = await database.asOwner(policiesWithoutEffect, { timeoutMs: 60_000 });
      expect(silent).toEqual([]);
    });

    it.each(Object.entries(functions))('lets only those call %s who may', async (_, { may, call }) => {
      const allowed = await database.asOwner(async (transaction) => {
        const able: Actor[] = [];
        for (const actor of actors) if (await isAllowed(transaction, actor, `select ${call}`)) able.push(actor);
        return able;
      });
      expect(allowed).toEqual(may);
    });

    it('shows a user nothing of runs through the functions either', async () => {
      const seen = await database.asUser(claimsOf.user, (transaction) =>
        transaction.query<{ changes: { changes: Json[]; first_seq: number }; summary: Json }>(
          `select run_changes($1, 0, 10) as changes, get_test_run_summary($1) as summary`,
          [run],
        ),
      );
      expect(seen.rows[0]).toMatchObject({ changes: { changes: [] }, summary: null });
    });

    it('lets nobody sign a command with another name', async () => {
      const { rows } = await database.asUser(claimsOf.admin, (transaction) =>
        transaction.query(
          `insert into test_execution_commands (test_run_id, verb, sender, state) values ($1, 'pause', $2, 'done') returning sender, sender_name, state`,
          [run, userIds.other],
        ),
      );
      expect(rows).toEqual([{ sender: userIds.admin, sender_name: 'admin@example.com', state: 'pending' }]);
    });
  });
}

function expectedRights(table: string): Record<Actor, string> {
  return Object.fromEntries(actors.map((actor) => [actor, matrix[table]!.rights[actor] ?? ''])) as Record<Actor, string>;
}

/** What each actor can in fact do with a row, tried and taken back. */
async function rightsOn(transaction: Transaction, table: string): Promise<Record<Actor, string>> {
  const { there, touch, row } = matrix[table]!;
  const found: [Actor, string][] = [];
  for (const actor of actors) {
    let letters = '';
    for (const verb of verbs) {
      const columns = row();
      const names = Object.keys(columns);
      const [text, parameters] = {
        select: [`select 1 from ${table} where ${there}`, []],
        insert: [
          `insert into ${table} (${names.join(', ')}) values (${names.map((_, index) => `$${index + 1}`).join(', ')})`,
          Object.values(columns),
        ],
        update: [`update ${table} set ${touch} = ${touch} where ${there}`, []],
        delete: [`delete from ${table} where ${there}`, []],
      }[verb] as [string, Json[]];
      if (await isAllowed(transaction, actor, text, parameters)) letters += verb[0];
    }
    found.push([actor, letters]);
  }
  return Object.fromEntries(found) as Record<Actor, string>;
}

/** Whether a statement does something for an actor. An error other than of rights is a broken test. */
async function isAllowed(transaction: Transaction, actor: Actor, text: string, parameters: readonly unknown[] = []): Promise<boolean> {
  await transaction.query('savepoint attempt');
  try {
    for (const [name, value] of claimSettings(claimsOf[actor])) await transaction.query('select set_config($1, $2, true)', [name, value]);
    const { rows, affectedRows } = await transaction.query(text, parameters);
    return rows.length > 0 || affectedRows > 0 || text.startsWith('select claim_run') || text.startsWith('select interrupt');
  } catch (error) {
    if ((error as { code?: string }).code !== '42501') throw error;
    return false;
  } finally {
    await transaction.query('rollback to savepoint attempt');
  }
}

/**
 * Drops each policy in turn and looks whether the matrix notices. Those for the service stand in for
 * BYPASSRLS and show no effect where it is there.
 */
async function policiesWithoutEffect(transaction: Transaction): Promise<string[]> {
  const { rows } = await transaction.query<{ name: string; table: string }>(
    `select policyname::text as name, tablename::text as "table" from pg_policies where schemaname = 'public' and policyname <> 'service'`,
  );
  const silent: string[] = [];
  for (const { name, table } of rows) {
    await transaction.query(`savepoint policy; drop policy ${name} on ${table}`);
    const found = await rightsOn(transaction, table);
    if (JSON.stringify(found) === JSON.stringify(expectedRights(table))) silent.push(`${name} on ${table}`);
    await transaction.query('rollback to savepoint policy');
  }
  return silent;
}
