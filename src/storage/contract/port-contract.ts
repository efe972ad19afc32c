import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Database } from '../database.ts';
import { DatabaseError } from '../database.ts';
import { UserError } from '../../protocol/error.ts';
import { claimsOf, makeAdmin, newRun, userIds } from './actors.ts';

/** What `Database` promises, whoever keeps it. */
export function portContract(open: () => Database): void {
  describe('the port', () => {
    let database: Database;
    beforeAll(async () => {
      database = open();
      await makeAdmin(database);
    });

    it('carries JSON values in and out as they are', async () => {
      const { rows } = await database.asOwner((transaction) =>
        transaction.query(
          `select $1::jsonb as list, $2::jsonb as object, $3::text[] as texts, $4::int as whole, $5::numeric as decimal, $6::boolean as truth,
             $7::timestamptz as moment, $8::text as nothing, $9::bigint as large, $10::jsonb as quoted, 12::bigint as count`,
          [[1, { a: [true] }], { b: null }, ['x', 'y "z"', 'ü'], 5, 1.5, true, new Date(0), null, 9007199254740993n, '"text"'],
        ),
      );

      expect(rows).toEqual([
        {
          list: [1, { a: [true] }],
          object: { b: null },
          texts: ['x', 'y "z"', 'ü'],
          whole: 5,
          decimal: 1.5,
          truth: true,
          moment: '1970-01-01T00:00:00+00:00',
          nothing: null,
          large: '9007199254740993',
          quoted: 'text',
          count: 12,
        },
      ]);
    });

    it('spells a time as Postgres spells it in JSON', async () => {
      const { rows } = await database.asOwner((transaction) => transaction.query(`select now() as plain, to_jsonb(now()) as json`));
      expect(rows[0]!['plain']).toBe(rows[0]!['json']);
    });

    it('replaces what Postgres cannot store instead of failing', async () => {
      const { rows } = await database.asOwner((transaction) =>
        transaction.query('select $1::text as text, $2::jsonb as value, $3::jsonb as text_of_json, $4::text[] as list', [
          'a\0b\ud800c',
          { 'k\0': 'v\udfff' },
          String.raw`{"k":"a\u0000b\ud800","emoji":"\ud83d\ude00"}`,
          ['\0'],
        ]),
      );
      expect(rows[0]).toEqual({
        text: 'a\ufffdb\ufffdc',
        value: { 'k\ufffd': 'v\ufffd' },
        text_of_json: { k: 'a\ufffdb\ufffd', emoji: '😀' },
        list: ['\ufffd'],
      });
    });

    it.each([
      ['a value', nested(100)],
      ['a value a million deep', nested(1_000_000)],
      ['text of JSON', `${'['.repeat(8_000)}${']'.repeat(8_000)}`],
    ])('refuses %s that is nested too deep, and lives', async (_, parameter) => {
      const insert = database.asOwner((transaction) => transaction.query('select $1::jsonb', [parameter]));
      await expect(insert).rejects.toMatchObject({ code: 'too-large' });
      await expect(database.asOwner((transaction) => transaction.query('select 1 as one'))).resolves.toMatchObject({ rows: [{ one: 1 }] });
    });

    it('tells how many rows were written, and none for a read', async () => {
      const answers = await database.asOwner(async (transaction) => [
        await transaction.query('create temporary table numbers (n int) on commit drop'),
        await transaction.query('insert into numbers select generate_series(1, $1::int)', [5]),
        await transaction.query('update numbers set n = -n where n > $1', [3]),
        await transaction.query('select n from numbers where n > $1', [0]),
        await transaction.query('delete from numbers where n < $1', [0]),
      ]);
      expect(answers.map(({ affectedRows }) => affectedRows)).toEqual([0, 5, 2, 0, 2]);
    });

    it('runs several statements at once and answers with the last', async () => {
      const { rows } = await database.asOwner((transaction) => transaction.query('select 1 as a; select 2 as b'));
      expect(rows).toEqual([{ b: 2 }]);
    });

    it('throws what Postgres says, with its code', async () => {
      const failure = await database
        .asOwner((transaction) => transaction.query(`insert into user_roles (user_id, role) values ($1, 'admin')`, [userIds.admin]))
        .catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(DatabaseError);
      expect(failure).toMatchObject({ code: '23505', constraint: 'user_roles_pkey' });
    });

    it('stores nothing when the work throws', async () => {
      const id = await newRun(database);
      const work = database.asOwner(async (transaction) => {
        await transaction.query('update test_execution_runs set notes = $1 where test_run_id = $2', ['gone', id]);
        throw new Error('on purpose');
      });
      await expect(work).rejects.toThrow('on purpose');
      expect(await notesOf(id)).toBeNull();
    });

    it('does not take a swallowed failure for a commit', async () => {
      const id = await newRun(database);
      const work = database.asOwner(async (transaction) => {
        await transaction.query('update test_execution_runs set notes = $1 where test_run_id = $2', ['lost', id]);
        await transaction.query('select 1 / 0').catch(() => {});
      });
      await expect(work).rejects.toMatchObject({ code: '25P02' });
      expect(await notesOf(id)).toBeNull();
    });

    it('refuses a statement after its transaction', async () => {
      const leaked = await database.asOwner(async (transaction) => transaction);
      await expect(leaked.query('select 1')).rejects.toThrow('after its transaction had ended');
    });

    it('acts as the user for one transaction, and as nobody after it', async () => {
      const whoAmI = `select current_user::text as name, auth.uid()::text as id, auth.role() as role, auth.email() as email,
        auth.jwt() ->> 'team' as team`;
      const asAdmin = await database.asUser({ ...claimsOf.admin, team: 'blue' }, (transaction) => transaction.query(whoAmI));
      const asOwner = await database.asOwner((transaction) => transaction.query(whoAmI));

      expect(asAdmin.rows).toEqual([
        { name: 'authenticated', id: userIds.admin, role: 'authenticated', email: 'admin@example.com', team: 'blue' },
      ]);
      expect(asOwner.rows).toMatchObject([{ id: null, team: null }]);
      expect(asOwner.rows[0]!['name']).not.toBe('authenticated');
    });

    it('keeps users apart who come at the same time', async () => {
      const asked = await Promise.all(
        Array.from({ length: 60 }, async (_, index) => {
          const actor = (['user', 'other', 'service'] as const)[index % 3]!;
          const { rows } = await database.asUser(claimsOf[actor], (transaction) =>
            transaction.query<{ me: string; sub: string | null }>('select current_user::text as me, auth.uid()::text as sub'),
          );
          return { actor, ...rows[0]! };
        }),
      );
      for (const { actor, me, sub } of asked) {
        expect(me).toBe(claimsOf[actor].role);
        expect(sub).toBe(claimsOf[actor].sub ?? null);
      }
    });

    it('stops a statement that takes too long, and serves the next', async () => {
      const slow = database.asOwner((transaction) => transaction.query('select count(*) from generate_series(1, 1000000000)'), {
        timeoutMs: 300,
      });
      await expect(slow).rejects.toSatisfy((error) => error instanceof UserError && error.code === 'timeout');
      await expect(database.asOwner((transaction) => transaction.query('select 1 as one'))).resolves.toMatchObject({ rows: [{ one: 1 }] });
    });

    it('stops a transaction that just sits there', async () => {
      const idle = database.asOwner(() => new Promise(() => {}), { timeoutMs: 200 });
      await expect(idle).rejects.toMatchObject({ code: 'timeout' });
      await expect(database.asOwner((transaction) => transaction.query('select 1 as one'))).resolves.toMatchObject({ rows: [{ one: 1 }] });
    });

    it('lends a connection for statements that bring their own BEGIN', async () => {
      const id = await newRun(database);
      const connection = await database.acquire();
      await connection.query('begin');
      await connection.query(`select set_config('role', 'service_role', true)`);
      await connection.query('update test_execution_runs set notes = $1 where test_run_id = $2', ['kept', id]);
      await connection.query('commit');
      await connection.release();
      expect(await notesOf(id)).toBe('kept');
    });

    it('cleans up after a borrower who left a transaction, a role and a setting', async () => {
      const id = await newRun(database);
      const connection = await database.acquire();
      await connection.query('begin');
      await connection.query('update test_execution_runs set notes = $1 where test_run_id = $2', ['left', id]);
      await connection.query('commit; begin; set role anon; set search_path to pg_catalog');
      await connection.release();
      await connection.release();
      await expect(connection.query('select 1')).rejects.toThrow('after its transaction had ended');

      // Every connection of a pool.
      const after = await Promise.all(
        Array.from({ length: 12 }, () =>
          database.asOwner((transaction) =>
            transaction.query(`select current_user <> 'anon' as free, to_regclass('breakpoints') is not null as found`),
          ),
        ),
      );
      for (const { rows } of after) expect(rows).toEqual([{ free: true, found: true }]);
    });

    it('ends a loan that lasts too long', async () => {
      const connection = await database.acquire({ timeoutMs: 200 });
      await expect(connection.query('select count(*) from generate_series(1, 1000000000)')).rejects.toMatchObject({ code: 'timeout' });
      await connection.release();
      await expect(database.asOwner((transaction) => transaction.query('select 1 as one'))).resolves.toMatchObject({ rows: [{ one: 1 }] });
    });

    it('hears notifications in the order of commits, none of a rollback, none after stopping', async () => {
      const heard: string[] = [];
      const stop = await database.listen('contract_channel', (payload) => heard.push(payload));
      const say = (text: string) =>
        database.asOwner((transaction) => transaction.query(`select pg_notify('contract_channel', $1)`, [text]));
      await say('one');
      await database
        .asOwner(async (transaction) => {
          await transaction.query(`select pg_notify('contract_channel', 'never')`);
          throw new Error('on purpose');
        })
        .catch(() => {});
      await say('two');
      await vi.waitFor(() => expect(heard).toEqual(['one', 'two']));

      await stop();
      const other: string[] = [];
      const stopOther = await database.listen('other_channel', (payload) => other.push(payload));
      await say('three');
      await database.asOwner((transaction) => transaction.query(`select pg_notify('other_channel', 'last')`));
      await vi.waitFor(() => expect(other).toEqual(['last']));
      await stopOther();
      expect(heard).toEqual(['one', 'two']);
    });

    async function notesOf(id: string): Promise<unknown> {
      const { rows } = await database.asOwner((transaction) =>
        transaction.query('select notes from test_execution_runs where test_run_id = $1', [id]),
      );
      return rows[0]!['notes'];
    }
  });
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i += 1) value = i % 2 === 0 ? { a: value } : [value];
  return value;
}
