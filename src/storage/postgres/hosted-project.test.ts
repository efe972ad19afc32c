import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callFunction, claimsOf, insertRow, makeAdmin } from '../contract/actors.ts';
import { grantsContract } from '../contract/grants-contract.ts';
import type { Database } from '../database.ts';
import { migrate, readMigrations } from '../migrate.ts';
import { startRestartablePostgres } from '../testing.ts';
import { openPostgres } from './open-postgres.ts';

/** The version before the audit log became a chain. */
const BEFORE_THE_CHAIN = 8;

/*
 * A project as hosted ones are: its owner is no superuser, and whatever is made in `public` is open to all
 * roles unless somebody closes it.
 */
describe('a database that opens everything by default', () => {
  let server: Awaited<ReturnType<typeof startRestartablePostgres>>;
  let database: Database;
  beforeAll(async () => {
    server = await startRestartablePostgres();
    const root = postgres(server.url, { max: 1, onnotice: () => {} });
    await root.unsafe(`
      create role anon nologin; create role authenticated nologin; create role service_role nologin bypassrls;
      create role owner login password 'for tests' createrole bypassrls;
      grant anon, authenticated, service_role to owner;
      grant create on database postgres to owner; alter schema public owner to owner;
      alter default privileges for role owner in schema public grant all on tables to anon, authenticated, service_role;
      alter default privileges for role owner in schema public grant all on functions to anon, authenticated, service_role;
      alter default privileges for role owner in schema public grant all on sequences to anon, authenticated, service_role`);
    await root.end();
    const url = new URL(server.url);
    url.username = 'owner';
    url.password = 'for tests';
    database = await openPostgres({ url: url.href });
    await migrateTo(database, BEFORE_THE_CHAIN);
    await makeAdmin(database);
    for (let i = 0; i < 3; i += 1) {
      await database.asUser(claimsOf.admin, (transaction) => insertRow(transaction, 'test_execution_runs', { test_run_id: `old ${i}` }));
    }
    await migrate(database);
  }, 60_000);
  afterAll(async () => {
    await database.close();
    await server.stop();
  }, 60_000);

  grantsContract(() => database);

  it('has the rows of older versions in the chain, and goes on from them', async () => {
    await database.asUser(claimsOf.admin, (transaction) => insertRow(transaction, 'test_execution_runs', { test_run_id: 'new' }));
    const { rows } = await database.asOwner((transaction) => transaction.query('select action, target_id from audit_log order by id'));
    expect(rows.slice(-4).map((row) => row['target_id'])).toEqual(['old 0', 'old 1', 'old 2', 'new']);
    expect(await callFunction(database, claimsOf.admin, 'verify_audit_log()')).toMatchObject({ ok: true, rows: rows.length });
  });
});

/** As a program of that version left it. */
async function migrateTo(database: Database, last: number): Promise<void> {
  await database.asOwner(async (transaction) => {
    await transaction.query(`create schema stepscope; create table stepscope.stepscope_migrations (
      version int primary key, name text not null, checksum text not null, applied_at timestamptz not null default now())`);
    for (const { version, name, checksum, sql } of readMigrations().slice(0, last)) {
      await transaction.query(sql);
      await transaction.query('insert into stepscope.stepscope_migrations (version, name, checksum) values ($1, $2, $3)', [
        version,
        name,
        checksum,
      ]);
    }
  });
}
