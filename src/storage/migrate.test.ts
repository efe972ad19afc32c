import postgres from 'postgres';
import { afterAll, describe, expect, it } from 'vitest';
import type { UserError } from '../protocol/error.ts';
import type { Database } from './database.ts';
import { publishedTables } from '../protocol/rows.ts';
import { claimsOf, makeAdmin, userIds } from './contract/actors.ts';
import { migrate, readMigrations } from './migrate.ts';
import { migrationScript, planMigrations } from './plan-migrations.ts';
import { openPostgres } from './postgres/open-postgres.ts';
import { testPostgres } from './testing.ts';

/** A database of somebody else, with what is in it before we come. `url` is of a role that owns it and is no superuser. */
interface Project {
  readonly url: string;
  readonly database: Database;
  /** As the server's superuser. */
  readonly root: postgres.Sql;
  close(): Promise<void>;
}

/** Makes an empty database owned by a role of its own, which may make roles, and nothing else. */
async function newProject({ mayMakeRoles = true } = {}): Promise<Project> {
  const server = await testPostgres();
  const name = `p_${crypto.randomUUID().replaceAll('-', '')}`;
  const admin = postgres(server.url, { max: 1, onnotice: () => {} });
  await admin.unsafe(`create role ${name} login password 'for tests' ${mayMakeRoles ? 'createrole' : ''}`);
  // PostgreSQL 15 lets who may make roles grant any of them; later ones ask for a grant.
  await admin.unsafe(`do $$ declare r text; begin
    foreach r in array array['anon', 'authenticated', 'service_role'] loop
      if exists (select from pg_roles where rolname = r) then execute format('grant %I to ${name} with admin option', r); end if;
    end loop; end $$`);
  await admin.unsafe(`create database ${name} owner ${name}`);
  const of = (user: string, password: string): string => {
    const url = new URL(server.url);
    Object.assign(url, { pathname: `/${name}`, username: user, password });
    return url.href;
  };
  const superuser = new URL(server.url);
  const root = postgres(of(superuser.username, decodeURIComponent(superuser.password)), { max: 1, onnotice: () => {} });
  const url = of(name, 'for tests');
  const database = await openPostgres({ url });
  return {
    url,
    database,
    root,
    async close() {
      await database.close();
      await root.end();
      await admin.unsafe(`drop database if exists ${name} with (force)`);
      await admin.unsafe(`drop owned by ${name}`);
      await admin.unsafe(`drop role ${name}`);
      await admin.end();
    },
  };
}

describe('preparing a database', { timeout: 60_000 }, () => {
  const projects: Project[] = [];
  const project = async (options?: Parameters<typeof newProject>[0]): Promise<Project> => {
    const made = await newProject(options);
    projects.push(made);
    return made;
  };
  afterAll(async () => void (await Promise.all(projects.map((one) => one.close()))));

  const query = async <Row>(database: Database, sql: string, parameters?: readonly unknown[]): Promise<readonly Row[]> =>
    (await database.asOwner((transaction) => transaction.query<Row>(sql, parameters))).rows;
  const tablesOf = async (database: Database): Promise<number> =>
    (
      await query<{ n: number }>(
        database,
        `select count(*)::int as n from pg_class where relkind = 'r' and relnamespace::regnamespace::text in ('public', 'stepscope')`,
      )
    )[0]!.n;

  it('says what it would do, changes nothing, and then does it', async () => {
    const { database } = await project();
    const plan = await planMigrations(database);
    expect(plan.migrations.map(({ state }) => state)).toEqual(readMigrations().map(() => 'pending'));
    expect(plan.migrations[1]!.creates).toContainEqual({ kind: 'table', name: 'public.test_execution_runs' });
    expect(plan.migrations.flatMap(({ touches }) => touches.filter(({ kind }) => kind !== 'schema'))).toEqual([]);
    expect(await tablesOf(database)).toBe(0);

    expect((await migrate(database)).map(({ version }) => version)).toEqual(plan.migrations.map(({ version }) => version));
    const later = await planMigrations(database);
    expect(later.migrations.map(({ state, creates }) => [state, creates])).toEqual(plan.migrations.map(() => ['applied', []]));
    expect(await migrate(database)).toEqual([]);
  });

  it('prints SQL that, executed by hand and then once more, leaves nothing for migrate to do', async () => {
    const { database } = await project();
    await query(database, migrationScript());
    await query(database, migrationScript());
    expect(await migrate(database)).toEqual([]);
    expect((await planMigrations(database)).script).toContain('nothing is pending');
  });

  it('prints SQL that names all that is in the way, and changes nothing', async () => {
    const { database } = await project();
    await query(database, 'create table public.audit_log (mine int); create table public.breakpoints (mine int)');
    await expect(query(database, migrationScript())).rejects.toThrow(
      'stepscope: the database has what belongs to another program, under names that stepscope needs: public.audit_log, public.breakpoints',
    );
    expect(await tablesOf(database)).toBe(2);
  });

  it('names the right that is missing, with the command that grants it, and goes on from there', async () => {
    const { database, root } = await project();
    const { name } = (await root<{ name: string }[]>`select current_database() as name`)[0]!;
    await root.unsafe(`alter database ${name} owner to current_user`);
    await root.unsafe(`revoke create on database ${name} from public, ${name}`);
    await expect(migrate(database)).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('permission denied for database'),
      hint: `As an administrator of the server: grant create on database ${name} to ${name}; grant usage, create on schema public to ${name}`,
    });
    const { hint } = (await planMigrations(database).catch((error: unknown) => error)) as UserError;
    for (const command of hint!.replace(/^.*?: /, '').split('; ')) await root.unsafe(command);
    expect((await migrate(database)).length).toBe(readMigrations().length);

    await root.unsafe(`revoke all on stepscope.stepscope_migrations from ${name}`);
    await expect(migrate(database)).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('permission denied for table stepscope_migrations'),
    });
  });

  it('names the migration that failed and why, keeps those before it, and goes on when the cause is gone', async () => {
    const { database, root } = await project();
    await root.unsafe(`create function public.refuse() returns event_trigger language plpgsql as $$ begin
        if exists (select from pg_event_trigger_ddl_commands() where object_identity = 'public.audit_log') then raise exception 'no such table here'; end if;
      end $$;
      create event trigger refuse on ddl_command_end when tag in ('CREATE TABLE') execute function public.refuse()`);
    await expect(migrate(database)).rejects.toMatchObject({
      code: 'failed',
      message: 'migration 3 (control) failed, and was undone: no such table here',
    });
    expect(await query(database, 'select version from stepscope.stepscope_migrations order by 1')).toEqual([
      { version: 1 },
      { version: 2 },
    ]);
    await root.unsafe('drop event trigger refuse');
    expect((await migrate(database))[0]).toMatchObject({ version: 3 });
  });

  it('is done once by two programs that do it at the same time', async () => {
    const { database, url } = await project();
    const other = await openPostgres({ url });
    const told: string[] = [];
    const applied = await Promise.all([database, other].map(async (one) => await migrate(one, { onNotice: (text) => told.push(text) })));
    await other.close();
    const parts = applied.filter(({ length }) => length > 0 && length < readMigrations().length);
    expect(told.filter((text) => text.startsWith('Another program that migrated at the same time did the rest'))).toHaveLength(parts.length);
    expect(
      applied
        .flat()
        .map(({ version }) => version)
        .toSorted((one, two) => one - two),
    ).toEqual(readMigrations().map(({ version }) => version));
  });

  it('refuses what another program has under our names, naming all of it, before anything is changed', async () => {
    const { database } = await project();
    await query(
      database,
      `create table public.jobs (id int); create view public.runners as select 1 as id;
      create function public.ingest(text) returns text language sql as 'select $1'; create index logs_in_order on public.jobs (id);`,
    );
    for (const attempt of [migrate, planMigrations]) {
      await expect(attempt(database)).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringMatching(
          /function public\.ingest\(text\), relation public\.runners, table public\.jobs, index public\.logs_in_order of jobs$/,
        ),
      });
    }
    expect(await tablesOf(database)).toBe(1);
  });

  it.each([['version = 12'], ['version = 6'], ['version in (11, 12)'], ['true']])(
    'knows its own where the note of it is lost, %s, and says the SQL that notes it again',
    async (which) => {
      const { database } = await project();
      await migrate(database);
      const lost = await query<{ version: number; name: string }>(
        database,
        `delete from stepscope.stepscope_migrations where ${which} returning version, name`,
      );
      for (const attempt of [migrate, planMigrations]) {
        const error = (await attempt(database).catch((thrown: unknown) => thrown)) as UserError;
        expect(error).toMatchObject({ code: 'conflict', message: expect.stringContaining('not noted as applied, but what') });
        for (const { version, name } of lost) expect(error.message).toContain(`${version} (${name})`);
      }
      const { hint } = (await migrate(database).catch((thrown: unknown) => thrown)) as UserError;
      for (const [note] of hint!.matchAll(/insert into .*?;/g)) await query(database, note);
      expect(await migrate(database)).toEqual([]);
    },
  );

  /** What the first seed's own migration makes, with its rows. */
  const seedTables = `
    create table public.test_execution_runs (id uuid primary key default gen_random_uuid(), test_run_id varchar(80) unique not null, model_name text,
      status text default 'running', mode text, total_steps int, tags text[], bookmarked boolean default false, execution_data json, started_at timestamp,
      created_at timestamptz default now());
    create table public.test_execution_logs (id uuid primary key default gen_random_uuid(), test_run_id text references public.test_execution_runs (test_run_id),
      log_level text, message text not null, execution_context text, data jsonb, timestamp timestamptz default now());
    create table public.test_execution_snapshots (id uuid primary key default gen_random_uuid(), test_run_id text, step_number int, state_before jsonb, inputs jsonb);
    create table public.test_execution_comparisons (id uuid primary key default gen_random_uuid(), run_ids text[], differences_summary jsonb);
    create index runs_by_status on public.test_execution_runs (status);
    create function public.is_admin_user() returns boolean language sql stable security definer as 'select true';
    create function public.cleanup_old_test_runs(days int) returns int language sql as 'select 0';
    create function public.get_test_run_summary(run_id text) returns json language sql security definer as 'select null::json';
    create policy everybody on public.test_execution_logs for select using (public.is_admin_user());
    insert into public.test_execution_runs (test_run_id, model_name, status, mode, tags, execution_data) values ('old-1', 'FLUX', 'canceled', 'pause', '{smoke}', '{"prompt":"x"}');
    insert into public.test_execution_logs (test_run_id, log_level, message, execution_context, timestamp)
      values ('old-1', 'WARNING', 'second', 'edge', '2025-01-02'), ('old-1', 'info', 'first', 'db', '2025-01-01');
    insert into public.test_execution_snapshots (test_run_id, step_number, inputs) values ('old-1', 3, '{"a":1}'), ('old-1', 3, '{"a":2}');`;

  it.each(['migrate', 'the printed script'])('adopts the tables of the seed’s own migration with their rows, by %s', async (way) => {
    const { database } = await project();
    await query(database, seedTables);
    const plan = await planMigrations(database);
    expect(plan.adopts.tables).toEqual([
      'test_execution_runs',
      'test_execution_logs',
      'test_execution_snapshots',
      'test_execution_comparisons',
    ]);
    expect(plan.adopts.functions).toHaveLength(3);

    if (way === 'migrate') {
      const notices: string[] = [];
      expect((await migrate(database, { onNotice: (text) => notices.push(text) })).length).toBe(readMigrations().length);
      expect(notices).toEqual([expect.stringContaining('the old ones are kept in the schema stepscope_before')]);
    } else {
      await query(database, plan.script);
      await query(database, plan.script);
      expect(await migrate(database)).toEqual([]);
    }
    await makeAdmin(database);
    const asAdmin = async (sql: string) => (await database.asUser(claimsOf.admin, (transaction) => transaction.query(sql))).rows;
    expect(await asAdmin('select test_run_id, status, mode, tags, log_counts from test_execution_runs')).toEqual([
      { test_run_id: 'old-1', status: 'cancelled', mode: 'paused', tags: ['smoke'], log_counts: { info: 1, warn: 1 } },
    ]);
    expect(await asAdmin('select message, log_level, execution_context from test_execution_logs order by seq')).toEqual([
      { message: 'first', log_level: 'info', execution_context: 'database' },
      { message: 'second', log_level: 'warn', execution_context: 'edge_function' },
    ]);
    expect(await asAdmin('select attempt, inputs from test_execution_snapshots order by attempt')).toEqual([
      { attempt: 1, inputs: { a: 1 } },
      { attempt: 2, inputs: { a: 2 } },
    ]);
    expect(await database.asUser(claimsOf.user, (transaction) => transaction.query('select * from test_execution_logs'))).toMatchObject({
      rows: [],
    });
    expect(await query(database, 'select message from stepscope_before.test_execution_logs order by "timestamp"')).toHaveLength(2);
  });

  it('refuses tables that cannot be adopted, naming each column, and what others have built on them', async () => {
    const { database } = await project();
    await query(
      database,
      `${seedTables}
      alter table public.test_execution_logs add column severity int; alter table public.test_execution_runs alter column total_steps type boolean using true;`,
    );
    await expect(migrate(database)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(
        /test_execution_logs\.severity is integer, which ours has not; test_execution_runs\.total_steps is boolean and not integer/,
      ),
    });
    await query(database, 'create view public.failed as select * from public.test_execution_runs');
    await expect(migrate(database)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('view failed on test_execution_runs'),
    });
    expect(await query(database, 'select message from public.test_execution_logs')).toHaveLength(2);
    expect(await query(database, `select 1 from pg_namespace where nspname like 'stepscope%'`)).toEqual([]);
  });

  it('leaves what a hosted project has alone, publishes its tables there, and opens nothing to strangers', async () => {
    const { database, root } = await project();
    const { name } = (await root<{ name: string }[]>`select current_database() as name`)[0]!;
    await root.unsafe(hosted(name));
    const theirs = async () =>
      await root`select n.nspname, p.proname, p.prosrc, p.proacl::text, p.proowner::regrole::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname in ('auth', 'storage', 'extensions')
        union all select n.nspname, c.relname, '', c.relacl::text, c.relowner::regrole::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('auth', 'storage', 'extensions') order by 1, 2`;
    const before = await theirs();

    const plan = await planMigrations(database);
    expect(plan.migrations.flatMap(({ touches }) => touches).map(({ kind, name: what }) => `${kind} ${what}`)).toEqual([]);
    const notices: string[] = [];
    await migrate(database, { onNotice: (text) => notices.push(text) });
    expect(notices).toEqual([]);
    expect(await theirs()).toEqual(before);

    const published = await query<{ name: string }>(
      database,
      `select tablename::text as name from pg_publication_tables where pubname = 'supabase_realtime' order by 1`,
    );
    expect(published.map((row) => row.name)).toEqual(expect.arrayContaining([...publishedTables]));
    const reachable = await query(
      database,
      `select grantee, table_name, privilege_type from information_schema.role_table_grants where table_schema in ('public', 'stepscope') and grantee in ('anon', 'PUBLIC')
       union all select 'anon', p.proname, 'EXECUTE' from pg_proc p where p.pronamespace in ('public'::regnamespace, 'stepscope'::regnamespace)
         and has_function_privilege('anon', p.oid, 'execute') and p.prosecdef`,
    );
    expect(reachable).toEqual([]);
    await root`insert into auth.users (id, email) values (${userIds.admin}, 'admin@example.com')`;
    await makeAdmin(database);
    await database.asUser(claimsOf.service, (transaction) =>
      transaction.query(`insert into test_execution_runs (test_run_id) values ('mine')`),
    );
    const rowsFor = async (claims: (typeof claimsOf)[keyof typeof claimsOf]) =>
      (await database.asUser(claims, (transaction) => transaction.query('select test_run_id from test_execution_runs'))).rows.length;
    expect([await rowsFor(claimsOf.service), await rowsFor(claimsOf.admin), await rowsFor(claimsOf.user)]).toEqual([1, 1, 0]);
    await expect(rowsFor(claimsOf.anon)).rejects.toMatchObject({ code: '42501' });
  });

  it('adds tables to a publication that was made later', async () => {
    const { database, root } = await project();
    await migrate(database);
    const { name } = (await root<{ name: string }[]>`select current_database() as name`)[0]!;
    await root.unsafe(`create publication supabase_realtime`);
    const notices: string[] = [];
    await migrate(database, { onNotice: (text) => notices.push(text) });
    expect(notices).toEqual([expect.stringContaining('this role may not add them')]);
    await root.unsafe(`alter publication supabase_realtime owner to ${name}`);
    await migrate(database);
    expect(await query(database, `select 1 from pg_publication_tables where pubname = 'supabase_realtime'`)).toHaveLength(
      publishedTables.length,
    );
  });
});

/** What a hosted project has before anybody comes, as far as we could get into its way. `owner` is its `postgres`. */
function hosted(owner: string): string {
  return `
    do $$ declare r text; begin
      foreach r in array array['anon', 'authenticated', 'service_role', 'authenticator', 'supabase_admin', 'supabase_auth_admin', 'supabase_storage_admin'] loop
        if not exists (select from pg_roles where rolname = r) then execute format('create role %I', r); end if;
      end loop;
    end $$;
    alter role service_role bypassrls;
    grant anon, authenticated, service_role to ${owner}, authenticator;
    create schema auth authorization supabase_auth_admin;
    create schema storage authorization supabase_storage_admin;
    create schema extensions;
    grant usage on schema auth, storage, extensions to anon, authenticated, service_role, ${owner};
    set role supabase_auth_admin;
    create table auth.users (id uuid primary key, email text);
    create function auth.jwt() returns jsonb language sql stable as $$ select coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb $$;
    create function auth.uid() returns uuid language sql stable as $$ select (auth.jwt() ->> 'sub')::uuid $$;
    create function auth.role() returns text language sql stable as $$ select auth.jwt() ->> 'role' $$;
    create function auth.email() returns text language sql stable as $$ select auth.jwt() ->> 'email' $$;
    set role supabase_storage_admin;
    create table storage.buckets (id text primary key, name text);
    create table storage.objects (id uuid primary key default gen_random_uuid(), bucket_id text references storage.buckets, name text);
    alter table storage.objects enable row level security;
    create function storage.foldername(name text) returns text[] language sql as $$ select string_to_array(name, '/') $$;
    reset role;
    grant usage on schema public to anon, authenticated, service_role;
    grant create on schema public to ${owner};
    set role ${owner};
    alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
    alter default privileges in schema public grant all on functions to anon, authenticated, service_role;
    alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;
    reset role;
    create publication supabase_realtime;
    alter publication supabase_realtime owner to ${owner};`;
}
