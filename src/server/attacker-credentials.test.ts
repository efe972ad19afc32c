import { createHmac, generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { rest, startAttack, type Answer, type Attack } from './testing-attacker.ts';
import type { TestBackend } from './testing.ts';

/*
 * What somebody would try who has the publishable key and an account without a role. Everything is refused
 * with an error that has a code, and nothing is the server's fault.
 */

describe('of an attacker,', () => {
  let backend: TestBackend;
  let ask: Attack['ask'];
  let refused: Attack['refused'];
  let [mine, theirs, token, refreshToken, theirToken, theirRefreshToken] = ['', '', '', '', '', ''];

  beforeAll(async () => {
    ({ backend, ask, refused, mine, theirs, token, refreshToken, theirToken, theirRefreshToken } = await startAttack('pglite'));
  }, 60_000);
  afterAll(async () => await backend.stop());

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
