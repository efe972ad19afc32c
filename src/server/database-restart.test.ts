import { setTimeout as wait } from 'node:timers/promises';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { connectBackend } from '../client/connect-backend.ts';
import { startRestartablePostgres, type FragilePostgres } from '../storage/testing.ts';
import { startTestBackend, type TestBackend } from './testing.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let server: FragilePostgres;
let backend: TestBackend;
beforeAll(async () => {
  server = await startRestartablePostgres();
  backend = await startTestBackend({ postgres: server });
  await post('/rest/v1/test_execution_runs', { test_run_id: 'followed', status: 'running' });
});
afterAll(async () => {
  await backend.stop();
  await server.stop();
});

/** No answer may take longer: the queue's wait, a statement's time, and ending a connection by force. */
const longestAnswerMs = 15_000;

interface Answer {
  readonly request: string;
  readonly status: number;
  readonly ms: number;
  readonly retryAfter: string | null;
  readonly body: string;
}

async function ask(path: string, init: RequestInit & { readonly key?: string; readonly type?: string } = {}): Promise<Answer> {
  const started = performance.now();
  const response = await fetch(`${backend.url}${path}`, {
    ...init,
    headers: { apikey: init.key ?? backend.keys.secretKey, 'content-type': init.type ?? 'application/json' },
    signal: AbortSignal.timeout(25_000),
  });
  const body = await response.text();
  const ms = performance.now() - started;
  return { request: `${init.method ?? 'GET'} ${path}`, status: response.status, ms, retryAfter: response.headers.get('retry-after'), body };
}

const post = async (path: string, body: unknown, key?: string): Promise<Answer> =>
  await ask(path, { method: 'POST', body: JSON.stringify(body), ...(key === undefined ? {} : { key }) });

const signIn = async (): Promise<Answer> =>
  await post(
    '/auth/v1/token?grant_type=password',
    { email: backend.admin.email, password: backend.admin.password },
    backend.keys.publishableKey,
  );

let uploads = 0;
/** One of each way through the server to the database. */
const requests: readonly (() => Promise<Answer>)[] = [
  () => ask('/rest/v1/test_execution_runs?select=*,test_execution_steps(*)&limit=3'),
  () => post('/rest/v1/test_execution_logs', { test_run_id: 'followed', message: 'by insert' }),
  () => post('/rest/v1/rpc/run_changes', { run_id: 'followed', after_seq: 0, max_rows: 5 }),
  () =>
    post('/rest/v1/rpc/ingest', {
      batch: { run_id: 'followed', holder_id: 'test', logs: [{ id: crypto.randomUUID(), message: 'by batch' }] },
    }),
  signIn,
  () => post('/storage/v1/object/list/uploads', { prefix: '', limit: 10 }),
  () =>
    ask(`/storage/v1/object/uploads/files/${(uploads += 1)}.txt`, {
      method: 'POST',
      body: 'a file',
      type: 'text/plain',
    }),
  () => ask('/auth/v1/admin/users'),
  () => post('/realtime/v1/api/broadcast', { messages: [{ topic: 'room', event: 'said', payload: {} }] }),
  () => ask('/status'),
];

/** Asks everything again and again while `work` goes on. */
async function askAllWhile(work: () => Promise<void>): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  let over = false;
  const loops = requests.map(async (request) => {
    while (!over) {
      answers.push(await request());
      // Signing in is slow on purpose, and counted.
      await wait(request === signIn ? 1_000 : 20);
    }
  });
  await work();
  over = true;
  await Promise.all(loops);
  return answers;
}

const Problem = z.object({ code: z.string(), message: z.string() });

/** Answers that were neither right, nor said in words that a program understands to try again: the first of each kind. */
function problems(answers: readonly Answer[]): readonly Answer[] {
  const found = answers.filter(({ status, ms, retryAfter, body }) => {
    if (ms > longestAnswerMs) return true;
    if (status < 300) return false;
    const isTyped = Problem.safeParse(JSON.parse(body)).success;
    return !(isTyped && (status === 504 || (status === 503 && retryAfter !== null)));
  });
  return [...new Map(found.map((answer) => [`${answer.request} ${answer.status}`, answer])).values()];
}

async function allIsWell(): Promise<void> {
  const answers = await Promise.all(requests.map(async (request) => await request()));
  expect(answers.map(({ request, status, body }) => (status < 300 ? 'well' : { request, status, body }))).toEqual(
    requests.map(() => 'well'),
  );
}

const health = async (): Promise<unknown> => (JSON.parse((await ask('/healthz')).body) as { status: string }).status;

describe('a server whose Postgres', () => {
  it('crashes and starts again answers 503 meanwhile, and those who follow a run hear everything in order', async () => {
    const followers = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const client = await connectBackend({ url: backend.url, key: backend.keys.secretKey });
        const seqs: number[] = [];
        client.followRun('followed', { onChanges: (changes) => seqs.push(...changes.map(({ row }) => row.seq)) });
        await vi.waitFor(() => expect(seqs.length).toBeGreaterThan(0), { timeout: 5_000 });
        return { client, seqs };
      }),
    );
    const answers = await askAllWhile(async () => {
      await wait(300);
      await server.crash();
      await vi.waitFor(async () => expect(await health()).toBe('degraded'), { timeout: 8_000 });
      await server.start();
      await vi.waitFor(async () => expect(await health()).toBe('ok'), { timeout: 8_000 });
    });
    expect(problems(answers)).toEqual([]);
    expect(answers.filter(({ status }) => status === 503).length).toBeGreaterThan(requests.length);
    await vi.waitFor(allIsWell, { timeout: 8_000, interval: 200 });

    const { rows } = await backend.database.asOwner(
      async (transaction) =>
        await transaction.query<{ seq: number }>(`select seq from test_execution_logs where test_run_id = 'followed' order by seq`),
    );
    const stored = rows.map(({ seq }) => seq);
    for (const { seqs, client } of followers) {
      await vi.waitFor(() => expect(seqs.filter((seq) => stored.includes(seq))).toEqual(stored));
      expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
      expect(new Set(seqs).size).toBe(seqs.length);
      await client.close();
    }
  });

  it('ends all our connections is connected to again', async () => {
    const sql = postgres(server.url, { max: 1, onnotice: () => {} });
    const answers = await askAllWhile(async () => {
      for (let round = 0; round < 5; round += 1) {
        await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'stepscope'`;
        await wait(100);
      }
    });
    await sql.end();
    expect(problems(answers)).toEqual([]);
    await vi.waitFor(allIsWell, { timeout: 8_000, interval: 200 });
  });

  it('has no connection left says so, and is used again when it has', async () => {
    const sql = postgres(server.url, { max: 1, onnotice: () => {} });
    const greedy = postgres(server.url, { max: 40, onnotice: () => {} });
    const answers = await askAllWhile(async () => {
      await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'stepscope'`;
      const holding = Array.from({ length: 40 }, async () => await greedy`select pg_sleep(0.5)`.catch(() => {}));
      await Promise.all(holding);
    });
    await Promise.all([sql.end(), greedy.end()]);
    expect(problems(answers)).toEqual([]);
    await vi.waitFor(allIsWell, { timeout: 8_000, interval: 200 });
  });

  it('freezes is not waited for, and is there again when it goes on', async () => {
    const answers = await askAllWhile(async () => {
      server.freeze();
      await vi.waitFor(async () => expect(await health()).toBe('degraded'), { timeout: 12_000 });
      await wait(3_000);
      server.thaw();
      await vi.waitFor(async () => expect(await health()).toBe('ok'), { timeout: 15_000 });
    });
    expect(problems(answers)).toEqual([]);
    await vi.waitFor(allIsWell, { timeout: 8_000, interval: 200 });
  });
});
