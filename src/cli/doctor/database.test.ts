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
    expect(empty.problems).toMatchObject([{ name: 'schema', what: 'there is no schema of stepscope in this database', command: migrate }]);
    expect(empty.of('triggers')).toMatchObject([{ result: 'warning', what: 'not known: there is no schema of stepscope' }]);

    const known = readMigrations();
    const doctor = known.find(({ name }) => name === 'doctor')!;
    await sql(`create schema stepscope; create table stepscope.stepscope_migrations (
      version int primary key, name text not null, checksum text not null, applied_at timestamptz not null default now())`);
    for (const { version, name, checksum, sql: text } of known.filter((one) => one.version < doctor.version)) {
      await sql(text);
      await sql('insert into stepscope.stepscope_migrations (version, name, checksum) values ($1, $2, $3)', [version, name, checksum]);
    }
    const old = await clinic.doctor({ databaseUrl });
    expect(old.problems).toMatchObject([
      { name: 'schema', what: expect.stringMatching(/^is too old: \d+ migrations missing \(\d+ doctor, /), command: migrate },
    ]);
    await clinic.apply(old.problems[0], database);
    expect(await clinic.doctor({ databaseUrl })).toMatchObject({ status: 0, problems: [] });
  });

  it('names a function that is gone from a schema of the right version', async () => {
    await sql('alter function public.get_test_run_summary rename to kept');
    expect((await clinic.doctor({ databaseUrl })).problems).toMatchObject([
      { name: 'schema', what: expect.stringMatching(/^version \d+, but public\.get_test_run_summary\(\) is missing/) },
    ]);
    await sql('alter function public.kept rename to get_test_run_summary');
    await sql('alter function public.diagnose rename to kept');
    expect((await clinic.doctor({ databaseUrl })).of('triggers')).toMatchObject([{ what: 'not known: public.diagnose() is missing' }]);
    await sql('alter function public.kept rename to diagnose');
  });

  it('names policies that somebody else made, and leaves them to people', async () => {
    await sql('create policy anyone on test_execution_logs for select to authenticated using (true)');
    const { problems } = await clinic.doctor({ databaseUrl, mend: true, only: 'policies' });
    expect(problems).toMatchObject([
      {
        name: 'policies',
        what: expect.stringMatching(
          /^anyone of test_execution_logs is none of ours: create policy anyone .* to authenticated using \(true\)/,
        ),
        sql: 'drop policy anyone on public.test_execution_logs;',
      },
    ]);
    await clinic.apply(problems[0], database);
    expect((await clinic.doctor({ databaseUrl, only: 'policies' })).problems).toEqual([]);
  });

  it('mends whatever --only names, and says why a check was not looked at', async () => {
    await sql('drop trigger announce_insert on test_execution_logs');
    const { status, findings } = await clinic.doctor({ databaseUrl, mend: true, only: 'triggers,delivery' });
    expect(status).toBe(0);
    expect(findings).toMatchObject([
      { name: 'mend', result: 'ok', what: 'put back: trigger announce_insert of test_execution_logs is missing' },
      { name: 'triggers', result: 'ok' },
      { name: 'delivery', result: 'warning', what: 'not looked at, because only a database was named, and no server' },
    ]);
    await expect(clinic.doctor({ databaseUrl, only: 'trigers' })).rejects.toMatchObject({ code: 'usage' });
    await expect(clinic.doctor({ databaseUrl: 'postgres://a:b@c/d' })).rejects.toMatchObject({ code: 'usage' });
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
