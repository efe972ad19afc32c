import { request as httpRequest } from 'node:http';
import { gzipSync } from 'node:zlib';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startServer } from './start-server.ts';
import { startTestBackend, type TestBackend } from './testing.ts';

/*
 * What comes in that no supabase-js sends.
 */

let backend: TestBackend;
beforeAll(async () => {
  backend = await startTestBackend();
});
afterAll(async () => await backend.stop());

interface Answer {
  readonly status: number;
  readonly body: { readonly code?: string; readonly message?: string; readonly hint?: string | null };
}

async function call(path: string, init: RequestInit & { readonly key?: string | null } = {}): Promise<Answer> {
  const { key = backend.keys.secretKey, ...rest } = init;
  const headers = new Headers(rest.headers);
  if (key !== null) headers.set('apikey', key);
  const response = await fetch(backend.url + path, { ...rest, headers });
  const text = await response.text();
  return { status: response.status, body: text.startsWith('{') ? (JSON.parse(text) as Answer['body']) : {} };
}

const post = (body: BodyInit, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  body,
  headers: { 'content-type': 'application/json', ...headers },
});

/** With headers that fetch does not let one set. */
async function raw(path: string, headers: Record<string, string>): Promise<number> {
  return await new Promise((resolve, reject) => {
    const request = httpRequest(backend.url + path, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on('error', reject).end();
  });
}

async function token(claims: Record<string, unknown>, secret = backend.keys.jwtSecret): Promise<string> {
  return await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(secret));
}

describe('credentials', () => {
  it('a key alone as Bearer is enough, and so are the signed keys of older projects', async () => {
    const bearer = (key: string): RequestInit & { key: null } => ({ headers: { authorization: `Bearer ${key}` }, key: null });
    expect((await call('/rest/v1/models', bearer(backend.keys.secretKey))).status).toBe(200);
    expect((await call('/rest/v1/models', bearer(await token({ role: 'service_role' })))).status).toBe(200);
    expect((await call('/rest/v1/models', { key: await token({ role: 'service_role' }) })).status).toBe(200);
    expect((await call('/rest/v1/models', bearer(await token({ role: 'anon' })))).status).toBe(401);
    expect((await call(`/rest/v1/models?apikey=${backend.keys.secretKey}&limit=1`, { key: null })).status).toBe(200);
  });

  it.each([
    '/rest/v1/models',
    '/rest/v1/rpc/ingest',
    '/auth/v1/user',
    '/storage/v1/bucket',
    '/status',
    '/realtime/v1/api/broadcast',
    '/nothing',
  ])('%s is closed without a key', async (path) => {
    expect(await call(path, { key: null })).toMatchObject({ status: 401, body: { code: 'PGRST301' } });
    expect(await call(path, { key: 'sb_secret_guess' })).toMatchObject({ status: 401, body: { message: 'Invalid API key' } });
  });

  it('a token that is forged, or for a role of its own choice, is nobody', async () => {
    const user = { sub: backend.admin.id, aud: 'authenticated', role: 'authenticated' };
    const key = backend.keys.publishableKey;
    for (const forged of [
      await token(user, 'another secret'),
      await token({ ...user, role: 'postgres' }),
      await token({ ...user, role: 'supabase_admin' }),
    ]) {
      expect((await call('/rest/v1/models', { key, headers: { authorization: `Bearer ${forged}` } })).status).toBe(401);
    }
    expect((await call('/rest/v1/models', { key, headers: { authorization: `Bearer ${await token(user)}` } })).status).toBe(200);
  });

  it('the status is for people who signed in and for secret keys', async () => {
    expect(await call('/status')).toMatchObject({ status: 200, body: { stepscope: 'test', database: { engine: 'pglite', ok: true } } });
    expect((await call('/status', { key: backend.keys.publishableKey })).status).toBe(401);
  });

  it('signing in is free for whoever can, as often as a script does', async () => {
    const sign = async (grant: string, by: object) => {
      const response = await fetch(`${backend.url}/auth/v1/token?grant_type=${grant}`, { ...post(JSON.stringify(by)), headers: { 'content-type': 'application/json', apikey: backend.keys.publishableKey } });
      expect(response.status).toBe(200);
      return ((await response.json()) as { readonly refresh_token: string }).refresh_token;
    };
    const { email, password } = backend.admin;
    let refresh_token = await sign('password', { email, password });
    for (let at = 0; at < 70; at += 1) refresh_token = await sign('refresh_token', { refresh_token });
  });

  it('guessing passwords is slowed down', async () => {
    const guess = async (): Promise<number> =>
      (await call('/auth/v1/token?grant_type=refresh_token', { ...post('{"refresh_token":"guess"}'), key: backend.keys.publishableKey }))
        .status;
    const statuses = new Set<number>();
    for (let at = 0; at < 70; at += 1) statuses.add(await guess());
    expect([...statuses]).toEqual([400, 429]);
  });
});

describe('where from', () => {
  it('names and pages of elsewhere are kept out', async () => {
    const apikey = backend.keys.secretKey;
    expect(await raw('/rest/v1/models', { apikey })).toBe(200);
    expect(await raw('/rest/v1/models', { apikey, origin: 'http://localhost:3000' })).toBe(200);
    expect(await raw('/rest/v1/models', { apikey, host: 'evil.example' })).toBe(403);
    expect(await raw('/rest/v1/models', { apikey, origin: 'https://evil.example' })).toBe(403);
    expect(await raw('/healthz', { host: 'evil.example' })).toBe(403);
  });
});

describe('bodies', () => {
  const logs = '/rest/v1/test_execution_logs';

  it.each<[string, string, () => RequestInit, number]>([
    ['of two megabytes', logs, () => post(JSON.stringify({ message: 'x'.repeat(2 * 1024 * 1024) })), 413],
    ['nested 8,000 deep', logs, () => post(`{"data":${'['.repeat(8_000)}${']'.repeat(8_000)}}`), 413],
    ['nested 400,000 deep', '/rest/v1/rpc/run_changes', () => post('['.repeat(400_000)), 413],
    ['nested 8,000 deep in a batch', '/rest/v1/rpc/ingest', () => post(`{"batch":${'['.repeat(8_000)}${']'.repeat(8_000)}}`), 400],
    [
      'of 20,000 keys',
      logs,
      () => post(JSON.stringify({ data: Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`k${at}`, at])) })),
      413,
    ],
    ['compressed', logs, () => post(gzipSync('x'.repeat(100_000)), { 'content-encoding': 'gzip' }), 415],
    ['cut off', logs, () => post('{"message":'), 400],
    ['not JSON', logs, () => post('hello', { 'content-type': 'text/plain' }), 400],
    ['empty', logs, () => post(''), 400],
    ['a number', logs, () => post('7'), 400],
    ['with a NUL in a name', logs, () => post(String.raw`{"a\u0000b":1}`), 400],
    ['empty for a function', '/rest/v1/rpc/ingest', () => post(''), 400],
    ['empty for signing in', '/auth/v1/token?grant_type=password', () => post(''), 429],
    ['empty for a broadcast', '/realtime/v1/api/broadcast', () => post(''), 422],
    ['cut off for a broadcast', '/realtime/v1/api/broadcast', () => post('{'), 422],
  ])('%s', async (_, path, init, status) => {
    expect(await call(path, init())).toMatchObject({ status, body: { message: expect.any(String) } });
  });

  it('a blob may be large', async () => {
    const blob = { test_run_id: 'none', hash: 'h', encoding: 'json', body: 'x'.repeat(8 * 1024 * 1024), bytes: 1 };
    expect(await call('/rest/v1/snapshot_blobs', post(JSON.stringify(blob)))).toMatchObject({ status: 409, body: { code: '23503' } });
  });

  it('whole requests in JSON are counted a row at a time', async () => {
    const rows = Array.from({ length: 800 }, (_, at) => ({
      test_run_id: 'none',
      message: 'm',
      data: Object.fromEntries(Array.from({ length: 20 }, (__, key) => [key, at])),
    }));
    expect((await call(logs, post(JSON.stringify(rows)))).body.code).toBe('23503');
  });
});

describe('nonsense', () => {
  const odd = [
    '%',
    '%00',
    '%ff',
    '..%2f..',
    "'; drop table models; --",
    '(',
    ')',
    '"',
    '{}',
    '[',
    '*',
    'select',
    '\u{202e}',
    '🦊',
    'a'.repeat(4_000),
    '-1',
    '1e999',
    'null',
    'in.(',
    'eq',
    'or=(',
    ',,,',
    '::text',
    '->',
    '->>',
    'cast::int8::',
  ];
  const places: ((text: string) => [path: string, init?: RequestInit])[] = [
    (text) => [`/rest/v1/${text}`],
    (text) => [`/rest/v1/models?${text}=eq.1`],
    (text) => [`/rest/v1/models?model_name=${text}`],
    (text) => [`/rest/v1/models?model_name=eq.${text}`],
    (text) => [`/rest/v1/models?select=${text}`],
    (text) => [`/rest/v1/models?order=${text}`],
    (text) => [`/rest/v1/models?limit=${text}`],
    (text) => [`/rest/v1/models?or=${text}`],
    (text) => [`/rest/v1/models?on_conflict=${text}`, post('{"model_record_id":"x"}')],
    (text) => [`/rest/v1/rpc/${text}`, post('{}')],
    (text) => [`/rest/v1/rpc/run_changes?run_id=${text}`],
    (text) => [`/auth/v1/${text}`],
    (text) => [`/auth/v1/user?${text}`],
    (text) => [`/storage/v1/object/outputs/${text}`],
    (text) => [`/storage/v1/object/${text}/x`],
    (text) => [`/storage/v1/object/sign/outputs/${text}?token=${text}`],
    (text) => [`/realtime/v1/api/broadcast/${text}/events/${text}`, post('{}')],
    (text) => ['/rest/v1/models', { headers: { range: encodeURI(text).slice(0, 200), prefer: encodeURI(text).slice(0, 200) } }],
    (text) => ['/rest/v1/models', { headers: { 'accept-profile': encodeURI(text).slice(0, 200), accept: encodeURI(text).slice(0, 200) } }],
  ];

  it('is answered, and never as if the server were at fault', async () => {
    const wrong: string[] = [];
    for (const place of places) {
      for (const text of odd) {
        for (const shape of [text, encodeURIComponent(text)]) {
          const [path, init] = place(shape);
          const { status } = await call(path, init);
          if (status >= 500) wrong.push(`${status} ${init?.method ?? 'GET'} ${path.slice(0, 80)} ${JSON.stringify(init?.headers ?? {})}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  }, 60_000);
});

describe('more than can be worked on', () => {
  it('is sent away to come back, while what is small and short goes on', async () => {
    const held = Array.from({ length: 70 }, () => {
      const request = httpRequest(`${backend.url}/rest/v1/models`, {
        method: 'POST',
        headers: { apikey: backend.keys.secretKey, 'content-type': 'application/json', 'content-length': String(1024 * 1024) },
      });
      request.on('error', () => {});
      request.write('[');
      return request;
    });
    const send = async (): Promise<Response> =>
      await fetch(`${backend.url}/rest/v1/models?on_conflict=model_record_id`, {
        ...post(JSON.stringify([{ model_record_id: 'x'.repeat(500_000) }])),
        headers: { apikey: backend.keys.secretKey, 'content-type': 'application/json' },
      });
    await vi.waitFor(async () => {
      const response = await send();
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    }, 60_000);
    expect((await call('/rest/v1/models?select=model_name')).status).toBe(200);
    expect((await call('/healthz')).status).toBe(200);
    for (const request of held) request.destroy();
    await vi.waitFor(async () => expect((await send()).status).toBe(400), 10_000);
  });
});

describe('the port', () => {
  it('in use is named, with what to try', async () => {
    const { database, keys } = backend;
    const port = Number(new URL(backend.url).port);
    const second = startServer({ database, keys, host: '127.0.0.1', port, filesDirectory: '/nonexistent', instance: {} });
    await expect(second).rejects.toThrow(
      expect.objectContaining({
        code: 'unavailable',
        message: `port ${port} on 127.0.0.1 is in use`,
        hint: expect.stringContaining('--port'),
      }),
    );
  });
});
