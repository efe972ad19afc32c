import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { finalRunStatuses, type RunStatus } from '../../protocol/vocabulary.ts';
import { openPglite } from '../../storage/pglite/open-pglite.ts';
import { preparedForTests } from '../../storage/testing.ts';
import { buildProgram, installation } from '../testing.ts';
import type { Installation, Started } from '../testing.ts';
import { isAlive, readStateFile } from './find-backend.ts';

const patience = { timeout: 30_000, interval: 100 };

describe('a detached backend', { timeout: 60_000 }, () => {
  let here: Installation;
  let started: Started[];
  beforeAll(async () => {
    buildProgram();
    // Slow enough to be left in the middle of a run.
    here = installation({ STEPSCOPE_SIMULATE: 'latency=0.1' });
    started = [here.start('backend'), here.start('backend'), here.start('backend')];
    await vi.waitFor(() => expect(readStateFile(here.dataDir)).toBeDefined(), patience);
  }, 120_000);
  afterAll(() => here.remove());

  it('lives once, however many start it at once', async () => {
    const winner = readStateFile(here.dataDir)!.pid;
    const losers = await Promise.all(started.filter((child) => child.pid !== winner).map((child) => child.outcome));
    for (const { status, err } of losers) {
      expect(status).toBe(3);
      expect(err).toContain(String(winner));
    }
    expect(losers).toHaveLength(2);
  });

  it('is found by later calls, which use it instead of opening the data themselves', async () => {
    const { pid } = readStateFile(here.dataDir)!;
    const { json, status } = await here.run('status', '--json');
    expect(status).toBe(0);
    expect(json[0]).toMatchObject({ pid, mode: 'detached', engine: 'pglite' });
    expect(JSON.stringify(json)).not.toContain('sb_secret_');
    expect((await here.run('status', '--json', '--show-keys')).json[0]).toMatchObject({ secretKey: expect.stringMatching(/^sb_secret_/) });
  });

  it('keeps what leads to it from others', async () => {
    for (const name of ['backend.json', 'keys.json']) expect((statSync(join(here.dataDir, name)).mode & 0o777).toString(8)).toBe('600');
    expect((statSync(here.dataDir).mode & 0o777).toString(8)).toBe('700');
  });

  it('goes on with a run whose caller is killed or loses its terminal', async () => {
    const { url, secretKey } = readStateFile(here.dataDir)!;
    const newest = `${url}/rest/v1/test_execution_runs?select=status&order=created_at.desc,id.desc&limit=1`;
    for (const signal of ['SIGKILL', 'SIGHUP'] as const) {
      const caller = here.start('run', 'generate-content', '--input', 'prompt=left alone', '--json');
      await caller.says(/"number":"1"/);
      caller.kill(signal);
      await caller.outcome;
      await vi.waitFor(async () => {
        const [run] = (await (await fetch(newest, { headers: { apikey: secretKey } })).json()) as [{ status: RunStatus }];
        expect(finalRunStatuses.has(run.status)).toBe(true);
      }, patience);
      expect((await here.run('show', 'last', '--json')).json[0]).toMatchObject({ status: 'completed' });
    }
  });

  it('says so when Ctrl-C leaves a run to it', async () => {
    const caller = here.start('run', 'generate-content', '--input', 'prompt=x', '--break', '2');
    await caller.says(/Held before 2/);
    caller.kill('SIGINT');
    const { status, err } = await caller.outcome;
    expect(status).toBe(130);
    expect(err).toMatch(/goes on without us/);
    expect((await here.run('cancel', 'last')).status).toBe(0);
  });

  it('keeps address and keys when it is started again after a crash', async () => {
    const before = readStateFile(here.dataDir)!;
    const { pid } = before;
    process.kill(pid, 'SIGKILL');
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), patience);
    here.start('backend');
    const after = await vi.waitFor(() => {
      const state = readStateFile(here.dataDir)!;
      expect(state.pid).not.toBe(pid);
      return state;
    }, patience);
    expect(after).toMatchObject({ url: before.url, publishableKey: before.publishableKey, secretKey: before.secretKey });
  });
});

describe('a detached backend that nobody uses', { timeout: 60_000 }, () => {
  beforeAll(buildProgram, 120_000);
  const here = installation({ STEPSCOPE_IDLE_EXIT_MS: '500' });
  afterAll(here.remove);

  it('ends by itself after a while, and leaves no trail', async () => {
    here.start('backend');
    const pid = await vi.waitFor(() => readStateFile(here.dataDir)!.pid, patience);
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), patience);
    expect(existsSync(join(here.dataDir, 'backend.json'))).toBe(false);
  });
});

describe('stepscope serve', { timeout: 60_000 }, () => {
  beforeAll(buildProgram, 120_000);
  const others: Installation[] = [];
  afterEach(async () => {
    await Promise.all(others.splice(0).map((one) => one.remove()));
  });
  const another = (): Installation => {
    const one = installation();
    others.push(one);
    return one;
  };

  it('says in one line that its port, or its data directory, is in use, and serves until Ctrl-C, for which it exits 0', async () => {
    const here = another();
    const server = here.start('serve', '--port', '0', '--json');
    const [first] = await server.says(/^\{.*\}$/m);
    const { url, pid } = JSON.parse(first) as { url: string; pid: number };

    const [samePort, sameData] = await Promise.all([another().run('serve', '--port', new URL(url).port), here.run('serve', '--port', '0')]);
    expect(samePort.status).toBe(3);
    expect(samePort.err).toMatch(new RegExp(`error: .*${new URL(url).port}.*in use`));
    expect(sameData.status).toBe(3);
    expect(sameData.err).toMatch(new RegExp(`already: .*pid ${pid}`));

    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    server.kill('SIGINT');
    expect(await server.outcome).toMatchObject({ status: 0, err: '' });
  });

  it.each(['/dev/null/data', '/proc/nobody/data', '/etc'])('says in one line that %s cannot be its data directory', async (directory) => {
    for (const command of ['serve', 'runs']) {
      const { status, err } = await another().run(command, '--data-dir', directory);
      expect(err).toMatch(new RegExp(`^error: cannot use the data directory ${directory}: .*\n.*\n$`));
      expect(status).toBe(3);
    }
  });

  it('says in one line that its data are those of a newer version', async () => {
    const here = another();
    const database = await openPglite({ dataDir: here.dataDir, preparedDirectory: await preparedForTests() });
    await database.asOwner((transaction) => transaction.query(`insert into stepscope.stepscope_migrations (version, name, checksum) values (9999, 'to come', '')`));
    await database.close();
    const newerSchema = await here.run('runs');
    expect(newerSchema.err).toMatch(/^error: the database has schema 9999, this stepscope knows \d+\n.*\n$/);
    expect(newerSchema.status).toBe(3);

    writeFileSync(join(here.dataDir, 'database.json'), '{"engine":"pglite","postgres":99}');
    const newerEngine = await here.run('runs');
    expect(newerEngine.err).toMatch(/^error: the database in .* was made by a newer stepscope \(Postgres 99, this one has \d+\)\n.*\n$/);
    expect(newerEngine.status).toBe(3);
  });
});
