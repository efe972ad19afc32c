import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readMigrations } from '../../storage/migrate.ts';
import type { Database } from '../../storage/database.ts';
import { openPostgres } from '../../storage/postgres/open-postgres.ts';
import { openEmptyPostgres } from '../../storage/testing.ts';
import { openClinic } from './testing.ts';
import type { Clinic } from './testing.ts';

describe('doctor, about a database alone', { timeout: 60_000 }, () => {
  let database: Database;
  let clinic: Clinic;
  let remove: () => Promise<void>;
  beforeAll(async () => {
    const empty = await openEmptyPostgres();
    database = await openPostgres({ url: empty.url });
    remove = async () => await empty.close();
    clinic = openClinic({ DATABASE_URL: empty.url });
  }, 60_000);
  afterAll(async () => {
    clinic.close();
    await database.close();
    await remove();
  });
  const databaseUrl = 'env:DATABASE_URL';
  const sql = async (text: string, parameters?: readonly unknown[]) =>
    await database.asOwner(async (transaction) => await transaction.query(text, parameters));
  const migrate = 'stepscope migrate --database-url env:DATABASE_URL';

  it('is told to make the schema, and to bring an old one up to date', async () => {
    const empty = await clinic.doctor({ databaseUrl });
    expect(empty.problems).toMatchObject([{ name: 'schema', what: 'this database has none of ours', command: migrate }]);
    expect(empty.of('triggers')).toMatchObject([{ result: 'warning', what: 'not known: the schema is too old to tell' }]);

    const known = readMigrations();
    await sql(`create schema stepscope; create table stepscope.stepscope_migrations (
      version int primary key, name text not null, checksum text not null, applied_at timestamptz not null default now())`);
    for (const { version, name, checksum, sql: text } of known.filter((one) => one.name !== 'doctor')) {
      await sql(text);
      await sql('insert into stepscope.stepscope_migrations (version, name, checksum) values ($1, $2, $3)', [version, name, checksum]);
    }
    const old = await clinic.doctor({ databaseUrl });
    expect(old.problems).toMatchObject([
      { name: 'schema', what: expect.stringMatching(/^is too old: 1 migration missing \(\d+ doctor\)/), command: migrate },
    ]);
    await clinic.apply(old.problems[0], database);
    expect(await clinic.doctor({ databaseUrl })).toMatchObject({ status: 0, problems: [] });
  });

  it('names tables that a hosted project does not publish, and publishes them', async () => {
    await sql('create publication supabase_realtime for table public.test_execution_runs, public.pipelines');
    const { problems } = await clinic.doctor({ databaseUrl });
    expect(problems).toMatchObject([
      {
        name: 'published',
        what: expect.stringMatching(/not in the publication supabase_realtime: .*test_execution_logs/),
        command: 'stepscope doctor --mend --database-url env:DATABASE_URL',
      },
    ]);
    expect(problems[0]?.what).not.toContain('pipelines');
    await clinic.apply(problems[0], database);
    expect((await clinic.doctor({ databaseUrl })).problems).toEqual([]);
  });

  it('runs the select as the person, and names what hides the rows', async () => {
    const ada = '0199aaaa-0000-7000-8000-00000000000a';
    await sql(`create table auth.users (id uuid primary key, email text); insert into auth.users values ('${ada}', 'ada@example.com');
      insert into test_execution_runs (test_run_id, status) values ('one', 'completed'), ('two', 'completed')`);
    const as = async (person: string) => await clinic.doctor({ databaseUrl, as: person });
    const hidden = await as('Ada@example.com');
    expect(hidden.of('rows seen')).toMatchObject([
      { result: 'problem', what: expect.stringMatching(/test_execution_runs \(none of 2\).*the policy admin_select/) },
    ]);
    expect((await as('anon')).problems).toEqual([]);
    await clinic.apply(hidden.of('role')[0], database);
    expect((await as('ada@example.com')).problems).toEqual([]);

    await sql(`drop policy admin_select on test_execution_runs;
      create policy admin_select on test_execution_runs for select to authenticated using (public.is_admin_user() and test_run_id = 'one')`);
    const narrowed = await as('ada@example.com');
    expect(narrowed.of('rows seen')).toMatchObject([
      { result: 'problem', what: expect.stringMatching(/test_execution_runs \(1 of 2\): the policy admin_select was changed/) },
    ]);
    await clinic.apply(narrowed.of('rows seen')[0], database);
    expect((await as('ada@example.com')).problems).toEqual([]);
  });
});
