import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { REALTIME_SUBSCRIBE_STATES, type RealtimeChannel, type SupabaseClient } from '@supabase/supabase-js';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Database } from '../storage/database.ts';
import { readMigrations } from '../storage/migrate.ts';
import { openPostgres } from '../storage/postgres/open-postgres.ts';
import { openEmptyPostgres } from '../storage/testing.ts';
import { findRedis, withoutRedis } from './fanout/testing-redis.ts';
import { createKeys } from './keys.ts';
import { maxSignInsPerMinute } from './overload.ts';
import { anonClient, serviceClient } from './testing-clients.ts';
import { startTestBackend, type OtherServer, type TestBackend } from './testing.ts';

vi.setConfig({ testTimeout: 20_000, hookTimeout: 60_000 });

const redisUrl = await findRedis();
const clients: SupabaseClient[] = [];

function using(client: SupabaseClient): SupabaseClient {
  clients.push(client);
  return client;
}

afterEach(async () => {
  await Promise.all(
    clients.splice(0).map(async (client) => {
      await client.removeAllChannels();
      await client.realtime.disconnect();
    }),
  );
});

async function subscribed(channel: RealtimeChannel): Promise<RealtimeChannel> {
  await new Promise<void>((resolve, reject) => {
    channel.subscribe((status, error) =>
      status === REALTIME_SUBSCRIBE_STATES.SUBSCRIBED ? resolve() : reject(error ?? new Error(status)),
    );
  });
  return channel;
}

describe.each(['notify', 'redis'] as const)('two servers on one Postgres, that reach each other by %s', (kind) => {
  let backend: TestBackend;
  let other: OtherServer;
  beforeAll(async () => {
    if (kind === 'redis' && redisUrl === undefined) return;
    const options = kind === 'redis' ? { redisUrl: redisUrl! } : {};
    backend = await startTestBackend({ engine: 'postgres', server: options });
    other = await backend.addServer(options);
    await vi.waitFor(async () => expect(await other.status()).toMatchObject({ fanout: { kind, answers: true, servers: 1 } }));
  });
  afterAll(async () => {
    await other?.stop();
    await backend?.stop();
  });

  const test = (name: string, work: (here: SupabaseClient, there: SupabaseClient) => Promise<void>): void => {
    it(name, async ({ skip }) => {
      if (kind === 'redis' && redisUrl === undefined) skip(withoutRedis);
      await work(using(serviceClient(backend)), using(serviceClient(other)));
    });
  };

  test('carry broadcasts from one to the clients of the other: JSON, bytes, and those sent over HTTP', async (here, there) => {
    const heard: unknown[] = [];
    const listen = there.channel('room').on('broadcast', { event: '*' }, ({ event, payload }) => heard.push([event, payload]));
    await subscribed(listen);
    const elsewhere = vi.fn();
    await subscribed(
      using(serviceClient(other))
        .channel('room', { config: { private: true } })
        .on('broadcast', { event: '*' }, elsewhere),
    );
    const speak = await subscribed(here.channel('room'));

    await speak.send({ type: 'broadcast', event: 'text', payload: { said: 'grüß dich \u0000 𝄞' } });
    await speak.send({ type: 'broadcast', event: 'bytes', payload: new Uint8Array([0, 1, 254, 255]).buffer as never });
    await here.channel('room').httpSend('http', { said: 'by POST' });
    await vi.waitFor(() => expect(heard).toHaveLength(3));
    expect(heard[0]).toEqual(['text', { said: 'grüß dich \u0000 𝄞' }]);
    expect([...new Uint8Array((heard[1] as [string, ArrayBuffer])[1])]).toEqual([0, 1, 254, 255]);
    expect(heard[2]).toEqual(['http', { said: 'by POST' }]);
    expect(elsewhere).not.toHaveBeenCalled();
  });

  test('show who is present on the other, who was there before, and who has left', async (here, there) => {
    const early = await subscribed(
      here.channel('lobby', { config: { presence: { key: 'early' } } }).on('presence', { event: 'sync' }, () => {}),
    );
    await early.track({ from: 'here' });
    const seen: string[] = [];
    const late = there
      .channel('lobby', { config: { presence: { key: 'late' } } })
      .on('presence', { event: 'join' }, ({ key }) => seen.push(`+${key}`))
      .on('presence', { event: 'leave' }, ({ key }) => seen.push(`-${key}`));
    await subscribed(late);
    await vi.waitFor(() => expect(late.presenceState()).toMatchObject({ early: [{ from: 'here' }] }));
    await late.track({ from: 'there' });
    await vi.waitFor(() => expect(Object.keys(early.presenceState()).toSorted()).toEqual(['early', 'late']));
    await early.track({ from: 'here', mood: 'new' });
    await vi.waitFor(() => expect(late.presenceState()['early']).toMatchObject([{ from: 'here', mood: 'new' }]));
    await early.untrack();
    await vi.waitFor(() => expect(Object.keys(late.presenceState())).toEqual(['late']));
    expect(seen[0]).toBe('+early');
    expect(seen.at(-1)).toBe('-early');
  });

  test('forget who was present on a server that ends', async (here) => {
    const third = await backend.addServer(kind === 'redis' ? { redisUrl: redisUrl! } : {});
    const watcher = await subscribed(here.channel('hall').on('presence', { event: 'sync' }, () => {}));
    const guest = await subscribed(using(serviceClient(third)).channel('hall', { config: { presence: { key: 'guest' } } }));
    await guest.track({});
    await vi.waitFor(() => expect(Object.keys(watcher.presenceState())).toEqual(['guest']));
    await third.stop();
    await vi.waitFor(() => expect(watcher.presenceState()).toEqual({}));
  });

  test('tell their clients of the same rows in the same order', async (here, there) => {
    await here
      .from('test_execution_runs')
      .insert({ test_run_id: `followed-${kind}` })
      .throwOnError();
    const follow = async (client: SupabaseClient): Promise<number[]> => {
      const seqs: number[] = [];
      const filter = `test_run_id=eq.followed-${kind}`;
      const binding = { event: 'INSERT', schema: 'public', table: 'test_execution_logs', filter } as const;
      await subscribed(client.channel('rows').on('postgres_changes', binding, ({ new: row }) => seqs.push(row['seq'] as number)));
      return seqs;
    };
    const lists = [await follow(here), await follow(there)];
    const write = async (client: SupabaseClient): Promise<void> => {
      for (let i = 0; i < 20; i += 1)
        await client
          .from('test_execution_logs')
          .insert([
            { test_run_id: `followed-${kind}`, message: 'one' },
            { test_run_id: `followed-${kind}`, message: 'two' },
          ])
          .throwOnError();
    };
    await Promise.all([write(here), write(there)]);
    await vi.waitFor(() => expect(lists.map((list) => list.length)).toEqual([80, 80]), { timeout: 5_000 });
    expect(lists[0]).toEqual(lists[0]!.toSorted((a, b) => a - b));
    expect(lists[1]).toEqual(lists[0]);
  });

  test('give a run to one runner, however many ask at both', async (here, there) => {
    const pipeline = `shared-${kind}`;
    await here
      .from('test_execution_runs')
      .insert(Array.from({ length: 20 }, (_, i) => ({ test_run_id: `${pipeline}-${i}`, status: 'pending', pipeline_key: pipeline })))
      .throwOnError();
    const claims = await Promise.all(
      Array.from({ length: 30 }, async (_, i) => {
        const { data } = await (i % 2 ? here : there)
          .rpc('claim_run', { runner_id: `runner-${i}`, pipeline_keys: [pipeline] })
          .throwOnError();
        return data as { test_run_id: string }[];
      }),
    );
    const claimed = claims.flat().map((run) => run.test_run_id);
    expect(claimed).toHaveLength(20);
    expect(new Set(claimed).size).toBe(20);
  });

  test('end a lost run once, and refuse an old command once', async (here, there) => {
    const run = `lost-${kind}`;
    await here
      .from('test_execution_runs')
      .insert({ test_run_id: run, status: 'running', holder_id: 'gone', holder_heartbeat_at: '2020-01-01T00:00:00Z' })
      .throwOnError();
    await backend.database.asOwner(
      async (transaction) =>
        await transaction.query(
          `update test_execution_runs set status = 'running', holder_heartbeat_at = now() - interval '1 hour' where test_run_id = $1`,
          [run],
        ),
    );
    const ended = await Promise.all(
      Array.from(
        { length: 10 },
        async (_, i) =>
          (await (i % 2 ? here : there).rpc('interrupt_lost_runs', { max_age: '30 minutes' }).throwOnError()).data as string[],
      ),
    );
    expect(ended.flat().filter((id) => id === run).length).toBeLessThanOrEqual(1);
    const { data } = await here.from('test_execution_runs').select('status').eq('test_run_id', run).single().throwOnError();
    expect(data).toEqual({ status: 'interrupted' });
  });

  test('count attempts to sign in together, through Redis', async () => {
    if (kind === 'notify') return;
    const attempt = async (server: OtherServer | TestBackend): Promise<number | undefined> => {
      const { error } = await anonClient(server).auth.signInWithPassword({ email: 'nobody@example.com', password: 'wrong' });
      return error?.status;
    };
    const statuses: (number | undefined)[] = [];
    for (let i = 0; i <= maxSignInsPerMinute; i += 4) {
      statuses.push(...(await Promise.all([backend, other, backend, other].map(async (server) => await attempt(server)))));
    }
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(0);
  });
});

it('two servers that start at once on an empty Postgres prepare it once, with one administrator', async () => {
  const empty = await openEmptyPostgres();
  const home = mkdtempSync(join(tmpdir(), 'stepscope-two-'));
  const keys = createKeys();
  const start = async (name: string): Promise<Worker> => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: {
        dataDir: join(home, name),
        databaseUrl: empty.url,
        keys: { publishableKey: keys.publishableKey, secretKey: keys.secretKey, jwtSecret: keys.jwtSecret },
        localUser: { email: 'local@stepscope', password: 'the same for both' },
        host: '127.0.0.1',
        port: 0,
        mode: 'serve',
      },
    });
    const [message] = (await once(worker, 'message')) as [{ readonly type: string }];
    expect(message).toMatchObject({ type: 'listening' });
    return worker;
  };
  const workers = await Promise.all([start('one'), start('two'), start('three')]);
  const database: Database = await openPostgres({ url: empty.url });
  const { rows } = await database.asOwner(
    async (transaction) =>
      await transaction.query(`select (select count(*)::int from auth.users) as users, (select count(*)::int from user_roles) as roles,
        (select count(*)::int from stepscope.stepscope_migrations) as migrations`),
  );
  expect(rows).toEqual([{ users: 1, roles: 1, migrations: readMigrations().length }]);
  await database.close();
  await Promise.all(
    workers.map(async (worker) => {
      const ended = once(worker, 'exit');
      worker.postMessage({ type: 'close' });
      await ended;
    }),
  );
  await empty.close();
  rmSync(home, { recursive: true, force: true });
}, 60_000);
