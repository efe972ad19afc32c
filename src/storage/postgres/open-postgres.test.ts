import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Database } from '../database.ts';
import { startRestartablePostgres } from '../testing.ts';
import { openPostgres } from './open-postgres.ts';

describe('a Postgres server', () => {
  let server: Awaited<ReturnType<typeof startRestartablePostgres>>;
  let database: Database;
  beforeAll(async () => {
    server = await startRestartablePostgres();
    database = await openPostgres({ url: server.url, maxConnections: 3 });
  }, 60_000);
  afterAll(async () => {
    await database.close();
    await server.stop();
  }, 60_000);
  const one = () => database.asOwner((transaction) => transaction.query('select 1 as one'));

  it('loses one connection without losing the others', async () => {
    const work = database.asOwner((transaction) => transaction.query('select pg_terminate_backend(pg_backend_pid())'));
    await expect(work).rejects.toMatchObject({ code: 'unavailable' });
    for (let i = 0; i < 6; i += 1) expect((await one()).rows).toEqual([{ one: 1 }]);
  });

  it('serves as many as it has connections, and more in turn', async () => {
    const slow = Array.from({ length: 9 }, () => database.asOwner((transaction) => transaction.query('select pg_sleep(0.05)')));
    await expect(Promise.all(slow)).resolves.toHaveLength(9);
  });

  it('keeps nothing of an answer that was given', async () => {
    const ask = async () => new WeakRef((await one()).rows[0] as object);
    const answers = [await ask(), await ask(), await ask(), await ask()];
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    await vi.waitFor(() => {
      collect();
      expect(answers.slice(0, -1).map((answer) => answer.deref())).toEqual([undefined, undefined, undefined]);
    });
  });

  it('is there again after a restart, hears again, and says that it may have missed something', async () => {
    const heard: string[] = [];
    let reopened = 0;
    const stop = await database.listen('news', (payload) => heard.push(payload));
    const forget = database.onReopen(() => {
      reopened += 1;
    });
    await server.restart();
    await vi.waitFor(() => expect(one()).resolves.toMatchObject({ rows: [{ one: 1 }] }), { timeout: 15_000, interval: 200 });
    await vi.waitFor(() => expect(reopened).toBeGreaterThan(0), { timeout: 15_000 });
    await database.asOwner((transaction) => transaction.query(`select pg_notify('news', 'after')`));
    await vi.waitFor(() => expect(heard).toEqual(['after']), { timeout: 5_000 });
    await stop();
    forget();
  }, 60_000);

  it.each([
    ['nobody listens', (url: string) => url.replace(/:\d+\//, ':1/'), 'does not answer'],
    ['the password is wrong', (url: string) => url.replace('for%20tests', 'wrong'), 'refuses us'],
    ['the database is not there', (url: string) => url.replace(/postgres$/, 'nowhere'), 'refuses us'],
  ])('says what is wrong when %s', async (_, change, message) => {
    await expect(openPostgres({ url: change(server.url) })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(message),
    });
  });

  it('takes a broken URL for wrong usage', async () => {
    await expect(openPostgres({ url: 'postgres://[' })).rejects.toMatchObject({ code: 'usage' });
  });
});
