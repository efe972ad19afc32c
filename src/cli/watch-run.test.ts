import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Backend } from '../client/backend.ts';
import { connectBackend } from '../client/connect-backend.ts';
import type { TestBackend } from '../server/testing.ts';
import { startTestBackend } from '../server/testing.ts';
import { serviceClient } from '../server/testing-clients.ts';
import { processIo } from './io.ts';
import { watchRun } from './watch-run.ts';

let server: TestBackend;
let backend: Backend;
beforeAll(async () => {
  server = await startTestBackend();
  backend = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: server.admin });
}, 60_000);
afterAll(async () => {
  await backend?.close();
  await server?.stop();
});

it('the pause of a run is its watcher\'s until it goes on or the watcher leaves', { timeout: 60_000 }, async () => {
  const runs = serviceClient(server).from('test_execution_runs');
  await runs.insert({ test_run_id: 'held', status: 'paused' }).throwOnError();
  const reader = new AbortController();
  const said: string[] = [];
  const io = { ...processIo({}), err: (line: string) => void said.push(line), out: () => undefined, readerGone: reader.signal };
  const watched = watchRun(backend, await backend.run('held'), { isOurs: false, io });
  const ownerIs = (name: string | undefined) => expect.poll(async () => (await backend.lease('held'))?.owner_name, { timeout: 20_000 }).toBe(name);
  await ownerIs(server.admin.email);
  await runs.update({ status: 'running' }).eq('test_run_id', 'held').throwOnError();
  await ownerIs(undefined);
  await runs.update({ status: 'paused' }).eq('test_run_id', 'held').throwOnError();
  await ownerIs(server.admin.email);
  reader.abort();
  expect(await watched).toBe(0);
  expect(said.at(-1)).toContain('The run goes on without us');
  expect(await backend.lease('held')).toBeUndefined();
});
