import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { FunctionsHttpError, FunctionsRelayError, type SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anonClient, serviceClient, userClient } from '../testing-clients.ts';
import { startTestBackend, type TestBackend } from '../testing.ts';

/*
 * Functions as `supabase.functions.invoke` and a curl call them.
 */

const directory = await mkdtemp(join(tmpdir(), 'stepscope-functions-'));
const functionsDir = join(directory, 'functions');
const timeoutMs = 2_500;

const sources: Readonly<Record<string, string>> = {
  'whoami.ts': `import { createClient } from 'npm:@supabase/supabase-js@2';
    export default async (request: Request, context: any): Promise<Response> => {
      const client = createClient(context.url, context.publishableKey, { global: { headers: { Authorization: context.authorization } } });
      const { data } = await client.from('jobs').select('job_type');
      return Response.json({ claims: context.claims, jobs: data, method: request.method, body: await request.text(), header: request.headers.get('x-mine') }, { headers: { 'x-theirs': 'yes' } });
    };`,
  'deno/index.ts': `import { greeting } from './greeting.ts';
    Deno.serve(async (request) => new Response(greeting + (Deno.env.get('SUPABASE_SERVICE_ROLE_KEY') ? '!' : '?')));`,
  'deno/greeting.ts': `export const greeting: string = 'hello';`,
  'bytes.js': `export default { async fetch(request) { const bytes = new Uint8Array(await request.arrayBuffer()); return new Response(bytes.reverse(), { headers: { 'content-type': 'application/octet-stream' } }); } };`,
  'stream.js': `export default () => new Response(new ReadableStream({ async pull(c) { for (let at = 0; at < 3; at += 1) c.enqueue(new TextEncoder().encode('data: ' + at + '\\n\\n')); c.close(); } }), { headers: { 'content-type': 'text/event-stream' } });`,
  'webhook.js': `export const config = { verifyJwt: false }; export default (_, { claims }) => new Response(claims.role);`,
  'secret.js': `export default (_, { secret }) => new Response(String(secret('NOT_SET_ANYWHERE')));`,
  'throws.js': `export default () => { throw new Error('an inside that nobody sees'); };`,
  'nothing.js': `export default () => 'not a response';`,
  'exits.js': `export default () => { process.exit(3); };`,
  'unhandled.js': `export default () => { setTimeout(() => { throw new Error('later'); }, 1); return new Promise(() => {}); };`,
  'spins.js': `export default () => { for (;;); };`,
  'waits.js': `export default () => new Promise(() => {});`,
  'eats.js': `export default () => { const all = []; for (;;) all.push(new Array(1e5).fill(Math.random())); };`,
  'broken.ts': `export default (request => { const`,
  'empty.js': `export const nothing = 1;`,
  'refuses.js': `export default () => Response.json({ why: 'no credit' }, { status: 402 });`,
  '../outside.js': `export default () => new Response('outside');`,
};

let backend: TestBackend;
let user: SupabaseClient;
let userId: string;

async function write(name: string, text: string): Promise<void> {
  await mkdir(dirname(join(functionsDir, name)), { recursive: true });
  await writeFile(join(functionsDir, name), text);
}

beforeAll(async () => {
  for (const [name, text] of Object.entries(sources)) await write(name, text);
  await symlink(join(directory, 'outside.js'), join(functionsDir, 'linked.js'));
  backend = await startTestBackend({ server: { functionsDir, functionTimeoutMs: timeoutMs } });
  user = await userClient(backend);
  userId = (await user.auth.getUser()).data.user!.id;
  const jobs = [
    { user_id: userId, job_type: 'mine' },
    { user_id: backend.admin.id, job_type: 'not mine' },
  ];
  await serviceClient(backend).from('jobs').insert(jobs).throwOnError();
}, 60_000);
afterAll(async () => {
  await backend.stop();
  await rm(directory, { recursive: true, force: true });
});

describe('a function', () => {
  it('acts as whoever calls it', async () => {
    const { data, error, response } = await user.functions.invoke('whoami', { body: { run: 1 }, headers: { 'x-mine': 'header' } });
    expect(error).toBeNull();
    expect(data).toMatchObject({
      claims: { role: 'authenticated', sub: userId },
      jobs: [{ job_type: 'mine' }],
      method: 'POST',
      body: '{"run":1}',
      header: 'header',
    });
    expect(response?.headers.get('x-theirs')).toBe('yes');
    expect((await anonClient(backend).functions.invoke('whoami')).data).toMatchObject({ claims: { role: 'anon' }, jobs: null });
    expect((await serviceClient(backend).functions.invoke('whoami')).data.jobs).toHaveLength(2);
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE'] as const)
      expect((await user.functions.invoke('whoami', { method })).data).toMatchObject({ method });
  });

  it('is called by a curl with a token alone, and by nobody without', async () => {
    const token = (await user.auth.getSession()).data.session!.access_token;
    const url = `${backend.url}/functions/v1/whoami`;
    const answer = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{}',
    });
    expect(await answer.json()).toMatchObject({ claims: { sub: userId } });
    for (const headers of [{}, { authorization: 'Bearer a.b.c' }, { apikey: 'guess' }] as Record<string, string>[]) {
      const refused = await fetch(url, { method: 'POST', headers });
      expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([401, 'PGRST301']);
    }
    const preflight = await fetch(url, {
      method: 'OPTIONS',
      headers: { origin: 'http://127.0.0.1', 'access-control-request-headers': 'authorization' },
    });
    expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([204, 'authorization']);
  });

  it('may be open to everybody, and is told who that is all the same', async () => {
    const ask = async (headers: Record<string, string>) =>
      await (await fetch(`${backend.url}/functions/v1/webhook`, { method: 'POST', headers })).text();
    expect([await ask({}), await ask({ authorization: 'Bearer nonsense' }), await ask({ apikey: backend.keys.secretKey })]).toEqual([
      'anon',
      'anon',
      'service_role',
    ]);
  });

  it('may be one that was written for a hosted project', async () => {
    expect((await user.functions.invoke('deno')).data).toBe('hello!');
  });

  it('takes and gives bytes, and streams', async () => {
    const { data } = await user.functions.invoke('bytes', { body: new Uint8Array([1, 2, 255]).buffer });
    expect([...new Uint8Array(await (data as Blob).arrayBuffer())]).toEqual([255, 2, 1]);
    expect(await ((await user.functions.invoke('stream')).data as Response).text()).toBe('data: 0\n\ndata: 1\n\ndata: 2\n\n');
  });

  it('is loaded anew when a file of it has changed', async () => {
    await user.functions.invoke('deno');
    await write('deno/greeting.ts', `export const greeting = 'good morning';`);
    await utimes(join(functionsDir, 'deno/greeting.ts'), new Date(), new Date(Date.now() + 5_000));
    expect((await user.functions.invoke('deno')).data).toBe('good morning!');
  });

  it('answers many at once, and more than have room when these are done', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, async () => await user.functions.invoke('webhook')));
    expect(all.map(({ data, error }) => error ?? data)).toEqual(Array.from({ length: 20 }, () => 'authenticated'));
  });
});

describe('a function that does not answer', () => {
  const failing = async (name: string) => {
    const { error } = await user.functions.invoke(name);
    const response = (error as FunctionsHttpError).context as Response;
    return { error, status: response.status, body: (await response.json()) as { code?: string; message?: string } };
  };

  it.each([
    ['throws', 500, 'WORKER_ERROR'],
    ['nothing', 500, 'WORKER_ERROR'],
    ['secret', 500, 'WORKER_ERROR'],
  ])('%s: is an error of its own', async (name, status, code) => {
    const { error, ...answer } = await failing(name);
    expect(error).toBeInstanceOf(FunctionsHttpError);
    expect(answer).toMatchObject({ status, body: { code } });
    expect(JSON.stringify(answer)).not.toContain('inside');
  });

  it.each([
    ['exits', 502, 'WORKER_ERROR'],
    ['unhandled', 502, 'WORKER_ERROR'],
    ['eats', 502, 'WORKER_ERROR'],
    ['spins', 504, 'WORKER_TIMEOUT'],
    ['waits', 504, 'WORKER_TIMEOUT'],
    ['broken', 502, 'BOOT_ERROR'],
    ['empty', 502, 'BOOT_ERROR'],
  ])('%s: is an error of the relay, and the server goes on', { timeout: 15_000 }, async (name, status, code) => {
    const { error, ...answer } = await failing(name);
    expect(error).toBeInstanceOf(FunctionsRelayError);
    expect(answer).toMatchObject({ status, body: { code } });
    expect((await fetch(`${backend.url}/healthz`)).status).toBe(200);
  });

  it('leaves threads to others however often it is asked, and says when to come back', { timeout: 30_000 }, async () => {
    const ask = async (name: string): Promise<Response> =>
      await fetch(`${backend.url}/functions/v1/${name}`, { method: 'POST', headers: { apikey: backend.keys.publishableKey } });
    // Four times as many as the function has threads: the last wait longer than anybody is let wait.
    const threadsOfOne = Math.floor(Math.max(2, availableParallelism()) / 2);
    const spinning = Array.from({ length: threadsOfOne * 4 }, async () => await ask('spins'));
    const first = await Promise.race([...spinning, ask('webhook')]);
    expect([first.status, await first.text()]).toEqual([200, 'anon']);
    const refused = (await Promise.all(spinning)).filter(({ status }) => status === 503);
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) {
      expect([answer.headers.get('retry-after'), answer.headers.get('x-relay-error')]).toEqual(['1', 'true']);
      expect(await answer.json()).toMatchObject({ code: 'WORKER_LIMIT' });
    }
  });

  it('says what it wants to, and none is found by another name', async () => {
    expect(await failing('refuses')).toMatchObject({ status: 402, body: { why: 'no credit' } });
    for (const name of ['none', 'linked', 'whoami.ts', '..%2foutside', '%2e%2e/outside', 'deno%2fgreeting', 'x'.repeat(200)]) {
      const response = await fetch(`${backend.url}/functions/v1/${name}`, { headers: { apikey: backend.keys.publishableKey } });
      expect([response.status, typeof ((await response.json()) as { code: unknown }).code]).toEqual([404, 'string']);
    }
  });
});
