import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../storage/database.ts';
import { rest, startAttack, type Ask, type Attack } from './testing-attacker.ts';
import { serviceClient } from './testing-clients.ts';
import type { TestBackend } from './testing.ts';

/*
 * What somebody would try who has the publishable key and an account without a role. Everything is refused
 * with an error that has a code, and nothing is the server's fault.
 */

describe.each<Database['engine']>(['pglite', 'postgres'])('on %s', (engine) => {
  let backend: TestBackend;
  let ask: Attack['ask'];
  let refused: Attack['refused'];
  let asService: Attack['asService'];
  let [mine, theirs] = ['', ''];

  beforeAll(async () => {
    ({ backend, ask, refused, asService, mine, theirs } = await startAttack(engine));
  }, 60_000);
  afterAll(async () => await backend.stop());

  describe('what belongs to others', () => {
    it('is not there to be read, by whatever filter', async () => {
      for (const query of [
        '',
        '?or=(test_run_id.eq.secret,test_run_id.neq.x)',
        `?user_id=eq.${theirs}`,
        '?select=*,test_execution_logs!inner(*)',
        '?test_run_id=not.is.null',
      ]) {
        const { status, text } = await ask(`${rest}/test_execution_runs${query}`);
        expect([400, 200]).toContain(status);
        expect(text).not.toContain('secret');
      }
      for (const table of ['test_execution_logs', 'test_execution_steps', 'audit_log', 'user_roles', 'jobs', 'credit_ledger']) {
        const { status, text } = await ask(`${rest}/${table}`);
        expect({ table, status, text }).toEqual({ table, status: 200, text: '[]' });
      }
    });

    it.each<[string, Ask & { readonly path: string }, string]>([
      ['a role', { path: 'user_roles', body: { user_id: 'mine', role: 'admin' } }, '42501'],
      [
        'a role by upsert',
        { path: 'user_roles', body: { user_id: 'mine', role: 'admin' }, headers: { prefer: 'resolution=merge-duplicates' } },
        '42501',
      ],
      ['a log in a run of others', { path: 'test_execution_logs', body: { test_run_id: 'secret', message: 'x', seq: 1 } }, '42501'],
      [
        'a run in the name of others',
        { path: 'test_execution_runs', body: { test_run_id: 'x', user_id: 'theirs', created_by: 'theirs' } },
        'PGRST204',
      ],
      ['a run', { path: 'test_execution_runs', body: { test_run_id: 'x' } }, '42501'],
      ['an audit row', { path: 'audit_log', body: { action: 'x' } }, '42501'],
      ['credits', { path: 'credit_ledger', body: { user_id: 'mine', amount: 1_000 } }, '42501'],
    ])('%s cannot be written', async (_, { path, body, headers }, code) => {
      const own = JSON.stringify(body).replaceAll('"mine"', `"${mine}"`).replaceAll('"theirs"', `"${theirs}"`);
      await refused(`${rest}/${path}`, { body: own, headers: headers ?? {} }, code === '42501' ? 403 : 400, code);
    });

    it('cannot be changed or removed', async () => {
      for (const method of ['PATCH', 'DELETE']) {
        await ask(`${rest}/test_execution_runs?test_run_id=eq.secret`, {
          method,
          ...(method === 'PATCH' && { body: { status: 'failed' } }),
        });
        await ask(`${rest}/user_roles?user_id=not.is.null`, { method, ...(method === 'PATCH' && { body: { user_id: mine } }) });
      }
      const left = await backend.database.asOwner(
        async (owner) =>
          (
            await owner.query(
              `select (select count(*)::int from public.test_execution_runs where test_run_id = 'secret' and status = 'pending') as runs, (select count(*)::int from public.user_roles where user_id = '${mine}') as roles`,
            )
          ).rows,
      );
      expect(left).toEqual([{ runs: 1, roles: 0 }]);
    });

    it.each(['ingest', 'claim_run', 'hold_run', 'settle_command', 'interrupt_lost_runs', 'cleanup_old_test_runs'])(
      '%s is not to be called',
      async (name) => {
        const all: Record<string, object> = {
          ingest: { batch: { run_id: 'secret', holder_id: 'x', logs: [] } },
          claim_run: { runner_id: mine, pipeline_keys: [] },
          hold_run: { run_id: 'secret', holder: mine },
          settle_command: { command_id: theirs, holder: mine, new_state: 'done', why: 'x' },
          interrupt_lost_runs: { max_age: '1 second', holder_prefix: '' },
          cleanup_old_test_runs: { days: 0 },
        };
        await refused(`${rest}/rpc/${name}`, { body: all[name] }, 403, '42501');
        await refused(`${rest}/rpc/${name}`, { body: all[name], token: null }, 401, '42501');
      },
    );

    it('is not in what functions tell', async () => {
      expect((await ask(`${rest}/rpc/run_changes`, { body: { run_id: 'secret', after_seq: 0, max_rows: 100 } })).text).not.toContain(
        'canary',
      );
      expect((await ask(`${rest}/rpc/get_test_run_summary`, { body: { run_id: 'secret' } })).text).toBe('null');
      expect((await ask(`${rest}/rpc/is_admin_user`, { body: {} })).text).toBe('false');
      await refused(`${rest}/rpc/is_admin_user`, { body: { user_id: backend.admin.id } }, 404, 'PGRST202');
    });
  });

  describe('the insides of the database', () => {
    it.each(['auth', 'storage', 'stepscope', 'pg_catalog', 'information_schema', '"auth"', 'public,auth', `auth'; --`])(
      'are not shown as the schema %s',
      async (schema) => {
        for (const who of [{}, asService()]) {
          await refused(`${rest}/users`, { ...who, headers: { 'accept-profile': schema } }, 406, 'PGRST106');
          await refused(`${rest}/objects`, { ...who, headers: { 'content-profile': schema }, body: { id: theirs } }, 406, 'PGRST106');
          await refused(`${rest}/rpc/uid`, { ...who, headers: { 'content-profile': schema }, body: {} }, 406, 'PGRST106');
        }
      },
    );

    it.each([
      'auth.users',
      'pg_shadow',
      'pg_authid',
      'information_schema.tables',
      'stepscope.migrations',
      'users',
      'objects',
      '%22models%22',
      'models%3Bdrop%20table%20models',
    ])('are no table %s', async (table) => {
      await refused(`${rest}/${table}`, asService(), 404, 'PGRST205');
    });

    it.each([
      'pg_sleep',
      'pg_read_file',
      'set_config',
      'lo_import',
      'lo_export',
      'pg_terminate_backend',
      'query_to_xml',
      'current_setting',
      'dblink',
      'pg_notify',
    ])('are no function %s', async (name) => {
      for (const body of [{}, { seconds: 5 }, { setting_name: 'role', new_value: 'postgres', is_local: true }, { filename: '/etc/passwd' }])
        await refused(`${rest}/rpc/${name}`, { ...asService(), body }, 404, 'PGRST202');
    });
  });

  describe('SQL', () => {
    const hostile = [
      `1';drop table models;--`,
      '1) or (1=1',
      `x' or '1'='1`,
      'model_name::(select 1)',
      '$$x$$',
      `data->>'x'`,
      'pg_sleep(5)',
      'x:pg_sleep(5)',
      String.raw`\'; select 1 --`,
      '"; select 1 --',
    ];

    it.each(hostile)('%s is a name that nothing has, wherever a name may stand', async (text) => {
      const name = encodeURIComponent(text);
      const row = [{ [text]: 1 }];
      for (const [path, more] of [
        [`models?select=${name}`, {}],
        [`models?order=${name}`, {}],
        [`models?${name}=eq.1`, {}],
        [`models?or=(${name}.eq.1)`, {}],
        [`models?model_name=fts(${name}).x`, {}],
        [`models?select=model_name,${name}(*)`, {}],
        [`models?columns=${name}`, { body: row }],
        ['models', { body: row }],
        ['models', { body: row, method: 'PATCH' }],
        [`rpc/${name}`, { body: {} }],
        [`rpc/run_changes`, { body: { [text]: 1 } }],
      ] as const) {
        const { status, code } = await ask(`${rest}/${path}`, { ...asService(), ...more });
        expect({ path, status, code }).toEqual({
          path,
          status: expect.toSatisfy((s: number) => s === 400 || s === 404),
          code: expect.stringMatching(/^(PGRST\d{3}|42\d{3}|22\d{3}|428C9)$/),
        });
      }
    });

    it.each(hostile)('%s is a value like others, wherever a value may stand', async (text) => {
      const value = encodeURIComponent(text);
      for (const path of [
        `models?model_name=eq.${value}`,
        `models?model_name=in.(%22${value.replaceAll('%5C', '%5C%5C').replaceAll('%22', '%5C%22')}%22)`,
        `models?model_name=like.${value}`,
        `models?or=(model_name.eq.%22${value.replaceAll('%5C', '%5C%5C').replaceAll('%22', '%5C%22')}%22)`,
      ]) {
        const { status, text: answer } = await ask(`${rest}/${path}`, asService());
        expect({ path, status, answer }).toEqual({ path, status: 200, answer: '[]' });
      }
      await refused(`${rest}/rpc/get_test_run_summary?run_id=${value}`, { ...asService(), token: 'x.y.z' }, 401, 'PGRST301');
      expect((await ask(`${rest}/rpc/get_test_run_summary?run_id=${value}`, asService())).text).toBe('null');
    });

    it('has changed nothing', async () => {
      const { rows } = await backend.database.asOwner(
        async (owner) => await owner.query<{ models: number }>('select count(*)::int as models from public.models'),
      );
      expect(rows[0]!.models).toBeGreaterThan(0);
    });
  });

  describe('too much', () => {
    it.each<[string, string, Ask, number, string]>([
      ['joins within joins', `models?select=${'a('.repeat(20)}id${')'.repeat(20)}`, {}, 400, 'PGRST100'],
      [
        'joins beside joins',
        `test_execution_runs?select=${Array.from({ length: 40 }, (_, at) => `a${at}:test_execution_logs(id)`).join(',')}`,
        {},
        400,
        'PGRST100',
      ],
      ['conditions within conditions', `models?or=${'(and'.repeat(500)}(id.eq.1)${')'.repeat(500)}`, {}, 400, 'PGRST100'],
      ['parameters', `models?${Array.from({ length: 1_000 }, (_, at) => `a${at}=eq.1`).join('&')}`, {}, 400, '42703'],
      ['address', `models?model_name=eq.${'a'.repeat(100_000)}`, {}, 431, 'usage'],
      ['headers', 'models', { headers: Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`x-${at}`, '1'])) }, 431, 'usage'],
      ['body', 'models', { body: `"${'x'.repeat(2 * 1024 * 1024)}"` }, 413, 'too-large'],
      ['depth', 'models', { body: '['.repeat(100_000) }, 413, 'too-large'],
      ['an offset without end', 'models?offset=99999999999999999999', {}, 400, '22003'],
    ])('%s', async (_, path, asked, status, code) => {
      await refused(`${rest}/${path}`, { ...asService(), ...asked }, status, code);
    });

    it('is cut to what one answer may hold', async () => {
      await serviceClient(backend)
        .from('test_execution_logs')
        .insert(Array.from({ length: 1_001 }, () => ({ test_run_id: 'secret', message: 'm' })))
        .throwOnError();
      const { status, text } = await ask(`${rest}/test_execution_logs?select=seq&limit=1000000000`, asService());
      expect([status, (JSON.parse(text) as unknown[]).length]).toEqual([200, 1_000]);
    });

    it.each<[string, Ask, number, string]>([
      ['text/xml', { body: '<x/>' }, 400, 'PGRST102'],
      ['multipart/form-data; boundary=x', { body: '--x' }, 400, 'PGRST102'],
      ['application/json', { body: '{"a":' }, 400, 'PGRST102'],
    ])('that is not JSON but %s', async (type, asked, status, code) => {
      for (const path of [
        `${rest}/models`,
        '/auth/v1/user',
        '/storage/v1/bucket',
        '/storage/v1/object/list/uploads',
        '/storage/v1/object/move',
      ])
        await refused(path, { ...asked, headers: { 'content-type': type } }, status, code);
    });
  });
});
