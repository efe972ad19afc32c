import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../protocol/json.ts';
import type { Database, Transaction } from '../database.ts';
import { claimSettings } from '../session.ts';
import { actors, claimsOf, insertRow, userIds } from './actors.ts';
import type { Actor } from './actors.ts';
import { expectedRights, functions, makeRows, matrix, run, verbs } from './policies-matrix.ts';

/** Row-level security, as one table of rights that every table and function must be in. */
export function policiesContract(open: () => Database): void {
  describe('row-level security', () => {
    let database: Database;
    beforeAll(async () => {
      database = open();
      await makeRows(database);
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
      expect(found).toEqual(expectedRights(table, actors));
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

    it.each(Object.entries(matrix).flatMap(([table, { owner }]) => (owner === undefined ? [] : [[table, owner] as const])))(
      "shows people their own rows of %s, and administrators everybody's",
      async (table, owner) => {
        const owners = await database.asOwner(async (transaction) => {
          const seen: [Actor, string[]][] = [];
          await transaction.query('savepoint others');
          await insertRow(transaction, table, { ...matrix[table]!.made, ...ofOther(table), [owner]: userIds.other });
          for (const actor of actors) seen.push([actor, await ownersSeen(transaction, actor, table, owner)]);
          await transaction.query('rollback to savepoint others');
          return Object.fromEntries(seen);
        });
        const all = expect.arrayContaining([userIds.user, userIds.other]);
        expect(owners).toEqual({ anon: [], user: [userIds.user], other: [userIds.other], admin: all, service: all });
      },
    );

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

/** A row of somebody else beside the one that is there. */
function ofOther(table: string): JsonObject {
  return { jobs: { id: randomUUID() }, credit_ledger: { job_id: randomUUID() } }[table] ?? {};
}

async function ownersSeen(transaction: Transaction, actor: Actor, table: string, owner: string): Promise<string[]> {
  await transaction.query('savepoint looking');
  try {
    await become(transaction, actor);
    const { rows } = await transaction.query<{ owner: string }>(`select distinct ${owner}::text as owner from ${table} order by 1`);
    return rows.map((row) => row.owner);
  } catch (error) {
    if ((error as { code?: string }).code !== '42501') throw error;
    return [];
  } finally {
    await transaction.query('rollback to savepoint looking');
  }
}

async function become(transaction: Transaction, actor: Actor): Promise<void> {
  for (const [name, value] of claimSettings(claimsOf[actor])) await transaction.query('select set_config($1, $2, true)', [name, value]);
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
    await become(transaction, actor);
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
    if (JSON.stringify(found) === JSON.stringify(expectedRights(table, actors))) silent.push(`${name} on ${table}`);
    await transaction.query('rollback to savepoint policy');
  }
  return silent;
}
