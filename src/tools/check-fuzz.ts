import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { WebSocket } from 'ws';
import type { LogRow } from '../protocol/rows.ts';
import { endpointsOf, frames, type FuzzRequest } from './check-fuzz-requests.ts';
import { countArgument, report, type Figure } from './check-report.ts';

/*
 * Sends every endpoint of a whole backend what is malformed in as many ways as a generator finds. No input may
 * end the server, keep it busy, or be called its failure; each is answered by a code and in words. One bad row
 * in a batch does not take the others with it.
 *
 *   npm run check:fuzz [-- INPUTS_PER_ENDPOINT [SEED [PART_OF_AN_ENDPOINT'S_NAME]]]
 */

const HANG_MS = 1_000;
/** After which nothing is waited for any more. */
const GIVE_UP_MS = 10_000;
const AT_ONCE = 4;
const SHOWN = 5;
const BATCHES = 20;
const BATCH_ROWS = 500;

const inputs = countArgument(60);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
const figures: Figure[] = [];
const shown: string[] = [];

const server = fork(fileURLToPath(new URL('./check-fuzz-server.ts', import.meta.url)), [], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
let [crashes, bugs] = [0, 0];
server.on('exit', () => (crashes += 1));
server.stderr!.setEncoding('utf8').on('data', (text: string) => {
  bugs += text.match(/^stepscope: /gm)?.length ?? 0;
  if (shown.length < SHOWN * 4) shown.push(text.slice(0, 600));
});
interface Target {
  readonly url: string;
  readonly publishableKey: string;
  readonly secretKey: string;
  readonly token: string;
  readonly functions: readonly string[];
}
const [target] = (await once(server, 'message')) as [Target];
const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE * 2 });

const only = process.argv[4] ?? '';
for (const { name, requests } of endpointsOf(target, target.functions))
  if (name.includes(only)) await fuzz(name, requests, (one) => answerProblem(one));
await fuzz('realtime frames', frames, realtimeProblem);
await batches();
figures.push(
  { name: 'crashes of the server', measured: `${crashes}`, demanded: '0', isMet: crashes === 0 },
  { name: 'bugs in its log', measured: `${bugs}`, demanded: '0', isMet: bugs === 0 },
);
agent.destroy();
server.removeAllListeners('exit');
server.send('stop');
await once(server, 'exit');
for (const text of shown) console.log(text);
report(`check:fuzz, ${inputs} inputs an endpoint, seed ${seed}`, figures);

/** Tries all inputs, a few at a time, and keeps the figure: how many had a problem, and how long the slowest took. */
async function fuzz<Input>(
  name: string,
  arbitrary: fc.Arbitrary<Input>,
  problemOf: (input: Input) => Promise<string | undefined>,
): Promise<void> {
  let [done, problems, slow, slowestMs] = [0, 0, 0, 0];
  const sample = fc.sample(arbitrary, { numRuns: inputs, seed });
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let input = sample.pop(); input !== undefined && crashes === 0; input = sample.pop()) {
        let [problem, ms] = await timed(async () => await problemOf(input));
        // What hangs does so again; a machine with much to do does not.
        if (problem === undefined && ms > HANG_MS) [problem, ms] = await timed(async () => await problemOf(input));
        slowestMs = Math.max(slowestMs, ms);
        if (ms > HANG_MS) slow += 1;
        done += 1;
        if (problem === undefined) continue;
        problems += 1;
        if (problems <= SHOWN) shown.push(`${name}: ${problem}\n    ${JSON.stringify(input).slice(0, 600)}`);
      }
    }),
  );
  process.stdout.write(`\r${name.padEnd(40)}`);
  figures.push({
    name,
    measured: `${done} answered, ${problems} badly, slowest ${slowestMs.toFixed(0)} ms`,
    demanded: `${inputs}, 0`,
    isMet: done === inputs && problems === 0,
  });
  if (slow > 0)
    figures.push({ name: `${name}: slow twice`, measured: `${slow}`, demanded: `0 over ${HANG_MS} ms`, isMet: false, isTime: true });
}

async function timed<Result>(work: () => Promise<Result>): Promise<[Result, ms: number]> {
  const startedAt = performance.now();
  return [await work(), performance.now() - startedAt];
}

async function answerProblem({ method, path, headers, body }: FuzzRequest): Promise<string | undefined> {
  return await new Promise((resolve) => {
    // Attempts to sign in are counted by address, and this machine has many.
    const localAddress = path.startsWith('/auth/v1')
      ? `127.0.${Math.floor(Math.random() * 250)}.${1 + Math.floor(Math.random() * 250)}`
      : undefined;
    const sent = body === undefined || method === 'GET' || method === 'HEAD' ? undefined : body;
    const request = httpRequest(
      target.url,
      {
        method,
        path: path === '' ? '/' : path,
        headers: { ...headers, ...(sent && { 'content-length': sent.length }) },
        ...(localAddress === undefined ? { agent } : { localAddress }),
        timeout: GIVE_UP_MS,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve(problemWith(method, response.statusCode ?? 0, Buffer.concat(chunks).toString())));
      },
    );
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', (error) => resolve(error.message));
    request.end(sent);
  });
}

function problemWith(method: string, status: number, text: string): string | undefined {
  if (status >= 500) return `${status} ${text.slice(0, 200)}`;
  if (status < 400 || method === 'HEAD') return undefined;
  try {
    const body = JSON.parse(text) as Record<string, unknown>;
    const code = body['code'] ?? body['error_code'] ?? body['statusCode'];
    const message = body['message'] ?? body['msg'];
    return code !== undefined && typeof message === 'string' && message !== '' ? undefined : `untyped ${status} ${text.slice(0, 200)}`;
  } catch {
    return `untyped ${status} ${text.slice(0, 200)}`;
  }
}

/** What is no frame closes the socket with a code; after any other a heartbeat is answered. */
async function realtimeProblem(frame: string | Buffer): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const socket = new WebSocket(`${target.url.replace('http', 'ws')}/realtime/v1/websocket?apikey=${target.secretKey}&vsn=2.0.0`);
    const end = (problem: string | undefined): void => {
      clearTimeout(timer);
      socket.terminate();
      resolve(problem);
    };
    const timer = setTimeout(() => end('no answer to a heartbeat'), GIVE_UP_MS);
    socket.on('error', (error) => end(error.message));
    socket.on('close', (code, reason) =>
      end(code >= 1002 && code <= 1009 && reason.length > 0 ? undefined : `closed with ${code} ${reason.toString()}`),
    );
    socket.on('open', () => {
      socket.send(frame);
      socket.send('[null,"heart","phoenix","heartbeat",{}]');
    });
    socket.on('message', (data: Buffer) => {
      if (data.toString().includes('"heart"')) end(undefined);
    });
  });
}

function logRow(id: string, message: string): Omit<LogRow, 'seq' | 'created_at'> {
  const nowhere = {
    generation_id: null,
    step_key: null,
    step_number: null,
    parent_step_number: null,
    step_name: null,
    function_name: null,
    file_path: null,
    line_number: null,
    duration_ms: null,
  };
  return {
    id,
    test_run_id: 'fuzz',
    message,
    ...nowhere,
    step_type: 'main',
    log_level: 'info',
    data: null,
    metadata: {},
    execution_context: 'client',
    timestamp: new Date().toISOString(),
  };
}

/** 500 rows with one that can never be stored: the others are, and it is named. */
async function batches(): Promise<void> {
  const post = async (path: string, body: unknown): Promise<Record<string, unknown>> => {
    const response = await fetch(target.url + path, {
      method: 'POST',
      headers: { apikey: target.secretKey, 'content-type': 'application/json', prefer: 'return=representation' },
      body: JSON.stringify(body),
    });
    return { ...((await response.json()) as object), status: response.status };
  };
  await post('/rest/v1/test_execution_runs', { test_run_id: 'fuzz', status: 'running' });
  const bad = fc.oneof(
    fc.record({ message: fc.constantFrom(null, 5, {}, ['x']) }),
    fc.record({ timestamp: fc.constantFrom('yesterday-ish', '9999999-01-01', 5, null) }),
    fc.record({ step_number: fc.constantFrom('x', 1e300, 2 ** 40, {}) }),
    fc.record({ log_level: fc.constantFrom('loud', '', 7) }),
    fc.record({ data: fc.integer({ min: 100, max: 2_000 }).map((depth) => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown) }),
  );
  let right = 0;
  for (const [at, row] of fc.sample(fc.tuple(fc.nat({ max: BATCH_ROWS - 1 }), bad), { numRuns: BATCHES, seed })) {
    const logs: object[] = Array.from({ length: BATCH_ROWS }, (_, index) => logRow(crypto.randomUUID(), `row ${index}`));
    const id = crypto.randomUUID();
    logs[at] = { ...logRow(id, 'bad'), ...row };
    const answer = await post('/rest/v1/rpc/ingest', { batch: { run_id: 'fuzz', holder_id: 'fuzz', logs } });
    const refused = answer['refused'] as readonly { readonly id: string }[] | undefined;
    if (answer['stored'] === BATCH_ROWS - 1 && refused?.length === 1 && refused[0]!.id === id) right += 1;
    else shown.push(`a batch with ${JSON.stringify(row).slice(0, 200)}: ${JSON.stringify(answer).slice(0, 300)}`);
  }
  figures.push({
    name: `batches of ${BATCH_ROWS} with one bad row`,
    measured: `${right} stored but for the one, which is named`,
    demanded: `${BATCHES}`,
    isMet: right === BATCHES,
  });
}
