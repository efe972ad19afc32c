import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Json } from '../../protocol/json.ts';
import type { Database } from '../../storage/database.ts';
import { openTestDatabase, type TestDatabase } from '../../storage/testing.ts';
import { openPostgres } from '../../storage/postgres/open-postgres.ts';
import { connectFanout, type Fanout } from './fanout.ts';
import { findRedis, openFragileRedis, withoutRedis, type FragileRedis } from './testing-redis.ts';

vi.setConfig({ testTimeout: 20_000, hookTimeout: 60_000 });

const redisUrl = await findRedis();
const pace = { beatEveryMs: 100, lostAfterMs: 1_000, redis: { answerTimeoutMs: 300, checkEveryMs: 100, silentAfterMs: 600 } };
const opened: TestDatabase[] = [];
const open: Fanout[] = [];
let redis: FragileRedis | undefined;
let database: Database;

interface Server extends Fanout {
  readonly heard: Json[];
  readonly missedOf: string[];
  readonly lostOf: string[];
}

async function server(options: { readonly redisUrl?: string | undefined } = {}, on = database): Promise<Server> {
  const fanout = await connectFanout({ database: on, secret: 'the same', pace, ...options });
  open.push(fanout);
  const [heard, missedOf, lostOf]: [Json[], string[], string[]] = [[], [], []];
  fanout.listen({ receive: (_, message) => heard.push(message), missed: (id) => missedOf.push(id), lost: (id) => lostOf.push(id) });
  return Object.assign(fanout, { heard, missedOf, lostOf });
}

/** Two that know each other. */
async function pair(options: { readonly redisUrl?: string | undefined } = {}): Promise<readonly [Server, Server]> {
  const [first, second] = [await server(options), await server(options)];
  const kind = options.redisUrl === undefined ? 'notify' : 'redis';
  await vi.waitFor(() => expect([first.state(), second.state()]).toEqual(Array(2).fill({ kind, answers: true, servers: 1, elsewhere: 0 })));
  return [first, second];
}

beforeAll(async () => {
  const one = await openTestDatabase('postgres');
  opened.push(one);
  database = one.database;
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
  await redis?.close();
  redis = undefined;
});
afterAll(async () => await Promise.all(opened.map((one) => one.close())));

describe.each(['notify', 'redis'] as const)('servers that reach each other by %s', (kind) => {
  beforeEach(({ skip }) => {
    if (kind === 'redis' && redisUrl === undefined) skip(withoutRedis);
  });
  const options = () => ({ redisUrl: kind === 'redis' ? redisUrl : undefined });

  it('hear each other in order, and not themselves', async () => {
    const [first, second] = await pair(options());
    for (let i = 0; i < 200; i += 1) first.publish(i);
    await vi.waitFor(() => expect(second.heard).toHaveLength(200));
    expect(second.heard).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(first.heard).toEqual([]);
    expect(second.missedOf).toEqual([first.id]);
  });

  it('carry a megabyte of any text whole, between short messages', async () => {
    const [first, second] = await pair(options());
    const long = 'ä𝄞"\\\u0000\n '.repeat(80_000);
    for (const message of ['before', long, 'after']) first.publish(message);
    await vi.waitFor(() => expect(second.heard).toHaveLength(3), { timeout: 10_000 });
    expect(second.heard).toEqual(['before', long, 'after']);
  });

  it('know at once when another ends', async () => {
    const [first, second] = await pair(options());
    await second.close();
    await vi.waitFor(() => expect(first.lostOf).toEqual([second.id]), { timeout: pace.lostAfterMs / 2 });
  });
});

describe('servers through the database', () => {
  it('take one that is silent for dead', async () => {
    const first = await server();
    const pool = await openPostgres({ url: opened[0]!.url! });
    const second = await server({}, pool);
    await vi.waitFor(() => expect(first.state().servers).toBe(1));
    await pool.close();
    await vi.waitFor(() => expect(first.lostOf).toEqual([second.id]), { timeout: 3_000 });
    expect(second.state()).toMatchObject({ kind: 'notify', answers: false });
  });

  it('are strangers to what others say on the channel', async () => {
    const [first, second] = await pair();
    await database.asOwner(async (transaction) => {
      for (const text of ['', 'x', 'a 1/1 {}', 'a 1/1 {"from":1}', 'a 2/2 x', 'a 1/99999 x', `b 1/1 ${'['.repeat(7_000)}`])
        await transaction.query(`select pg_notify('stepscope_fanout', $1)`, [text]);
    });
    first.publish('still');
    await vi.waitFor(() => expect(second.heard).toEqual(['still']));
  });
});

describe('servers through Redis', () => {
  beforeEach(async ({ skip }) => {
    if (redisUrl === undefined) skip(withoutRedis);
    redis = await openFragileRedis(redisUrl!);
  });

  it.each(['cut', 'freeze'] as const)('go on through the database when one of them loses it (%s), and come back', async (how) => {
    const first = await server({ redisUrl: redis!.url });
    const second = await server({ redisUrl });
    await vi.waitFor(() =>
      expect([first.state(), second.state()].map(({ kind, servers }) => [kind, servers])).toEqual([
        ['redis', 1],
        ['redis', 1],
      ]),
    );
    await redis![how]();
    for (let i = 0; i < 10; i += 1) first.publish(i);
    await vi.waitFor(() => expect([first.state(), second.state()].map(({ kind }) => kind)).toEqual(['notify', 'notify']), {
      timeout: 8_000,
    });
    expect(first.state().answers).toBe(false);
    expect(second.state().answers).toBe(true);
    first.publish('from the one without');
    second.publish('from the one with');
    await vi.waitFor(() =>
      expect([first.heard, second.heard]).toEqual([['from the one with'], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 'from the one without']]),
    );
    await redis!.mend();
    await vi.waitFor(() => expect([first.state().kind, second.state().kind]).toEqual(['redis', 'redis']), { timeout: 10_000 });
    first.publish('again');
    await vi.waitFor(() => expect(second.heard).toContain('again'));
    expect(first.lostOf).toEqual([]);
  });

  it('use the database when not everybody hears the same Redis', async () => {
    const first = await server({ redisUrl });
    const second = await server();
    await vi.waitFor(() => expect(first.state()).toEqual({ kind: 'notify', answers: true, servers: 1, elsewhere: 1 }));
    expect(second.state()).toEqual({ kind: 'notify', answers: true, servers: 1, elsewhere: 1 });
    first.publish('to all');
    await vi.waitFor(() => expect(second.heard).toEqual(['to all']));
  });

  it('count together what one may do in a minute', async () => {
    const [first, second] = [await server({ redisUrl }), await server({ redisUrl })];
    expect(await first.count('somebody', 10)).toBe(1);
    expect(await second.count('somebody', 10)).toBe(2);
    expect(await second.count('somebody else', 10)).toBe(1);
  });
});

describe('a Redis that is not there at the start', () => {
  it.each([
    ['nobody listens', 'redis://user:secret@127.0.0.1:1/0', 'unavailable', 'Redis at redis://user:***@127.0.0.1:1/0 does not answer'],
    ['the address is none', 'http://127.0.0.1', 'usage', 'the address of Redis cannot be read'],
  ])('is told by its address when %s, and without its password', async (_, url, code, message) => {
    const failed = connectFanout({ database, secret: '', redisUrl: url });
    await expect(failed).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    await expect(failed).rejects.not.toMatchObject({ message: expect.stringContaining('secret') });
  });
});

it('a server on the embedded database has nobody to tell', async () => {
  const embedded = await openTestDatabase('pglite');
  opened.push(embedded);
  const fanout = await connectFanout({ database: embedded.database, secret: '' });
  fanout.publish('to nobody');
  expect(fanout.state()).toEqual({ kind: 'process', answers: true, servers: 0, elsewhere: 0 });
});
