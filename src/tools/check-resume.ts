import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createClient } from '@supabase/supabase-js';
import ws from 'ws';
import { connectBackend } from '../client/connect-backend.ts';
import { connectHolder } from '../client/connect-holder.ts';
import { uuidv7 } from '../core/uuid.ts';
import type { Batch } from '../protocol/batch.ts';
import { createKeys } from '../server/keys.ts';
import { migrate } from '../storage/migrate.ts';
import { openPostgres } from '../storage/postgres/open-postgres.ts';
import { openEmptyPostgres } from '../storage/testing.ts';
import { countArgument, report, type Figure } from './check-report.ts';

/*
 * Two servers on one Postgres, each in a process of its own, and people at both who follow a run.
 *
 * 1. Several writers store rows at both servers while one of them is killed and started again, and then the
 *    other: everybody has every row once, in order.
 * 2. The same while the links of all of them are cut, a hundred times each.
 * 3. A thousand rows that are stored right after a subscription is confirmed all arrive.
 *
 *   npm run check:resume [-- ROWS]     100,000 unless another count is given, which also cuts fewer links
 */

const CLIENTS = 20;
const WRITERS = 4;
const BATCH_ROWS = 50;
/** Everybody must have everything so long after the last row was stored. */
const PATIENCE_MS = 60_000;

const rows = countArgument(100_000);
const cuts = Math.min(100, Math.ceil(rows / 1_000));
/** A disconnect and the way back take about this long, so rows are stored at a pace that lasts for all. */
const cutEveryMs = 600;

const postgres = await openEmptyPostgres();
const database = await openPostgres({ url: postgres.url });
await migrate(database);
const keys = createKeys();

interface Server {
  readonly url: string;
  readonly port: number;
  readonly child: ChildProcess;
}

async function startAt(port: number): Promise<Server> {
  const child = fork(
    fileURLToPath(new URL('./check-resume-server.ts', import.meta.url)),
    [postgres.url, String(port), JSON.stringify(keys)],
    {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    },
  );
  const [address] = (await once(child, 'message')) as [{ readonly url: string; readonly port: number }];
  return { ...address, child };
}

const servers = [await startAt(0), await startAt(0)];
let restarts = 0;
process.on('exit', () => {
  for (const { child } of servers) child.kill('SIGKILL');
});

async function killAndRestart(which: number): Promise<void> {
  const { child, port } = servers[which]!;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  await wait(500);
  servers[which] = await startAt(port);
  restarts += 1;
}

/** A link to a server that can be cut: requests and sockets through it end without a word. */
async function openLink(port: number): Promise<{ readonly url: string; cut(): void; close(): void }> {
  const sockets = new Set<Socket>();
  const proxy = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    near.pipe(far);
    far.pipe(near);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    cut,
    close() {
      proxy.close();
      cut();
    },
  };
}

interface Follower {
  readonly seqs: readonly number[];
  readonly cuts: () => number;
  /** Cuts the link each time it stands again, until it was cut so often. */
  cutOften(times: number): Promise<void>;
  close(): Promise<void>;
}

async function follow(run: string, server: Server): Promise<Follower> {
  const link = await openLink(server.port);
  const backend = await connectBackend({ url: link.url, key: keys.secretKey });
  const seqs: number[] = [];
  let [isLive, count] = [false, 0];
  const stop = backend.followRun(run, {
    onChanges(changes) {
      for (const { table, row } of changes) if (table === 'test_execution_logs') seqs.push(row.seq);
    },
    onLink: ({ state }) => (isLive = state === 'live'),
  });
  return {
    seqs,
    cuts: () => count,
    async cutOften(times) {
      while (count < times) {
        while (!isLive) await wait(20);
        await wait(Math.random() * cutEveryMs * 0.4);
        isLive = false;
        link.cut();
        count += 1;
      }
    },
    async close() {
      stop();
      await backend.close();
      link.close();
    },
  };
}

/** Stores rows at both servers in turn, again until each batch is acknowledged. */
async function write(run: string, count: number, lastsMs: number): Promise<void> {
  const startedAt = Date.now();
  let next = 0;
  const holders = servers.map(({ url }) => connectHolder({ url, secretKey: keys.secretKey }));
  await Promise.all(
    Array.from({ length: WRITERS }, async (_, writer) => {
      for (let turn = writer; next < count; turn += 1) {
        const size = Math.min(BATCH_ROWS, count - next);
        next += size;
        const logs = Array.from({ length: size }, (_, at) => logRow(run, `${writer}.${turn}.${at}`));
        for (let attempt = turn; ; attempt += 1) {
          const stored = await holders[attempt % holders.length]!.ingest({ run_id: run, holder_id: 'writers', logs }).catch(
            () => undefined,
          );
          if (stored?.refused !== undefined) throw new Error(`a row was refused: ${stored.refused[0]?.reason}`);
          if (stored !== undefined) break;
          await wait(50);
        }
        await wait(Math.max(0, (next / count) * lastsMs - (Date.now() - startedAt)));
      }
    }),
  );
  await Promise.all(holders.map(async (holder) => await holder.close()));
}

function logRow(run: string, message: string): NonNullable<Batch['logs']>[number] {
  return {
    id: uuidv7(Date.now(), crypto.getRandomValues(new Uint8Array(10))),
    test_run_id: run,
    generation_id: null,
    step_key: null,
    step_number: null,
    parent_step_number: null,
    step_name: null,
    step_type: 'log',
    log_level: 'info',
    message,
    data: { filler: 'x'.repeat(100) },
    metadata: {},
    execution_context: 'server',
    function_name: null,
    file_path: null,
    line_number: null,
    duration_ms: null,
    timestamp: new Date().toISOString(),
  };
}

interface Outcome {
  readonly complete: number;
  readonly cuts: number;
  readonly stored: number;
  readonly seconds: number;
}

/** Everybody follows one run while rows are stored and `trouble` is made; then every list is held against the table. */
async function followThrough(
  run: string,
  count: number,
  lastsMs: number,
  trouble: (followers: readonly Follower[]) => Promise<void>,
): Promise<Outcome> {
  const startedAt = Date.now();
  await database.asOwner(
    async (transaction) =>
      await transaction.query(`insert into test_execution_runs (test_run_id, holder_id) values ($1, 'writers')`, [run]),
  );
  const followers = await Promise.all(Array.from({ length: CLIENTS }, async (_, at) => await follow(run, servers[at % servers.length]!)));
  const show = setInterval(
    () =>
      process.stdout.write(
        `\r${run}: ${Math.min(...followers.map(({ seqs }) => seqs.length))} of ${count} rows at all, ${restarts} restarts `,
      ),
    500,
  );
  await Promise.all([write(run, count, lastsMs), trouble(followers)]);

  const stored = (
    await database.asOwner(
      async (transaction) =>
        await transaction.query<{ seq: number }>('select seq from test_execution_logs where test_run_id = $1 order by seq', [run]),
    )
  ).rows.map(({ seq }) => seq);
  const isComplete = ({ seqs }: Follower): boolean => seqs.length === stored.length && seqs.every((seq, at) => seq === stored[at]);
  for (const until = Date.now() + PATIENCE_MS; Date.now() < until && !followers.every(isComplete);) await wait(100);
  clearInterval(show);
  const complete = followers.filter(isComplete).length;
  const total = followers.reduce((sum, follower) => sum + follower.cuts(), 0);
  await Promise.all(followers.map(async (follower) => await follower.close()));
  return { complete, cuts: total, stored: stored.length, seconds: (Date.now() - startedAt) / 1_000 };
}

/** Rows that arrive of a thousand whose storing begins when the subscription is confirmed. */
async function storeRightAfterSubscribing(): Promise<number> {
  const client = createClient(servers[0]!.url, keys.secretKey, { auth: { persistSession: false }, realtime: { transport: ws as never } });
  const arrived = new Set<string>();
  const runs = Array.from({ length: 10 }, (_, at) => `right-after-${at}`);
  await client
    .from('test_execution_runs')
    .insert(runs.map((run) => ({ test_run_id: run })))
    .throwOnError();
  const channel = client
    .channel('right-after')
    .on('postgres_changes', { event: 'INSERT', schema: 'public', table: 'test_execution_logs' }, ({ new: row }) =>
      arrived.add((row as { id: string }).id),
    );
  await new Promise<void>((resolve) => channel.subscribe((status) => status === 'SUBSCRIBED' && resolve()));
  await Promise.all(
    runs.map(async (run) => {
      for (let at = 0; at < 100; at += 1)
        await client
          .from('test_execution_logs')
          .insert({ test_run_id: run, message: String(at) })
          .throwOnError();
    }),
  );
  for (const until = Date.now() + 5_000; Date.now() < until && arrived.size < 1_000;) await wait(20);
  await client.removeAllChannels();
  await client.realtime.disconnect();
  return arrived.size;
}

const killed = await followThrough('killed', rows, rows / 5, async () => {
  await wait(Math.min(1_000, rows / 20));
  await killAndRestart(1);
  await killAndRestart(0);
});
const cut = await followThrough('cut', rows, cuts * cutEveryMs, async (followers) => {
  await Promise.all(followers.map(async (follower) => await follower.cutOften(cuts)));
});
const rightAfter = await storeRightAfterSubscribing();

await database.close();
await postgres.close();

const all = `${CLIENTS} of ${CLIENTS}`;
const figures = ({ complete, stored, seconds }: Outcome, what: string): readonly Figure[] => [
  { name: `rows stored, ${what}`, measured: `${stored} in ${seconds.toFixed(0)} s`, demanded: `${rows}`, isMet: stored === rows },
  {
    name: `lists equal to the table, in order, ${what}`,
    measured: `${complete} of ${CLIENTS}`,
    demanded: all,
    isMet: complete === CLIENTS,
  },
];
report(`check:resume, two servers, ${CLIENTS} clients, ${WRITERS} writers, ${rows} rows`, [
  { name: 'servers killed and started again', measured: `${restarts}`, demanded: '2', isMet: restarts === 2 },
  ...figures(killed, 'servers killed'),
  { name: 'links cut', measured: `${cut.cuts}`, demanded: `${CLIENTS * cuts}`, isMet: cut.cuts === CLIENTS * cuts },
  ...figures(cut, 'links cut'),
  { name: 'of 1,000 rows right after SUBSCRIBED', measured: `${rightAfter}`, demanded: '1000', isMet: rightAfter === 1_000 },
]);
process.exit();
