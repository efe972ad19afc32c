import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Backend } from '../client/backend.ts';
import { connectBackend } from '../client/connect-backend.ts';
import { connectHolder } from '../client/connect-holder.ts';
import { startTestBackend } from '../server/testing.ts';
import type { TestBackend } from '../server/testing.ts';
import { lastLines } from './last-lines.ts';
import type { LastLines } from './last-lines.ts';

const LINES = 2_500;
const PAGE = 100;
const startMs = Date.parse('2026-01-01T00:00:00Z');

let server: TestBackend;
let backend: Backend;
const runId = randomUUID();

beforeAll(async () => {
  server = await startTestBackend();
  backend = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: server.admin });
  const holder = connectHolder({ url: server.url, secretKey: server.keys.secretKey });
  await holder.ingest({ run_id: runId, holder_id: 'test', run: { status: 'running', pipeline_key: 'long' } });
  for (let from = 1; from <= LINES; from += 500) await holder.ingest({ run_id: runId, holder_id: 'test', logs: Array.from({ length: 500 }, (_, i) => line(from + i)) });
  await holder.close();
}, 60_000);
afterAll(async () => {
  await backend.close();
  await server.stop();
});

/** Each a second after the one before. */
function line(number: number) {
  return {
    id: randomUUID(), test_run_id: runId, generation_id: null, step_key: null, step_number: null, parent_step_number: null, step_name: null,
    step_type: 'log' as const, log_level: 'info' as const, message: `line ${number}`, data: null, metadata: {}, execution_context: 'client' as const,
    function_name: null, file_path: null, line_number: null, duration_ms: null, timestamp: new Date(startMs + number * 1_000).toISOString(),
  };
}

/** The lines by number, and how many were read for them. */
async function read(wanted: Partial<LastLines>): Promise<{ readonly lines: readonly number[]; readonly read: number; readonly newestSeq: number }> {
  let count = 0;
  const counted: Pick<Backend, 'logs'> = {
    async logs(...asked) {
      const rows = await backend.logs(...asked);
      count += rows.length;
      return rows;
    },
  };
  const { rows, newestSeq } = await lastLines(counted, runId, { most: 3, sinceMs: -Infinity, passes: undefined, pageRows: PAGE, ...wanted }, new AbortController().signal);
  return { lines: rows.map(({ message }) => Number(message.slice('line '.length))), read: count, newestSeq };
}

it('reads of a long log no more than the last lines that are wanted', async () => {
  const all = await backend.logs(runId);
  const newestSeq = all.at(-1)!.seq;
  expect(await read({ most: 3 })).toEqual({ lines: [2_498, 2_499, 2_500], read: 3, newestSeq });
  // Who follows without stored lines has to know where the log ends.
  expect(await read({ most: 0 })).toEqual({ lines: [], read: 1, newestSeq });
  expect(await read({ most: 250 })).toMatchObject({ lines: Array.from({ length: 250 }, (_, i) => 2_251 + i), read: 250 });
});

it('reads back only until enough lines pass a filter, or to the first line of the log or of the time asked for', async () => {
  const passes = ({ message }: { readonly message: string }): boolean => message.endsWith('00');
  expect(await read({ most: 2, passes })).toMatchObject({ lines: [2_400, 2_500], read: 2 * PAGE });
  expect(await read({ most: 30, passes })).toMatchObject({ lines: Array.from({ length: 25 }, (_, i) => (i + 1) * 100), read: LINES });
  expect(await read({ most: 1_000, sinceMs: startMs + 2_499_000 })).toMatchObject({ lines: [2_499, 2_500], read: 2 * PAGE });
});

it('has the whole log from the end as from its beginning, in pages larger than an answer of the backend', async () => {
  const all = await backend.logs(runId);
  expect(all).toHaveLength(LINES);
  expect(await backend.logs(runId, { beforeSeq: Infinity })).toEqual(all);
  expect(await backend.logs(runId, { beforeSeq: all[2_000]!.seq, limit: 1_200 })).toEqual(all.slice(800, 2_000));
});
