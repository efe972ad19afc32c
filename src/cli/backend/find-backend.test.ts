import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { needBackend, writeStateFile } from './find-backend.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'stepscope-find-'));
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

it('tells a backend that is too slow from one that is not there', async () => {
  const slow = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(slow, 'listening');
  const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`;
  writeStateFile(dataDir, {
    version: 1, url, pid: process.pid, startedAt: '', engine: 'pglite', mode: 'serve', stepscope: '', schemaVersion: 1,
    publishableKey: '', secretKey: '', localUser: { email: '', password: '' },
  });
  const asked = async (): Promise<unknown> => await needBackend(dataDir, 'Start one.', 50).catch((error: unknown) => error);
  expect(await asked()).toMatchObject({
    code: 'unavailable',
    message: `process ${process.pid} serves ${dataDir} at ${url}, and does not answer within 0.05 s`,
    hint: expect.stringContaining(`kill ${process.pid}`),
  });
  slow.close();
  slow.closeAllConnections();
  await once(slow, 'close');
  expect(await asked()).toMatchObject({ message: `no backend is running on ${dataDir}`, hint: 'Start one.' });
});
