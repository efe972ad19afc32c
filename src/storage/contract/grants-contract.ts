import { beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../database.ts';
import type { Actor } from './actors.ts';
import { functions, matrix } from './policies-matrix.ts';

/** Of the schema `stepscope`, what column defaults and invoker functions call; nothing else of it can be reached. */
const reachable = ['max_change_bytes', 'unfinished_imports', 'uuid_v7'];

const verbOf: Readonly<Record<string, string>> = { s: 'SELECT', i: 'INSERT', u: 'UPDATE', d: 'DELETE' };
/** The role in the database that the actors come as. */
const roleOf: Readonly<Record<Actor, string>> = {
  anon: 'anon',
  user: 'authenticated',
  other: 'authenticated',
  admin: 'authenticated',
  service: 'service_role',
};

/** What the catalog says of grants, held against the same matrix as policies are: what is not listed there is granted to nobody. */
export function grantsContract(open: () => Database): void {
  describe('grants', () => {
    let database: Database;
    beforeAll(() => {
      database = open();
    });
    async function query<Row>(text: string): Promise<readonly Row[]> {
      return (await database.asOwner((transaction) => transaction.query<Row>(text))).rows;
    }

    /** Everything that roles of requests, or all roles, were granted on what `owners` lists as (name, acl). */
    const granted = (owners: string) =>
      query<{ grant: string }>(
        `select o.name || ' ' || coalesce(r.rolname, 'public') || ' ' || a.privilege_type as grant
         from (${owners}) as o (name, acl), aclexplode(o.acl) a left join pg_roles r on r.oid = a.grantee
         where a.grantee = 0 or r.rolname in ('anon', 'authenticated', 'service_role') order by 1`,
      );

    it('gives on tables the verbs of the matrix: no TRUNCATE, no REFERENCES, no TRIGGER', async () => {
      const expected = Object.entries(matrix).flatMap(([table, { rights }]) =>
        Object.entries(rights).flatMap(([actor, letters]) =>
          Array.from(letters, (letter) => `${table} ${roleOf[actor as Actor]} ${verbOf[letter]}`),
        ),
      );
      // A right that people share is one grant.
      const found = await granted(
        `select relname, relacl from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'f')`,
      );
      expect(found.map(({ grant }) => grant)).toEqual([...new Set(expected)].toSorted());
    });

    it('gives nothing on single columns and on sequences', async () => {
      expect(
        await granted(`select attrelid::regclass || '.' || attname, attacl from pg_attribute where attacl is not null and attrelid in
        (select oid from pg_class where relnamespace in ('public'::regnamespace, 'stepscope'::regnamespace))`),
      ).toEqual([]);
      expect(
        await granted(
          `select relname, relacl from pg_class where relkind = 'S' and relnamespace in ('public'::regnamespace, 'stepscope'::regnamespace)`,
        ),
      ).toEqual([]);
    });

    it('has no view, which would read with the rights of its owner', async () => {
      expect(
        await query(
          `select relname from pg_class where relnamespace in ('public'::regnamespace, 'stepscope'::regnamespace) and relkind in ('v', 'm')`,
        ),
      ).toEqual([]);
    });

    it('shows of its own schema no table, and the functions that are listed', async () => {
      expect(await granted(`select relname, relacl from pg_class where relnamespace = 'stepscope'::regnamespace`)).toEqual([]);
      const open = await query(
        `select relname from pg_class where relnamespace = 'stepscope'::regnamespace and relkind = 'r' and not relrowsecurity and relname <> 'stepscope_migrations'`,
      );
      expect(open).toEqual([]);
      const callable = await query<{ name: string }>(
        `select distinct p.proname::text as name from pg_proc p, unnest(array['anon', 'authenticated', 'service_role']) as role
         where p.pronamespace = 'stepscope'::regnamespace and has_function_privilege(role, p.oid, 'execute') order by 1`,
      );
      expect(callable.map(({ name }) => name)).toEqual(reachable);
    });

    it('lets roles make nothing in our schemas', async () => {
      const makers = await query(
        `select role, n.nspname from unnest(array['anon', 'authenticated', 'service_role']) as role, pg_namespace n
         where n.nspname in ('public', 'stepscope') and has_schema_privilege(role, n.oid, 'create')`,
      );
      expect(makers).toEqual([]);
    });

    it('has one function of each name, owner’s rights where the matrix says so, and an empty search path in all of them', async () => {
      const found = await query<{ name: string; definer: boolean; path: string | null }>(
        `select proname::text as name, prosecdef as definer,
           (select setting from unnest(proconfig) as setting where setting like 'search_path=%') as path
         from pg_proc where pronamespace = 'public'::regnamespace order by 1`,
      );
      expect(found).toEqual(
        Object.entries(functions)
          .map(([name, { definer }]) => ({ name, definer, path: 'search_path=""' }))
          .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      );
      const inside = await query(
        `select proname from pg_proc where pronamespace = 'stepscope'::regnamespace and prosecdef and not coalesce(proconfig, '{}') @> array['search_path=""']`,
      );
      expect(inside).toEqual([]);
    });

    it('lets a definer function that people may call ask who they are', async () => {
      const silent = await query<{ name: string }>(
        `select proname::text as name from pg_proc where pronamespace = 'public'::regnamespace and prosecdef
           and has_function_privilege('authenticated', oid, 'execute') and proname <> 'is_admin_user'
           and position('stepscope.assert_admin_or_service()' in prosrc) = 0`,
      );
      expect(silent).toEqual([]);
    });

    it('is not led astray by a table or function of the same name that somebody puts in front', async () => {
      const answer = await database.asOwner(async (transaction) => {
        await transaction.query('savepoint shadows');
        await transaction.query(`
          create schema shadows;
          create table shadows.user_roles (user_id uuid, role text);
          insert into shadows.user_roles values ('0199aaaa-0000-7000-8000-000000000002', 'admin');
          create function shadows.is_admin_user() returns boolean language sql as 'select true';
          create function shadows.now() returns timestamptz language sql as 'select null::timestamptz';
          grant usage on schema shadows to authenticated;
          grant select on shadows.user_roles to authenticated;
          set local search_path = shadows, public;
          set local request.jwt.claims = '{"role":"authenticated","sub":"0199aaaa-0000-7000-8000-000000000002"}';
          set local request.jwt.claim.sub = '0199aaaa-0000-7000-8000-000000000002';
          set local role authenticated`);
        const { rows } = await transaction.query(
          'select public.is_admin_user() as admin, (select count(*)::int from public.test_execution_runs) as runs',
        );
        await transaction.query('savepoint cleaning');
        const refused = await transaction.query('select public.cleanup_old_test_runs(0)').then(
          () => 'done',
          (error: { code: string }) => error.code,
        );
        await transaction.query('rollback to savepoint shadows');
        return { ...rows[0], refused };
      });
      expect(answer).toEqual({ admin: false, runs: 0, refused: '42501' });
    });
  });
}
