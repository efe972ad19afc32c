import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { Database } from '../storage/database.ts';
import { startTestBackend, type TestBackend } from './testing.ts';

let backend: TestBackend;
beforeAll(async () => {
  backend = await startTestBackend();
});
afterAll(async () => await backend.stop());

/** As a writer with a database of its own would: rows come while the server is down, too. */
async function write(database: Database, run: string, from: number, count: number): Promise<void> {
  await database.asOwner(async (transaction) => {
    await transaction.query(
      `insert into test_execution_logs (test_run_id, message) select $1, 'line ' || n from generate_series($2::int, $3::int) as n`,
      [run, from, from + count - 1],
    );
  });
}

it('a program that follows a run with supabase-js receives each row once and in order through restarts of the server', async () => {
  const { database } = backend;
  await database.asOwner(
    async (transaction) => await transaction.query(`insert into test_execution_runs (test_run_id) values ('followed')`),
  );
  await write(database, 'followed', 1, 50);

  const follower = spawn(
    process.execPath,
    [new URL('testing-follower.ts', import.meta.url).pathname, backend.url, backend.keys.secretKey, 'followed'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const received: string[] = [];
  createInterface({ input: follower.stdout }).on('line', (line) => received.push((JSON.parse(line) as [number, string])[1]));
  try {
    await vi.waitFor(() => expect(received).toHaveLength(50), { timeout: 10_000 });
    let written = 50;
    for (let round = 0; round < 3; round += 1) {
      for (let batch = 0; batch < 10; batch += 1) {
        await write(database, 'followed', written + 1, 3);
        written += 3;
      }
      // The first of these race with the server's end, the others come while nobody is there.
      const next = written + 1;
      await Promise.all([
        backend.restart(async () => await write(database, 'followed', next + 10, 10)),
        write(database, 'followed', next, 10),
      ]);
      written += 20;
      await write(database, 'followed', written + 1, 5);
      written += 5;
      // Before the next restart it has found its way back.
      await vi.waitFor(() => expect(received.length).toBeGreaterThanOrEqual(written), { timeout: 15_000 });
    }
    expect(received).toEqual(Array.from({ length: written }, (_, at) => `line ${at + 1}`));
  } finally {
    follower.kill();
  }
}, 60_000);
