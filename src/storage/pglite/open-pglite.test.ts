import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { migrate } from '../migrate.ts';
import { preparedForTests } from '../testing.ts';
import { openPglite } from './open-pglite.ts';
import type { PgliteDatabase, PgliteOptions } from './open-pglite.ts';

// Each opens a database of its own, which takes a second, and many when all tests run at once.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const heavy = 'select count(*) from generate_series(1, 10000000000)';

describe('the embedded database', () => {
  let preparedDirectory: string;
  beforeAll(async () => {
    preparedDirectory = await preparedForTests();
  });

  const opened: PgliteDatabase[] = [];
  const directories: string[] = [];
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((database) => database.close()));
    for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
  });

  function newDirectory(): string {
    const directory = mkdtempSync(join(tmpdir(), 'stepscope-pglite-'));
    directories.push(directory);
    return join(directory, 'data');
  }
  async function open(dataDir = newDirectory(), options: Partial<PgliteOptions> = {}): Promise<PgliteDatabase> {
    const database = await openPglite({ dataDir, preparedDirectory, durability: 'process', ...options });
    opened.push(database);
    return database;
  }
  const addRun = (database: PgliteDatabase, id: string) =>
    database.asUser({ role: 'service_role' }, (transaction) =>
      transaction.query('insert into test_execution_runs (test_run_id) values ($1)', [id]),
    );
  const runIds = async (database: PgliteDatabase) =>
    (
      await database.asOwner((transaction) =>
        transaction.query<{ id: string }>('select test_run_id as id from test_execution_runs order by 1'),
      )
    ).rows.map(({ id }) => id);

  it('syncs to the disk at least once for each commit it acknowledges', async () => {
    const database = await open(undefined, { durability: 'power' });
    await addRun(database, 'warm-up');
    const before = await database.stats();
    for (let i = 0; i < 20; i += 1) await addRun(database, `run-${i}`);
    const after = await database.stats();
    expect(after.fsyncs - before.fsyncs).toBeGreaterThanOrEqual(20);
  });

  it('leaves the syncing out when only the process may die', async () => {
    const database = await open();
    await addRun(database, 'run');
    expect(await database.stats()).toEqual({ fsyncs: 0 });
  });

  it('starts from the prepared directory with nothing left to migrate', async () => {
    const database = await open();
    expect(await migrate(database)).toEqual([]);
  });

  it('makes a database from nothing where nothing is prepared', async () => {
    const database = await open(undefined, { preparedDirectory: join(newDirectory(), 'nowhere') });
    expect((await migrate(database)).length).toBeGreaterThan(0);
    await addRun(database, 'run');
    expect(await runIds(database)).toEqual(['run']);
  });

  it('finds what it stored when it is opened again', async () => {
    const dataDir = newDirectory();
    const first = await open(dataDir);
    await addRun(first, 'kept');
    await first.close();
    await first.close();
    expect(await runIds(await open(dataDir))).toEqual(['kept']);
  });

  it('removes a database that was never finished, and makes a whole one', async () => {
    const dataDir = newDirectory();
    mkdirSync(join(dataDir, 'database.new'), { recursive: true });
    writeFileSync(join(dataDir, 'database.new', 'PG_VERSION'), '18\n');
    const database = await open(dataDir);
    expect(await runIds(database)).toEqual([]);
    expect(existsSync(join(dataDir, 'database.new'))).toBe(false);
  });

  it('keeps the directory to its owner, whatever the umask and the mode it had', async () => {
    const dataDir = newDirectory();
    mkdirSync(dataDir, { recursive: true });
    chmodSync(dataDir, 0o777);
    const umask = process.umask(0);
    try {
      await open(dataDir);
    } finally {
      process.umask(umask);
    }
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    for (const file of readdirSync(dataDir).filter((name) => name !== 'database')) {
      expect([file, statSync(join(dataDir, file)).mode & 0o777]).toEqual([file, 0o600]);
    }
  });

  it('refuses a directory in use and names who has it', async () => {
    const dataDir = newDirectory();
    const holder = await open(dataDir);
    await expect(open(dataDir)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(`in use by process ${process.pid}`),
    });
    await holder.close();
    await open(dataDir);
  });

  it('says so when the directory cannot be made', async () => {
    const file = newDirectory();
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, '');
    await expect(open(file)).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('it is not a folder') });
  });

  it('refuses a database of another engine, and leaves it and the lock alone', async () => {
    const dataDir = newDirectory();
    await (await open(dataDir)).close();
    writeFileSync(join(dataDir, 'database', 'PG_VERSION'), '19\n');
    await expect(open(dataDir)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('newer stepscope (Postgres 19'),
    });
    writeFileSync(join(dataDir, 'database', 'PG_VERSION'), '18\n');
    await open(dataDir);
  });

  it('refuses a database behind a symbolic link', async () => {
    const dataDir = newDirectory();
    mkdirSync(dataDir, { recursive: true });
    symlinkSync(tmpdir(), join(dataDir, 'database'));
    await expect(open(dataDir)).rejects.toMatchObject({ message: expect.stringContaining('symbolic link') });
  });

  it('comes back from a stuck statement with all that was committed, listening as before', async () => {
    const database = await open();
    const heard: string[] = [];
    let reopened = 0;
    await database.listen('news', (payload) => heard.push(payload));
    database.onReopen(() => {
      reopened += 1;
    });
    await addRun(database, 'before');

    const stuck = database.asOwner((transaction) => transaction.query(heavy), { timeoutMs: 200 });
    const behind = addRun(database, 'behind');
    await expect(stuck).rejects.toMatchObject({ code: 'timeout' });
    await behind;

    expect(await runIds(database)).toEqual(['before', 'behind']);
    expect(reopened).toBe(1);
    await database.asOwner((transaction) => transaction.query(`select pg_notify('news', 'after')`));
    await vi.waitFor(() => expect(heard).toEqual(['after']));
  });

  it('closes while a statement is stuck', async () => {
    const dataDir = newDirectory();
    const database = await open(dataDir);
    let start: (value: unknown) => void = () => {};
    const started = new Promise((resolve) => {
      start = resolve;
    });
    const stuck = database.asOwner(
      (transaction) => {
        start(undefined);
        return transaction.query(heavy);
      },
      { timeoutMs: 300 },
    );
    await started;
    const closing = database.close();
    await expect(stuck).rejects.toMatchObject({ code: 'timeout' });
    await closing;
    await expect(runIds(database)).rejects.toMatchObject({ code: 'unavailable' });
    expect(await runIds(await open(dataDir))).toEqual([]);
  });

  it('reads and cleans up on a full disk, refuses to write, and writes again when there is room', async () => {
    let free = Number.POSITIVE_INFINITY;
    const database = await open(undefined, { freeBytes: () => free });
    await addRun(database, 'before');
    free = 1024;
    // The file system is asked twice a second.
    await vi.waitFor(() => expect(addRun(database, crypto.randomUUID())).rejects.toMatchObject({ code: 'no-space' }), { timeout: 3_000 });
    await expect(addRun(database, 'refused')).rejects.toMatchObject({ code: 'no-space' });
    expect(await runIds(database)).toContain('before');
    expect(await runIds(database)).not.toContain('refused');

    const connection = await database.acquire();
    await expect(connection.query(`insert into test_execution_runs (test_run_id) values ('refused')`)).rejects.toMatchObject({
      code: 'no-space',
    });
    await connection.release();
    await database.asOwner((transaction) => transaction.query('delete from test_execution_runs'));

    free = Number.POSITIVE_INFINITY;
    await vi.waitFor(() => addRun(database, 'after'), { timeout: 3_000 });
    expect(await runIds(database)).toEqual(['after']);
  });

  it('checkpoints as it writes, so that the log stays small', async () => {
    const dataDir = newDirectory();
    const database = await open(dataDir);
    await database.asOwner((transaction) =>
      transaction.query('create table filler (body text); alter table filler alter body set storage external'),
    );
    const body = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 200; i += 1) {
      await database.asOwner((transaction) => transaction.query('insert into filler values ($1)', [`${i}${body}`]));
    }
    const logBytes = readdirSync(join(dataDir, 'database', 'pg_wal'))
      .map((file) => statSync(join(dataDir, 'database', 'pg_wal', file)))
      .reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
    expect(logBytes).toBeLessThan(190 * 1024 * 1024);
  });

  it('writes the pid for others to read, and takes it away at the end', async () => {
    const dataDir = newDirectory();
    const database = await open(dataDir);
    expect(readFileSync(join(dataDir, 'database.pid'), 'utf8')).toBe(`${process.pid}\n`);
    await database.close();
    expect(existsSync(join(dataDir, 'database.pid'))).toBe(false);
  });
});
