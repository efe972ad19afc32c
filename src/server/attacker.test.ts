import { createHmac, generateKeyPairSync } from 'node:crypto';
import { request as httpRequest, type OutgoingHttpHeaders } from 'node:http';

import { SignJWT } from 'jose';
import { WebSocket } from 'ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../storage/database.ts';
import { anonClient, serviceClient } from './testing-clients.ts';
import { startTestBackend, type TestBackend } from './testing.ts';

/*
 * What somebody would try who has the publishable key and an account without a role. Everything is refused
 * with an error that has a code, and nothing is the server's fault.
 */

interface Answer {
  readonly status: number;
  /** `code` of the Data API, `error_code` of Auth, `error` of Storage. */
  readonly code: unknown;
  readonly text: string;
}

interface Ask {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: unknown;
  readonly token?: string | null;
  readonly key?: string | null;
}

describe.each<Database['engine']>(['pglite', 'postgres'])('on %s', (engine) => {
  let backend: TestBackend;
  let [mine, theirs] = ['', ''];
  let token = '';
  let refreshToken = '';
  let theirRefreshToken = '';
  let theirToken = '';

  beforeAll(async () => {
    backend = await startTestBackend({ engine });
    const [me, they] = await Promise.all([backend.addUser(), backend.addUser()]);
    const [signedIn, victim] = await Promise.all([
      anonClient(backend).auth.signInWithPassword(me),
      anonClient(backend).auth.signInWithPassword(they),
    ]);
    [mine, theirs] = [me.id, they.id];
    [token, refreshToken] = [signedIn.data.session!.access_token, signedIn.data.session!.refresh_token];
    [theirToken, theirRefreshToken] = [victim.data.session!.access_token, victim.data.session!.refresh_token];
    const service = serviceClient(backend);
    await service
      .from('test_execution_runs')
      .insert({ test_run_id: 'secret', inputs: { prompt: 'canary' } })
      .throwOnError();
    await service.from('test_execution_logs').insert({ test_run_id: 'secret', message: 'canary' }).throwOnError();
    await service
      .from('models')
      .insert({ model_record_id: 'm', model_name: 'm', model_provider: 'x', model_content_type: 'y', provider_ref: 'z' })
      .throwOnError();
    for (const bucket of ['uploads', 'outputs']) await service.storage.from(bucket).upload(`${theirs}/canary.txt`, Buffer.from('canary'));
  }, 60_000);
  afterAll(async () => await backend.stop());

  /** As the signed-in user unless told otherwise; with headers that fetch would not send. */
  async function ask(
    path: string,
    { method, headers = {}, body, token: bearer = token, key = backend.keys.publishableKey }: Ask = {},
  ): Promise<Answer> {
    const text = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    return await new Promise((resolve, reject) => {
      const request = httpRequest(
        backend.url,
        {
          path,
          method: method ?? (text === undefined ? 'GET' : 'POST'),
          headers: {
            ...(key !== null && { apikey: key }),
            ...(bearer !== null && { authorization: `Bearer ${bearer}` }),
            ...(text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
            ...headers,
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => {
            const answer = Buffer.concat(chunks).toString();
            resolve({ status: response.statusCode ?? 0, code: codeOf(answer), text: answer });
          });
        },
      );
      request.on('error', reject).end(text);
    });
  }

  /** Asserts a refusal with this code, which tells nothing that was not the asker's. */
  async function refused(path: string, asked: Ask, status: number, code: unknown): Promise<void> {
    const answer = await ask(path, asked);
    expect({ path: path.slice(0, 200), status: answer.status, code: answer.code }).toEqual({ path: path.slice(0, 200), status, code });
    expect(answer.text).not.toContain('canary');
  }

  const rest = '/rest/v1';
  const asService = (): Ask => ({ key: backend.keys.secretKey, token: null });

  describe('tokens', () => {
    const claims = () => ({ sub: theirs, aud: 'authenticated', role: 'authenticated', exp: Math.floor(Date.now() / 1000) + 3_600 });
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const sign = (header: object, payload: object, secret: string): string => {
      const text = `${part(header)}.${part(payload)}`;
      return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
    };

    it.each<[string, () => string, string]>([
      ['alg none', () => `${part({ alg: 'none' })}.${part(claims())}.`, 'PGRST301'],
      ['alg none with our signature', () => `${part({ alg: 'NONE' })}.${token.split('.').slice(1).join('.')}`, 'PGRST301'],
      ['another secret', () => sign({ alg: 'HS256' }, claims(), 'guess'), 'PGRST301'],
      ['an empty secret', () => sign({ alg: 'HS256' }, claims(), ''), 'PGRST301'],
      ['the publishable key as the secret', () => sign({ alg: 'HS256' }, claims(), backend.keys.publishableKey), 'PGRST301'],
      ['another algorithm in its head', () => sign({ alg: 'HS512' }, claims(), backend.keys.jwtSecret), 'PGRST301'],
      [
        'a key in its head',
        () => sign({ alg: 'HS256', jwk: { kty: 'oct', k: 'Z3Vlc3M' }, kid: '../../dev/null' }, claims(), 'guess'),
        'PGRST301',
      ],
      ['another user in its middle', () => [token.split('.')[0], part(claims()), token.split('.')[2]].join('.'), 'PGRST301'],
      ['an hour that is over', () => sign({ alg: 'HS256' }, { ...claims(), exp: 1_000 }, backend.keys.jwtSecret), 'PGRST303'],
      ['no end', () => sign({ alg: 'HS256' }, { ...claims(), exp: undefined }, backend.keys.jwtSecret), 'PGRST303'],
      [
        'a beginning that is yet to come',
        () => sign({ alg: 'HS256' }, { ...claims(), nbf: claims().exp }, backend.keys.jwtSecret),
        'PGRST303',
      ],
      ['another audience', () => sign({ alg: 'HS256' }, { ...claims(), aud: 'other' }, backend.keys.jwtSecret), 'PGRST303'],
      ['the role of a superuser', () => sign({ alg: 'HS256' }, { ...claims(), role: 'postgres' }, backend.keys.jwtSecret), 'PGRST303'],
      ['nobody', () => sign({ alg: 'HS256' }, { ...claims(), sub: `${theirs}' or true --` }, backend.keys.jwtSecret), 'PGRST303'],
      ['nothing', () => '..', 'PGRST301'],
    ])('with %s open nothing', async (_, forged, code) => {
      for (const path of [`${rest}/test_execution_runs`, '/auth/v1/user', '/storage/v1/bucket', '/status', '/realtime/v1/api/broadcast'])
        await refused(path, { token: forged() }, 401, code);
      await refused(`${rest}/models`, { token: null, key: forged() }, 401, expect.stringMatching(/^PGRST30[13]$/));
    });

    it('of RS256 made with a key of their own open nothing', async () => {
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const forged = await new SignJWT(claims()).setProtectedHeader({ alg: 'RS256', kid: 'x' }).sign(privateKey);
      await refused(`${rest}/models`, { token: forged }, 401, 'PGRST301');
    });

    it('do not turn into more by what is sent beside them', async () => {
      const claimed = JSON.stringify({ role: 'service_role', sub: theirs });
      for (const headers of [
        { 'request.jwt.claims': claimed },
        {
          'x-forwarded-user': theirs,
          'x-forwarded-for': '127.0.0.1',
          'x-real-ip': '127.0.0.1',
          'x-original-url': '/rest/v1/rpc/ingest',
          'x-http-method-override': 'DELETE',
        },
        { prefer: `tx=commit, role=service_role, timezone=utc'; set role postgres; --` },
        { role: 'service_role', 'x-supabase-role': 'service_role' },
      ]) {
        const { status, text } = await ask(`${rest}/test_execution_runs?select=test_run_id`, { headers });
        expect({ status, text }).toEqual({ status: 200, text: '[]' });
        await refused(`${rest}/rpc/ingest`, { body: { batch: { run_id: 'secret' } }, headers }, 403, '42501');
      }
      await refused(`${rest}/models`, { headers: { apikey: [backend.keys.publishableKey, backend.keys.secretKey] } }, 401, 'PGRST301');
      await refused(
        `${rest}/models`,
        { token: null, headers: { authorization: `Basic ${Buffer.from('a:b').toString('base64')}` }, key: null },
        401,
        'PGRST301',
      );
    });
  });

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

  describe('files', () => {
    it.each([
      'canary.txt',
      '../uploads/{}/canary.txt',
      '%2e%2e/{}/canary.txt',
      '..%2f{}%2fcanary.txt',
      './{}/canary.txt',
      '//{}/canary.txt',
      '{}//canary.txt',
      '{}/./canary.txt',
      '{}\\canary.txt',
      '%252e%252e%252f{}',
      '{}/canary.txt%00',
      '/etc/passwd',
      '..%5c..%5cetc',
      'C:%5cx',
      `${'x'.repeat(1_100)}`,
    ])('of others are not at %s', async (template) => {
      for (const bucket of ['uploads', '..']) {
        const path = `/storage/v1/object/${bucket}/${template === 'canary.txt' ? `${theirs}/canary.txt` : template.replace('{}', theirs)}`;
        for (const [at, asked] of [
          [path, {}],
          [path, { body: 'x', headers: { 'content-type': 'text/plain' } }],
          [path, { method: 'PUT', body: 'x', headers: { 'x-upsert': 'true', 'content-type': 'text/plain' } }],
          [path.replace('/object/', '/object/sign/'), { body: { expiresIn: 60 } }],
        ] as const) {
          const answer = await ask(at, asked);
          expect({ at, status: answer.status, code: answer.code, text: answer.text }).toEqual({
            at,
            status: expect.toSatisfy((status: number) => status >= 400 && status < 500),
            code: expect.toSatisfy((code: unknown) => code !== undefined),
            text: expect.not.stringMatching(/canary$|root:/),
          });
        }
      }
    });

    it('cannot be moved, copied, listed, removed or signed for', async () => {
      const object = '/storage/v1/object';
      for (const [path, body] of [
        [`${object}/move`, { bucketId: 'uploads', sourceKey: `${theirs}/canary.txt`, destinationKey: `${mine}/mine.txt` }],
        [`${object}/copy`, { bucketId: 'uploads', sourceKey: `${theirs}/canary.txt`, destinationKey: `${mine}/mine.txt` }],
        [`${object}/sign/uploads/${theirs}/canary.txt`, { expiresIn: 60 }],
        [`${object}/upload/sign/uploads/${theirs}/new.txt`, {}],
      ] as const)
        expect(await ask(path, { body })).toMatchObject({ status: 400, code: expect.anything() });
      expect((await ask(`${object}/list/uploads`, { body: { prefix: theirs } })).text).toBe('[]');
      await ask(`${object}/uploads`, { method: 'DELETE', body: { prefixes: [`${theirs}/canary.txt`] } });
      expect((await ask(`${object}/uploads/${theirs}/canary.txt`, { token: theirToken })).text).toBe('canary');
    });

    it('whose signed address was altered stay closed', async () => {
      const { data } = await serviceClient(backend).storage.from('uploads').createSignedUrl(`${theirs}/canary.txt`, 60);
      const signed = new URL(data!.signedUrl);
      const altered = `${signed.pathname.replace('uploads', 'outputs')}${signed.search}`;
      for (const path of [
        altered,
        `${signed.pathname}${signed.search}x`,
        `${signed.pathname}?token=`,
        signed.pathname,
        `${signed.pathname}?token=${token}`,
      ])
        expect(await ask(path, { key: null, token: null })).toMatchObject({
          status: expect.toSatisfy((status: number) => [400, 403].includes(status)),
          code: expect.anything(),
          text: expect.not.stringMatching(/^canary/),
        });
    });
  });

  describe('accounts', () => {
    const auth = '/auth/v1';

    it('are not made, nor given rights, by who asks for them', async () => {
      const wanted = {
        email: 'x@example.com',
        password: 'a long password',
        data: { role: 'admin' },
        user_metadata: { role: 'admin' },
        app_metadata: { role: 'service_role' },
        role: 'service_role',
      };
      const { status, code } = await ask(`${auth}/signup`, { body: wanted, token: null });
      expect({ status, code }).toEqual({ status: expect.toSatisfy((s: number) => s === 403 || s === 422), code: 'signup_disabled' });
      await ask(`${auth}/user`, {
        method: 'PUT',
        body: { data: { role: 'admin' }, app_metadata: { role: 'service_role' }, role: 'service_role' },
      });
      const user = JSON.parse((await ask(`${auth}/user`)).text) as { role: string; app_metadata: object };
      expect(user).toMatchObject({ id: mine, role: 'authenticated', app_metadata: expect.not.objectContaining({ role: 'service_role' }) });
      expect((await ask(`${rest}/rpc/is_admin_user`, { body: {} })).text).toBe('false');
    });

    it.each(['', `/${'0'.repeat(8)}-0000-4000-8000-${'0'.repeat(12)}`])('are not administered by users: /admin/users%s', async (path) => {
      for (const method of ['GET', 'POST', 'PUT', 'DELETE'])
        await refused(
          `${auth}/admin/users${path}`,
          { method, ...(method !== 'GET' && { body: { email: 'x@example.com', password: 'a long password' } }) },
          403,
          'not_admin',
        );
    });

    it('are not told apart by what signing in answers', async () => {
      const answers = await Promise.all(
        [backend.admin.email, 'nobody@example.com'].map(
          async (email) => await ask(`${auth}/token?grant_type=password`, { body: { email, password: 'a wrong guess' }, token: null }),
        ),
      );
      expect(answers[0]).toEqual(answers[1]);
      expect(answers[0]).toMatchObject({ status: 400, code: 'invalid_credentials' });
    });

    it('are not entered by a token to refresh that is no longer good, or is not one', async () => {
      const refresh = async (refresh_token: unknown): Promise<Answer> =>
        await ask(`${auth}/token?grant_type=refresh_token`, { body: { refresh_token }, token: null });
      expect((await refresh(refreshToken)).status).toBe(200);
      await ask(`${auth}/logout?scope=global`, { method: 'POST', token: theirToken });
      for (const bad of [theirRefreshToken, token, 'guess', `' or '1'='1`, '', null, 5, { $ne: '' }, ['x']])
        expect(await refresh(bad)).toMatchObject({
          status: 400,
          code: expect.stringMatching(/refresh_token|validation|bad_json|PGRST102|session/),
        });
    });
  });

  describe('where from', () => {
    const open = async (path: string, headers: Record<string, string> = {}): Promise<number> =>
      await new Promise((resolve) => {
        const socket = new WebSocket(`${backend.url.replace('http', 'ws')}${path}`, { headers });
        socket.on('unexpected-response', (_, response) => resolve(response.statusCode ?? 0));
        socket.on('error', () => {});
        socket.on('open', () => {
          resolve(101);
          socket.close();
        });
      });

    it('pages of elsewhere, and names that point here, are kept out, of sockets too', async () => {
      const path = `/realtime/v1/websocket?apikey=${backend.keys.publishableKey}&vsn=2.0.0`;
      expect(await open(path)).toBe(101);
      for (const headers of [
        { origin: 'https://evil.example' },
        { origin: 'null' },
        { origin: 'http://127.0.0.1.evil.example' },
        { host: 'evil.example' },
        { origin: 'file://' },
      ] as const) {
        expect({ headers, status: await open(path, headers as never) }).toEqual({ headers, status: 403 });
        await refused(`${rest}/models`, { headers }, 403, 'forbidden');
      }
      for (const bad of ['/realtime/v1/websocket', '/realtime/v1/websocket?apikey=guess', `/realtime/v1/websocket?apikey=${token}x`])
        expect(await open(bad)).toBe(401);
      expect(await open('/rest/v1/models')).toBe(404);
    });
  });
});

function codeOf(text: string): unknown {
  try {
    const body = JSON.parse(text) as { code?: unknown; error_code?: unknown; error?: unknown };
    return body.error_code ?? body.code ?? body.error;
  } catch {
    return undefined;
  }
}
