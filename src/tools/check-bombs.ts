import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';
import { percentile, report } from './check-report.ts';
import type { Figure } from './check-report.ts';

/*
 * Throws at a whole backend what has stopped others: depth, width, length, compression, a hostile pattern,
 * a statement without end. Each gets a typed answer; health is answered all the while; what got stuck is
 * back in time.
 *
 *   npm run check:bombs
 */

const ANSWER_LIMIT_MS = 8_000;
const BACK_LIMIT_MS = 8_000;
const HEALTH_P99_MS = 50;
const RUN = 'bombs';

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly ms: number;
}

const server = fork(fileURLToPath(new URL('./check-bombs-server.ts', import.meta.url)), [], {
  stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
});
const [{ url, secret }] = (await once(server, 'message')) as [{ readonly url: string; readonly secret: string }];
const headers = { apikey: secret, authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
await post('/rest/v1/test_execution_runs', JSON.stringify({ test_run_id: RUN, status: 'running' }));
await post('/rest/v1/test_execution_logs', JSON.stringify({ test_run_id: RUN, message: `${'a'.repeat(28)}!` }));

const pulse = new Worker(new URL('./check-bombs-pulse.ts', import.meta.url), { workerData: { url } });
const figures: Figure[] = [];

const log = (data: string): string => `{"test_run_id":"${RUN}","message":"bomb","data":${data}}`;
const batch = (data: string): string =>
  `{"batch":{"run_id":"${RUN}","holder_id":"check","logs":[{"id":"${crypto.randomUUID()}","message":"bomb","data":${data}}]}}`;
const deep = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const wide = (keys: number): string => `{${Array.from({ length: keys }, (_, index) => `"${index.toString(36)}":1`).join(',')}}`;
const long = (megabytes: number): string => `"${'x'.repeat(megabytes * 1024 * 1024)}"`;

for (const [path, bodyOf] of [
  ['/rest/v1/test_execution_logs', log],
  ['/rest/v1/rpc/ingest', batch],
] as const) {
  const where = path.slice('/rest/v1/'.length);
  // A batch is stored without the row that cannot be, and says so: that is an answer too.
  const refusing = where === 'rpc/ingest' ? [200, 400, 413, 422] : [400, 413, 422];
  await expectAnswer(`JSON 8,000 deep to ${where}`, refusing, () => post(path, bodyOf(deep(8_000))));
  await expectAnswer(`JSON 1,000,000 deep to ${where}`, refusing, () => post(path, bodyOf(deep(1_000_000))));
  await expectAnswer(`a million keys to ${where}`, refusing, () => post(path, bodyOf(wide(1_000_000))));
  await expectAnswer(`50,000 keys to ${where}`, refusing, () => post(path, bodyOf(wide(50_000))));
  await expectAnswer(`100 MB of text to ${where}`, [413], () => post(path, bodyOf(long(100))));
  await expectAnswer(`1 GB in a gzip of 1 MB to ${where}`, [400, 413, 415], () =>
    post(path, gzipSync(Buffer.alloc(1024 ** 3, 0x20)), { 'content-encoding': 'gzip' }),
  );
}
for (const pattern of ['(a+)+$', '(a|aa)+$', '^(([a-z])+.)+[A-Z]([a-z])+$', '(.*)*(.*)*(.*)*x$']) {
  await expectAnswer(
    `the pattern ${pattern}`,
    [200, 400, 500, 503, 504],
    () => get(`/rest/v1/test_execution_logs?message=match.${encodeURIComponent(pattern)}`),
    { isBomb: false },
  );
}
await expectStuckDatabaseBack();
await expectAnswer('an ordinary row, after all of it', [201], () => post('/rest/v1/test_execution_logs', log('{"fine":true}')), {
  isBomb: false,
});
await expectHealth();

server.send('stop');
await once(server, 'exit');
report('check:bombs', figures);

async function expectAnswer(name: string, statuses: readonly number[], ask: () => Promise<Answer>, { isBomb = true } = {}): Promise<void> {
  const { status, code, ms } = await ask();
  // What is a bomb must be turned away by name, in a good answer too.
  const isTyped = code !== undefined || (status < 300 && !isBomb);
  figures.push({
    name,
    measured: `${status}${code ? ` ${code}` : ''} in ${ms.toFixed(0)} ms`,
    demanded: `${statuses.join('|')}, typed, ≤ ${ANSWER_LIMIT_MS} ms`,
    isMet: statuses.includes(status) && isTyped && ms <= ANSWER_LIMIT_MS,
  });
}

/** A statement without end ends with a time-out, and requests behind it are answered again in time. */
async function expectStuckDatabaseBack(): Promise<void> {
  const startedAt = performance.now();
  const outcome = nextOutcome(server);
  server.send('get stuck');
  let back: Answer;
  do back = await get('/rest/v1/test_execution_runs?select=status&limit=1');
  while (back.status !== 200 && performance.now() - startedAt < 4 * BACK_LIMIT_MS);
  const ms = performance.now() - startedAt;
  const said = await outcome;
  figures.push(
    { name: 'a statement without end', measured: said, demanded: 'UserError timeout', isMet: said === 'UserError timeout' },
    {
      name: 'the stuck database answers again',
      measured: `${back.status} after ${ms.toFixed(0)} ms`,
      demanded: `200 ≤ ${BACK_LIMIT_MS} ms`,
      isMet: back.status === 200 && ms <= BACK_LIMIT_MS,
    },
  );
}

async function nextOutcome(child: ChildProcess): Promise<string> {
  const [{ outcome }] = (await once(child, 'message')) as [{ readonly outcome: string }];
  return outcome;
}

async function expectHealth(): Promise<void> {
  const result = once(pulse, 'message') as Promise<[{ readonly samples: readonly number[]; readonly failures: number }]>;
  pulse.postMessage('over');
  const [{ samples, failures }] = await result;
  const p99 = percentile(samples, 0.99);
  figures.push(
    {
      name: `health, asked ${samples.length} times`,
      measured: `p50 ${percentile(samples, 0.5).toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
      demanded: `p99 ≤ ${HEALTH_P99_MS} ms`,
      isMet: p99 <= HEALTH_P99_MS,
      isTime: true,
    },
    { name: 'health without an answer', measured: `${failures}`, demanded: '0', isMet: failures === 0 },
  );
}

function get(path: string): Promise<Answer> {
  return ask(path, { headers });
}

function post(path: string, body: string | Uint8Array<ArrayBuffer>, more: Record<string, string> = {}): Promise<Answer> {
  return ask(path, { method: 'POST', headers: { ...headers, ...more }, body });
}

/** A connection that the server cuts while we still send is an answer of a kind, but not a typed one: status 0. */
async function ask(path: string, init: RequestInit): Promise<Answer> {
  const startedAt = performance.now();
  try {
    const response = await fetch(`${url}${path}`, { ...init, signal: AbortSignal.timeout(4 * ANSWER_LIMIT_MS) });
    const text = await response.text();
    return { status: response.status, code: codeIn(text), ms: performance.now() - startedAt };
  } catch {
    return { status: 0, code: undefined, ms: performance.now() - startedAt };
  }
}

function codeIn(text: string): string | undefined {
  try {
    const { code, refused } = JSON.parse(text) as { readonly code?: string; readonly refused?: readonly unknown[] };
    return code ?? (refused?.length ? 'refused' : undefined);
  } catch {
    return undefined;
  }
}
