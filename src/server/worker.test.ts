import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { Worker } from 'node:worker_threads';
import { createClient } from '@supabase/supabase-js';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import ws from 'ws';
import { copyPrepared, openDataDirectory } from '../storage/pglite/data-directory.ts';
import { preparedForTests } from '../storage/testing.ts';
import { createKeys } from './keys.ts';

type Message = {
  readonly type: string;
  readonly url: string;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly clients: number;
  readonly activeRuns: number;
};

const dataDir = mkdtempSync(`${tmpdir()}/stepscope-worker-`);
const keys = createKeys();
const localUser = { email: 'local@stepscope', password: 'only for this test' };
const running: Worker[] = [];

async function start(
  options: { readonly port?: number; readonly password?: string } = {},
): Promise<{ worker: Worker; first: Message; messages: Message[] }> {
  const user = { ...localUser, ...(options.password !== undefined && { password: options.password }) };
  const worker = new Worker(new URL('worker.ts', import.meta.url), {
    workerData: { dataDir, keys, host: '127.0.0.1', port: options.port ?? 0, localUser: user, mode: 'in-process' },
  });
  running.push(worker);
  const messages: Message[] = [];
  worker.on('message', (message: Message) => messages.push(message));
  const [first] = (await once(worker, 'message')) as [Message];
  return { worker, first, messages };
}

async function end(worker: Worker): Promise<number> {
  const exit = once(worker, 'exit');
  worker.postMessage({ type: 'close' });
  return ((await exit) as [number])[0];
}

beforeAll(async () => {
  // Making a database takes seconds; the directory of a first start is copied.
  openDataDirectory(dataDir);
  await copyPrepared(dataDir, await preparedForTests(), 'process');
});
afterEach(async () => {
  for (const worker of running.splice(0)) await worker.terminate();
});
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

describe('the server thread', () => {
  it('serves the data directory to its owner and to no second server, tells how much it is used, and ends in order', { timeout: 60_000 }, async () => {
    const { worker, first, messages } = await start();
    expect(first).toMatchObject({
      type: 'listening',
      engine: 'pglite',
      schemaVersion: expect.any(Number),
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    });
    const client = createClient(first.url, keys.publishableKey, { realtime: { transport: ws as never } });
    expect((await client.auth.signInWithPassword(localUser)).error).toBeNull();
    expect((await client.rpc('is_admin_user')).data).toBe(true);
    await client.from('test_execution_runs').insert({ test_run_id: 'kept', pipeline_key: 'p' }).throwOnError();
    expect((await start()).first).toMatchObject({
      type: 'failed',
      code: 'unavailable',
      message: expect.stringContaining(`in use by process ${process.pid}`),
    });
    client.channel('x').subscribe();
    await vi.waitFor(() => expect(messages.at(-1)).toEqual({ type: 'activity', clients: 1, activeRuns: 1 }), { timeout: 10_000 });
    await client.realtime.disconnect();
    expect(await end(worker)).toBe(0);
  });

  it('finds what was stored, marks runs that died with the last one, and takes a new password', { timeout: 60_000 }, async () => {
    const service = (url: string) => createClient(url, keys.secretKey, { realtime: { transport: ws as never } });
    const before = await start();
    await service(before.first.url)
      .rpc('ingest', { batch: { run_id: 'dies', holder_id: 'local/1', run: { status: 'running' } } })
      .throwOnError();
    await before.worker.terminate();

    const { first } = await start({ password: 'another password' });
    const client = createClient(first.url, keys.publishableKey, { realtime: { transport: ws as never } });
    expect((await client.auth.signInWithPassword({ ...localUser, password: 'another password' })).error).toBeNull();
    expect((await client.from('test_execution_runs').select('test_run_id').order('test_run_id')).data).toEqual([
      { test_run_id: 'dies' },
      { test_run_id: 'kept' },
    ]);
    await vi.waitFor(async () => {
      const { data } = await client.from('test_execution_runs').select('status').eq('test_run_id', 'dies').single();
      expect(data).toEqual({ status: 'interrupted' });
    });
  });

  it('says which port is in use', { timeout: 60_000 }, async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    expect((await start({ port })).first).toMatchObject({
      type: 'failed',
      code: 'unavailable',
      message: expect.stringContaining(`port ${port}`),
      hint: expect.stringContaining('--port'),
    });
    other.close();
  });
});
