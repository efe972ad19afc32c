import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PGlite } from '@electric-sql/pglite';
import { uuidv7 } from '../core/uuid.ts';
import type { Batch } from '../protocol/batch.ts';
import { startServer } from './bench-server.ts';
import type { Target } from './bench-server.ts';
import { median, percentile, reportFigures } from './bench-table.ts';

const root = join(import.meta.dirname, '../..');
const batchRows = 100;
const senders = 4;
const measuredMs = 6_000;
const pacedRate = 10_000;

/**
 * Log events by HTTP in batches of 100 from 4 senders, each acknowledged after its commit, with policies,
 * triggers and realtime on; against the bare driver putting the same rows into a table with the same
 * indexes and nothing else, in this process.
 */
export async function benchIngest(): Promise<boolean> {
  const home = mkdtempSync(join(tmpdir(), 'stepscope-bench-'));
  try {
    const ours: number[] = [];
    const bare: number[] = [];
    let acknowledgements: readonly number[] = [];
    const server = await startServer(join(home, 'served'));
    const peer = await openBare(join(home, 'bare'));
    try {
      // Interleaved, so that both see the machine in the same moods.
      for (let round = 0; round < 3; round++) {
        ours.push(await sendFlatOut(server));
        bare.push(await insertFlatOut(peer));
      }
      acknowledgements = await sendPaced(server);
    } finally {
      server.stop();
      await peer.close();
    }
    const rate = median(ours);
    return reportFigures([
      { what: 'bare PGlite, batches of 100', value: median(bare), unit: 'events/s' },
      { what: 'ingest by HTTP, flat out', value: rate, unit: 'events/s', bound: { kind: 'at least', value: 20_000 } },
      { what: 'ingest / bare', value: rate / median(bare), unit: 'x', bound: { kind: 'at least', value: 0.6 } },
      {
        what: `acknowledgement at ${pacedRate} events/s, p95`,
        value: percentile(acknowledgements, 0.95),
        unit: 'ms',
        bound: { kind: 'at most', value: 10 },
      },
    ]);
  } finally {
    rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

async function sendFlatOut(server: Target): Promise<number> {
  const until = performance.now() + measuredMs;
  const counts = await Promise.all(
    Array.from({ length: senders }, async () => {
      const nextBatch = batches();
      let sent = 0;
      while (performance.now() < until) {
        await ingest(server, nextBatch());
        sent += batchRows;
      }
      return sent;
    }),
  );
  return counts.reduce((sum, count) => sum + count) / (measuredMs / 1000);
}

async function sendPaced(server: Target): Promise<readonly number[]> {
  const times: number[] = [];
  const everyMs = (1000 * batchRows * senders) / pacedRate;
  await Promise.all(
    Array.from({ length: senders }, async (_, sender) => {
      const nextBatch = batches();
      const startedAt = performance.now() + (everyMs / senders) * sender;
      for (let due = startedAt; due < startedAt + measuredMs; due += everyMs) {
        await delay(Math.max(0, due - performance.now()));
        const sentAt = performance.now();
        await ingest(server, nextBatch());
        times.push(performance.now() - sentAt);
      }
    }),
  );
  return times;
}

async function ingest(server: Target, batch: Batch): Promise<void> {
  const answer = await fetch(`${server.url}/rest/v1/rpc/ingest`, {
    method: 'POST',
    headers: { apikey: server.key, 'content-type': 'application/json' },
    body: JSON.stringify({ batch }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`ingest answered ${answer.status}: ${text}`);
}

/** Batches of one run; the first brings the run itself. */
function batches(): () => Batch {
  const runId = newId();
  let count = 0;
  return () => ({
    run_id: runId,
    holder_id: `bench/${runId}`,
    ...(count++ === 0 ? { run: { test_run_id: runId, status: 'running' } } : {}),
    logs: Array.from({ length: batchRows }, (_, i) => logRow(runId, i)),
  });
}

function logRow(runId: string, i: number): NonNullable<Batch['logs']>[number] {
  return {
    id: newId(),
    test_run_id: runId,
    generation_id: null,
    step_key: 'call_edge_function.provider_api_call',
    step_number: 8,
    parent_step_number: null,
    step_name: 'Provider API call',
    step_type: 'log',
    log_level: i % 20 === 0 ? 'warn' : 'info',
    message: `polled the prediction, attempt ${i}`,
    data: { attempt: i, status: 'processing', etaMs: 1200 },
    metadata: {},
    execution_context: 'edge_function',
    function_name: 'generate-content',
    file_path: null,
    line_number: null,
    duration_ms: null,
    timestamp: new Date().toISOString(),
  };
}

async function openBare(directory: string): Promise<PGlite> {
  mkdirSync(directory);
  cpSync(join(root, 'dist/prepared-database/database'), join(directory, 'database'), { recursive: true });
  const { directories } = JSON.parse(readFileSync(join(root, 'dist/prepared-database/prepared.json'), 'utf8')) as { directories: string[] };
  for (const empty of directories) mkdirSync(join(directory, 'database', empty), { recursive: true });
  const database = await PGlite.create(join(directory, 'database'));
  await database.exec('create table bench_logs (like test_execution_logs including defaults including indexes)');
  return database;
}

let bareSeq = 0;

async function insertFlatOut(database: PGlite): Promise<number> {
  const until = performance.now() + measuredMs;
  const runId = newId();
  let stored = 0;
  while (performance.now() < until) {
    const rows = Array.from({ length: batchRows }, (_, i) => ({
      ...logRow(runId, i),
      seq: ++bareSeq,
      created_at: new Date().toISOString(),
    }));
    await database.query('insert into bench_logs select * from jsonb_populate_recordset(null::bench_logs, $1)', [JSON.stringify(rows)]);
    stored += batchRows;
  }
  return stored / (measuredMs / 1000);
}

function newId(): string {
  return uuidv7(Date.now(), crypto.getRandomValues(new Uint8Array(10)));
}
