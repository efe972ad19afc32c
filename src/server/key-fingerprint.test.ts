import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestDatabase } from '../storage/testing.ts';
import { openTestDatabase } from '../storage/testing.ts';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Worker } from 'node:worker_threads';
import { agreeOnKeys } from './key-fingerprint.ts';
import { createKeys } from './keys.ts';

let opened: TestDatabase;
const home = mkdtempSync(`${tmpdir()}/stepscope-keys-`);
beforeAll(async () => {
  opened = await openTestDatabase('postgres');
}, 60_000);
afterAll(async () => {
  await opened.close();
  rmSync(home, { recursive: true, force: true });
});

it('a server with other keys is refused before it changes the schema', { timeout: 60_000 }, async () => {
  const { database, url: databaseUrl } = opened;
  await agreeOnKeys(database, createKeys());
  // As the database of an older stepscope is: there would be something to apply.
  await database.asOwner((transaction) => transaction.query('drop function public.get_test_run_summary; delete from stepscope.stepscope_migrations where version > 5'));
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: { dataDir: home, databaseUrl, keys: { ...createKeys() }, host: '127.0.0.1', port: 0, mode: 'serve' },
  });
  const [said] = (await once(worker, 'message')) as [object];
  expect(said).toMatchObject({ type: 'failed', code: 'conflict', message: expect.stringContaining('served with other keys') });
  await worker.terminate();
});
