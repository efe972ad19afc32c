import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';
import type { Results } from '@electric-sql/pglite';
import type { QueryResult } from '../database.ts';
import { assertCommitted, claimSettings } from '../session.ts';
import { parsers, serializers } from '../values.ts';
import { durableFileSystem } from './durable-file-system.ts';
import { packError } from './worker-protocol.ts';
import type { Message, Request, WorkerSettings } from './worker-protocol.ts';

/*
 * The thread in which Postgres runs. It holds one connection, does one thing at a time in the order it is
 * asked, and knows nothing of queues, clocks and locks: `open-pglite.ts` has those. A statement blocks this
 * thread until it is done, so whoever wants to stop one terminates the thread.
 */

const port = parentPort!;
const { directory, durability } = workerData as WorkerSettings;

const durable = durability === 'power' ? durableFileSystem(directory) : undefined;

/** Without `-F`, which PGlite would give, and which turns fsync off. */
const startParams = [
  '--single',
  ...(durable ? [] : ['-F']),
  '-O',
  '-j',
  ...Object.entries({
    search_path: 'public',
    exit_on_error: 'false',
    log_checkpoints: 'false',
    max_worker_processes: '0',
    max_parallel_workers: '0',
    max_parallel_workers_per_gather: '0',
    max_parallel_maintenance_workers: '0',
    io_method: 'sync',
    // The fsync that PGlite's file system passes on; fdatasync it swallows.
    wal_sync_method: 'fsync',
    // Kept and reused, not made anew, between two checkpoints of ours.
    min_wal_size: '64MB',
    max_wal_size: '256MB',
    max_stack_depth: '2MB',
    TimeZone: 'UTC',
    DateStyle: 'ISO',
  }).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
];

const db = await PGlite.create({
  fs: durable?.fs ?? new NodeFS(directory),
  startParams,
  // Small segments: a prepared directory ships with some.
  initDbStartParams: ['--wal-segsize=4'],
  parsers,
  serializers,
});

db.onNotification((channel, payload) => send({ kind: 'notification', channel, payload }));
send({ kind: 'open' });

port.on('message', (request: Request) => {
  void answer(request);
});

async function answer(request: Request): Promise<void> {
  try {
    const result = await perform(request);
    send({ kind: 'answer', id: request.id, result });
    if (request.kind === 'close') port.close();
  } catch (error) {
    send({ kind: 'error', id: request.id, error: packError(error) });
  }
}

type Answer = Extract<Message, { kind: 'answer' }>['result'];

async function perform(request: Request): Promise<Answer> {
  switch (request.kind) {
    case 'run':
      if (request.parameters === undefined) {
        const last = (await db.exec(request.text)).at(-1);
        assertCommitted(request.text, last?.command);
        return toResult(last);
      }
      return toResult(await db.query(request.text, [...request.parameters]));
    case 'begin': {
      await db.exec(request.readOnly ? 'begin read only' : 'begin');
      if (!request.claims) return undefined;
      const settings = claimSettings(request.claims);
      const calls = settings.map((_, index) => `set_config($${2 * index + 1}, $${2 * index + 2}, true)`);
      await db.query(`select ${calls.join(', ')}`, settings.flat());
      return undefined;
    }
    case 'reset':
      await db.exec('rollback; reset role; reset all');
      return undefined;
    case 'listen':
      await db.exec(`listen "${request.channel}"`);
      return undefined;
    case 'unlisten':
      await db.exec(`unlisten "${request.channel}"`);
      return undefined;
    case 'stats':
      return { fsyncs: durable?.fsyncs() ?? 0 };
    case 'close':
      await db.exec('checkpoint');
      await db.close();
      return undefined;
  }
}

const writes = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE', 'COPY']);

/** @throws when Postgres said nothing at all, which is how PGlite ends a statement whose stack ran out. */
function toResult(results: Results | undefined): QueryResult<unknown> {
  if (results === undefined || (results.command === undefined && results.fields.length === 0 && results.rows.length === 0)) {
    throw new Error('the database did not answer a statement');
  }
  return { rows: results.rows, affectedRows: writes.has(results.command ?? '') ? (results.rowCount ?? 0) : 0 };
}

function send(message: Message): void {
  port.postMessage(message);
}
