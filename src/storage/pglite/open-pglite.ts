import { existsSync } from 'node:fs';
import { UserError } from '../../protocol/error.ts';
import { limits } from '../../protocol/limits.ts';
import type { Database, QueryResult } from '../database.ts';
import { DatabaseError } from '../database.ts';
import { createQueue } from '../queue.ts';
import { noSpace, sessionsOver } from '../session.ts';
import type { Connection } from '../session.ts';
import {
  bundledPrepared,
  checkEngine,
  copyPrepared,
  databaseDirectory,
  finishNew,
  freeBytes,
  openDataDirectory,
  startNew,
} from './data-directory.ts';
import { startDatabaseThread } from './database-thread.ts';
import type { DatabaseThread } from './database-thread.ts';
import { lockDirectory } from './directory-lock.ts';
import { startHousekeeping } from './housekeeping.ts';
import { keepThread } from './keep-thread.ts';
import { compileWith } from './wasm-tiers.ts';
import type { Effort } from './wasm-tiers.ts';
import type { Durability, WorkerStats } from './worker-protocol.ts';

export interface PgliteOptions {
  /** Made when it is not there, with mode 0700. One process at a time has it. */
  readonly dataDir: string;
  /** `process` is faster and survives a killed process, but a power cut may destroy the whole database. */
  readonly durability?: Durability | undefined;
  /** A directory made by `prepareDataDirectory`, to start a new database from. The bundle brings one. */
  readonly preparedDirectory?: string | undefined;
  /** What a faster database is worth; `lasting` unless it is for a moment. The first that a process opens decides for all of it. */
  readonly effort?: Effort | undefined;
  /** How much may still be written; the file system is asked when this is left out. */
  readonly freeBytes?: (() => number) | undefined;
}

/** The embedded database, with what only it can tell. */
export interface PgliteDatabase extends Database {
  readonly engine: 'pglite';
  stats(): Promise<WorkerStats>;
}

/**
 * Opens the database in a data directory, making one when there is none.
 *
 * Postgres runs in a thread of its own and has one connection, so everything passes one queue. A statement
 * over its time ends the thread; the database is reopened in under a second, with what was committed.
 *
 * @throws UserError `unavailable` when the directory is in use, cannot be written, or belongs to another engine.
 */
export async function openPglite(options: PgliteOptions): Promise<PgliteDatabase> {
  const { dataDir, durability = 'power', preparedDirectory = bundledPrepared(), effort = 'lasting' } = options;
  compileWith(effort);
  openDataDirectory(dataDir);
  const lock = await lockDirectory(dataDir);
  try {
    checkEngine(dataDir);
    if (!existsSync(databaseDirectory(dataDir)) && !(await copyPrepared(dataDir, preparedDirectory, durability))) {
      await initialise(dataDir, durability);
    }
    return await serve(dataDir, durability, lowSpaceGuard(options.freeBytes ?? (() => freeBytes(dataDir))), () => lock.release());
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** initdb, under another name until it is whole. */
async function initialise(dataDir: string, durability: Durability): Promise<void> {
  const thread = await startDatabaseThread({ directory: startNew(dataDir), durability: 'process' }, () => {});
  await thread.call({ kind: 'close' });
  await thread.ended;
  await finishNew(dataDir, durability);
}

async function serve(dataDir: string, durability: Durability, isSpaceLow: () => boolean, onClosed: () => void): Promise<PgliteDatabase> {
  const queue = createQueue();
  const listeners = new Map<string, Set<(payload: string) => void>>();
  const reopenCallbacks = new Set<() => void>();
  let closing: Promise<void> | undefined;

  const kept = await keepThread({ directory: databaseDirectory(dataDir), durability }, listeners, () => {
    for (const callback of Array.from(reopenCallbacks)) callback();
  });

  async function take(): Promise<Connection> {
    const leave = await queue.enter();
    try {
      if (closing) throw closed();
      const connection = connectionTo(await kept.get(), isSpaceLow);
      return {
        ...connection,
        release() {
          housekeeping.noteTransaction();
          leave();
        },
      };
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** Something outside of any transaction. */
  async function inTurn(work: (thread: DatabaseThread) => Promise<unknown>): Promise<unknown> {
    const leave = await queue.enter();
    try {
      if (closing) throw closed();
      return await work(await kept.get());
    } finally {
      leave();
    }
  }

  const sessions = sessionsOver(take);
  const housekeeping = startHousekeeping(sessions, queue);

  async function shutDown(): Promise<void> {
    housekeeping.stop();
    const leave = await queue.enter();
    await kept.close();
    leave();
    onClosed();
  }

  return {
    engine: 'pglite',
    ...sessions,

    async listen(channel, onPayload) {
      const callbacks = listeners.get(channel) ?? new Set();
      listeners.set(channel, callbacks);
      callbacks.add(onPayload);
      if (callbacks.size === 1) await inTurn((thread) => thread.call({ kind: 'listen', channel }));
      return async () => {
        callbacks.delete(onPayload);
        if (callbacks.size > 0 || listeners.get(channel) !== callbacks) return;
        listeners.delete(channel);
        if (!closing) await inTurn((thread) => thread.call({ kind: 'unlisten', channel }));
      };
    },

    onReopen(callback) {
      reopenCallbacks.add(callback);
      return () => reopenCallbacks.delete(callback);
    },

    stats: () => inTurn((thread) => thread.call({ kind: 'stats' })) as Promise<WorkerStats>,

    close() {
      closing ??= shutDown();
      return closing;
    },
  };
}

/** A turn on the one connection. */
function connectionTo(thread: DatabaseThread, isSpaceLow: () => boolean): Omit<Connection, 'release'> {
  let isReadOnly = false;
  let isRunning = false;

  return {
    async run(text, parameters) {
      isRunning = true;
      try {
        return (await thread.call({ kind: 'run', text, parameters })) as QueryResult<never>;
      } catch (error) {
        throw isReadOnly && error instanceof DatabaseError && error.code === '25006' ? noSpace(error) : error;
      } finally {
        isRunning = false;
      }
    },

    async begin(claims) {
      // The owner may write all the same: cleaning up is writing.
      isReadOnly = claims !== undefined && isSpaceLow();
      await thread.call({ kind: 'begin', claims, readOnly: isReadOnly });
    },

    async lend() {
      isReadOnly = isSpaceLow();
      if (isReadOnly) await thread.call({ kind: 'run', text: 'set default_transaction_read_only = on', parameters: undefined });
    },

    async reset() {
      await thread.call({ kind: 'reset' });
    },

    async interrupt() {
      if (isRunning) await thread.kill();
      else await thread.call({ kind: 'reset' });
    },
  };
}

function closed(): UserError {
  return new UserError('unavailable', 'the database has been closed', { hint: 'Start the backend again' });
}

/** Asks the file system at most twice a second. */
function lowSpaceGuard(freeBytesNow: () => number): () => boolean {
  let isLow = false;
  let askedAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (now - askedAt > 500) {
      askedAt = now;
      isLow = freeBytesNow() < limits.minFreeBytes;
    }
    return isLow;
  };
}
