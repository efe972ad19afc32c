import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { countArgument, percentile, report } from './check-report.ts';
import type { Figure } from './check-report.ts';

/*
 * Clients that stop reading, while rows keep coming: the server's memory stays flat, the others hear every row
 * in time, and whoever stalled is told why it was cut off and has every row after it came back.
 *
 *   npm run check:slow-readers [-- SECONDS OF STALLING]
 */

interface Scene {
  readonly name: string;
  readonly readers: number;
  readonly stalled: number;
  readonly rowsPerSecond: number;
  readonly memoryLimitMb: number;
}

const DELIVERY_P99_MS = 100;
/** Heaps grow under any load; what counts is what stalling adds. So all read at first, for as long as some stall later. */
const WARM_UP_MIN_S = 30;
const TICK_MS = 50;
const MAX_POST_BYTES = 512 * 1024;
/** Filler of a row. */
const MIN_ROW_BYTES = 200;
/** Runs that the rows are spread over: of one run, no more than a thousand rows a second are told one by one. */
const RUNS = 4;
/** What a reader gets while it stalls: more than kernel buffers and the server's queue hold, 4 MB each. */
const STALLED_BYTES = 9 * 1024 * 1024;

const seconds = countArgument(60);
const scenes: readonly Scene[] = [
  { name: '1 of 5 stalled, 1,000 rows/s', readers: 5, stalled: 1, rowsPerSecond: 1_000, memoryLimitMb: 50 },
  {
    name: '10 of 100 stalled, 20 rows/s',
    readers: 100,
    stalled: 10,
    rowsPerSecond: 20,
    memoryLimitMb: 100,
  },
];
const figures: Figure[] = [];
for (const scene of scenes) await play(scene);
report(`check:slow-readers, ${seconds} s of stalling`, figures);

/** One client as the wire sees it. `lines` are the numbers of the rows it has, by run. */
interface Reader {
  readonly socket: WebSocket;
  readonly lines: Map<string, Set<number>>;
  readonly delaysMs: number[];
  /** How often it was told to read on after its last number. */
  missed: number;
}

async function play({ name, readers, stalled, rowsPerSecond, memoryLimitMb }: Scene): Promise<void> {
  const rowBytes = Math.max(MIN_ROW_BYTES, Math.ceil(STALLED_BYTES / (rowsPerSecond * seconds)));
  const server = fork(fileURLToPath(new URL('./check-slow-readers-server.ts', import.meta.url)), [], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [{ url, secret }] = (await once(server, 'message')) as [{ readonly url: string; readonly secret: string }];
  let peakBytes = 0;
  server.on('message', ({ memoryBytes }: { readonly memoryBytes: number }) => {
    peakBytes = Math.max(peakBytes, memoryBytes);
  });
  const headers = { apikey: secret, 'content-type': 'application/json' };
  const runs = Array.from({ length: RUNS }, (_, run) => `slow-readers-${run}`);
  await post(
    '/rest/v1/test_execution_runs',
    runs.map((test_run_id) => ({ test_run_id, status: 'running' })),
  );

  const joinAll = async (length: number): Promise<readonly Reader[]> =>
    await Promise.all(Array.from({ length }, async () => await join(url, secret)));
  const others = await joinAll(readers - stalled);
  const filler = 'x'.repeat(rowBytes);
  let written = 0;
  const write = async (forMs: number): Promise<void> => {
    const [startedAt, before] = [performance.now(), written];
    for (let passed = 0; passed < forMs; passed = performance.now() - startedAt) {
      const due = Math.ceil((passed / 1_000) * rowsPerSecond) - (written - before);
      const rows = Array.from({ length: Math.min(due, Math.floor(MAX_POST_BYTES / (rowBytes + 200))) }, () => ({
        test_run_id: runs[(written += 1) % RUNS],
        message: `${Date.now()} ${filler}`,
      }));
      if (rows.length > 0) await post('/rest/v1/test_execution_logs', rows);
      if (rows.length === due) await after(TICK_MS - ((performance.now() - startedAt) % TICK_MS));
    }
  };

  await write(Math.max(WARM_UP_MIN_S, seconds) * 1_000);
  const baseBytes = peakBytes;
  for (const { delaysMs } of others) delaysMs.length = 0;
  // They come fresh: to one that has read much already the kernel gives buffers of many megabytes.
  const slow = await joinAll(stalled);
  for (const { socket } of slow) socket.pause();
  await write(seconds * 1_000);
  const grownMb = (peakBytes - baseBytes) / 1024 / 1024;

  const reasons = await Promise.all(slow.map(hearReason));
  const complete = await Promise.all(slow.map(comeBack));
  await until(() => others.every((reader) => count(reader) === written));
  const delaysMs = others.flatMap((reader) => reader.delaysMs);
  const p99 = percentile(delaysMs, 0.99);
  const told = reasons.filter((reason) => /^1013 .*read after your last seq$/.test(reason)).length;
  figures.push(
    {
      name: `${name}: memory of the server`,
      measured: `${(baseBytes / 1024 / 1024).toFixed(0)} MB + ${grownMb.toFixed(1)} MB`,
      demanded: `+ < ${memoryLimitMb} MB`,
      isMet: grownMb < memoryLimitMb,
    },
    {
      name: `${name}: delivery to the others, ${delaysMs.length} rows`,
      measured: `p50 ${percentile(delaysMs, 0.5)} ms, p99 ${p99} ms`,
      demanded: `p99 ≤ ${DELIVERY_P99_MS} ms`,
      isMet: p99 <= DELIVERY_P99_MS,
      isTime: true,
    },
    {
      name: `${name}: others with every row, none sent to read on`,
      measured: `${others.filter((reader) => count(reader) === written && reader.missed === 0).length}`,
      demanded: `${others.length}`,
      isMet: others.every((reader) => count(reader) === written && reader.missed === 0),
    },
    { name: `${name}: stalled that hear why they were cut off`, measured: `${told}`, demanded: `${stalled}`, isMet: told === stalled },
    {
      name: `${name}: stalled that are complete after coming back`,
      measured: `${complete.filter(Boolean).length}`,
      demanded: `${stalled}`,
      isMet: complete.every(Boolean),
    },
  );
  for (const { socket } of others) socket.terminate();
  server.send('stop');
  await once(server, 'exit');

  async function post(path: string, body: unknown): Promise<void> {
    const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path} was answered ${answer.status}: ${await answer.text()}`);
    await answer.arrayBuffer();
  }

  /** A new link, and what is stored after the last row of the old one. */
  async function comeBack({ lines, socket }: Reader): Promise<boolean> {
    socket.terminate();
    const again = await join(url, secret, lines);
    for (const run of runs) {
      for (let isComplete = false; !isComplete;) {
        const lastSeq = contiguous(lines.get(run) ?? new Set());
        const query = new URLSearchParams({ select: 'seq', test_run_id: `eq.${run}`, seq: `gt.${lastSeq}`, order: 'seq', limit: '1000' });
        const rows = (await (await fetch(`${url}/rest/v1/test_execution_logs?${query}`, { headers })).json()) as { readonly seq: number }[];
        for (const { seq } of rows) lineSet(lines, run).add(seq);
        isComplete = rows.length === 0;
      }
    }
    again.socket.terminate();
    return count({ lines }) === written;
  }
}

/** Joins a channel that hears of all log rows. */
async function join(url: string, secret: string, lines: Reader['lines'] = new Map()): Promise<Reader> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/realtime/v1/websocket?apikey=${secret}&vsn=2.0.0`);
  const reader: Reader = { socket, lines, delaysMs: [], missed: 0 };
  socket.on('error', () => {});
  await once(socket, 'open');
  const joined = once(socket, 'message');
  const binding = { event: 'INSERT', schema: 'public', table: 'test_execution_logs' };
  socket.send(JSON.stringify(['1', '1', 'realtime:slow', 'phx_join', { config: { postgres_changes: [binding] } }]));
  await joined;
  socket.on('message', (data: Buffer) => {
    const frame = data.toString();
    if (!frame.includes('"postgres_changes",{"ids"')) {
      if (frame.includes('read after your last seq')) reader.missed += 1;
      return;
    }
    // Reading the whole of it a hundred times would measure us and not the server.
    const [, sentAt] = /"message":"(\d+) /.exec(frame)!;
    const [, run] = /"test_run_id":"([^"]+)"/.exec(frame)!;
    const [, seq] = /"seq":(\d+)/.exec(frame)!;
    reader.delaysMs.push(Date.now() - Number(sentAt));
    lineSet(lines, run!).add(Number(seq));
  });
  return reader;
}

/** Reads on, up to the close. */
async function hearReason({ socket }: Reader): Promise<string> {
  const closed = once(socket, 'close') as Promise<[number, Buffer]>;
  socket.resume();
  const [code, reason] = await Promise.race([closed, after(5_000, [0, Buffer.from('nothing')] as const)]);
  return `${code} ${reason.toString()}`;
}

function lineSet(lines: Reader['lines'], run: string): Set<number> {
  const known = lines.get(run) ?? new Set<number>();
  lines.set(run, known);
  return known;
}

function count({ lines }: Pick<Reader, 'lines'>): number {
  return [...lines.values()].reduce((sum, { size }) => sum + size, 0);
}

/** The last number before the first hole. A run's own row has the first number. */
function contiguous(numbers: ReadonlySet<number>): number {
  let last = 1;
  while (numbers.has(last + 1)) last += 1;
  return last;
}

/** Waits for what must come; the figures tell when it has not. */
async function until(isSo: () => boolean): Promise<void> {
  for (let waitedMs = 0; !isSo() && waitedMs < 5_000; waitedMs += 50) await after(50);
}
