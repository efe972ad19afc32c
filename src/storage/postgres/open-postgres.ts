import type postgres from 'postgres';
import { UserError } from '../../protocol/error.ts';
import type { Database, QueryResult, Transaction } from '../database.ts';
import { DatabaseError } from '../database.ts';
import { assertCommitted, claimSettings, sessionsOver, translateSqlState } from '../session.ts';
import type { Connection } from '../session.ts';
import { createPool } from './pool.ts';
import type { Link } from './pool.ts';

export interface PostgresOptions {
  /** `postgres://…`. The role must own the tables, or be allowed to make them. */
  readonly url: string;
  /** Connections at most, one more for LISTEN aside. */
  readonly maxConnections?: number | undefined;
}

const OLDEST_MAJOR = 15;
/** A connection that does not come back from a cancel by then is ended. */
const CANCEL_TIMEOUT_MS = 2_000;

/**
 * Opens a pool to a Postgres server. Lost connections are made again as they are needed; a listener hears
 * of it through `onReopen`.
 *
 * @throws UserError `unavailable` when the server does not answer, refuses us, or is older than Postgres 15.
 */
export async function openPostgres({ url, maxConnections = 10 }: PostgresOptions): Promise<Database> {
  const pool = createPool(url, maxConnections);
  const reopenCallbacks = new Set<() => void>();
  const sessions = sessionsOver(async () => {
    const { link, giveBack } = await pool.take();
    return connectionOver(link, giveBack);
  });
  let closing: Promise<void> | undefined;

  try {
    await sessions.asOwner(assertVersion);
  } catch (error) {
    await pool.close();
    throw error;
  }

  return {
    engine: 'postgres',
    ...sessions,

    async listen(channel, onPayload) {
      let heard = false;
      const subscription = await pool.listener
        .listen(channel, onPayload, () => {
          if (heard) for (const callback of Array.from(reopenCallbacks)) callback();
          heard = true;
        })
        .catch((error: unknown) => {
          throw translate(error);
        });
      return async () => {
        // The server forgets the channel anyway when it is away.
        await subscription.unlisten().catch(() => {});
      };
    },

    onReopen(callback) {
      reopenCallbacks.add(callback);
      return () => reopenCallbacks.delete(callback);
    },

    close() {
      closing ??= pool.close();
      return closing;
    },
  };
}

async function assertVersion(transaction: Transaction): Promise<void> {
  const { rows } = await transaction.query<{ major: number }>(`select current_setting('server_version_num')::int / 10000 as major`);
  const { major } = rows[0]!;
  if (major >= OLDEST_MAJOR) return;
  throw new UserError('unavailable', `the server is Postgres ${major}, and ${OLDEST_MAJOR} is the oldest that works`, {
    hint: 'Update the server, or leave --database-url out to use the embedded database',
  });
}

/** A connection's turn in the port's words. */
function connectionOver(link: Link, release: () => void): Connection {
  let running: postgres.PendingQuery<postgres.Row[]> | undefined;

  async function run(text: string, parameters?: readonly unknown[]): Promise<postgres.RowList<postgres.Row[]>> {
    // The library would connect anew, and run the rest of a transaction outside of it.
    if (link.isLost()) throw lost();
    const query: postgres.PendingQuery<postgres.Row[]> = link.sql.unsafe(text, parameters && ([...parameters] as never[]));
    running = parameters === undefined ? query.simple() : query;
    try {
      return lastOf(await running);
    } catch (error) {
      throw translate(error);
    } finally {
      running = undefined;
    }
  }

  return {
    async run(text, parameters) {
      const result = await run(text, parameters);
      assertCommitted(text, result.command);
      return toResult(result);
    },
    async begin(claims) {
      const settings = claims ? claimSettings(claims) : [];
      const calls = settings.map(([name, value]) => `set_config(${quote(name)}, ${quote(value)}, true)`);
      await run(`begin${calls.length > 0 ? `; select ${calls.join(', ')}` : ''}`);
    },
    async lend() {},
    async reset() {
      if (!link.isLost()) await run('rollback; reset role; reset all');
    },
    async interrupt() {
      const stuck = running;
      if (stuck) {
        stuck.cancel();
        const settled = stuck.then(
          () => true,
          () => true,
        );
        if (!(await Promise.race([settled, after(CANCEL_TIMEOUT_MS, false)]))) return link.discard();
      }
      try {
        await run('rollback; reset role; reset all');
      } catch {
        link.discard();
      }
    },
    release,
  };
}

function after<T>(ms: number, value: T): Promise<T> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms, value).unref();
  });
}

function lost(): UserError {
  return new UserError('unavailable', 'the connection to the database was lost', { hint: 'Try again; what was acknowledged is stored' });
}

/** Several statements have several answers. */
function lastOf(answer: unknown): postgres.RowList<postgres.Row[]> {
  const list = answer as postgres.RowList<postgres.Row[]> | postgres.RowList<postgres.Row[]>[];
  return 'command' in list ? list : list.at(-1)!;
}

const writes = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE', 'COPY']);

function toResult(result: postgres.RowList<postgres.Row[]>): QueryResult<never> {
  return { rows: [...result] as never[], affectedRows: writes.has(result.command) ? (result.count ?? 0) : 0 };
}

/** A literal that is safe whatever `standard_conforming_strings` says. */
function quote(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** What a driver or a server says, in the port's words. */
function translate(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, detail, hint, constraint_name: constraint } = error as Error & Record<string, string | undefined>;
  if (code === undefined) return error;
  if (/^(28|3D)/.test(code)) {
    return new UserError('unavailable', `the database refuses us: ${error.message}`, {
      hint: 'Check user, password and name in the database URL',
      cause: error,
    });
  }
  if (/^[0-9A-Z]{5}$/.test(code)) return translateSqlState(new DatabaseError(error.message, { code, detail, hint, constraint }));
  if (/^(CONNECT|E[A-Z]+$)/.test(code)) {
    return new UserError('unavailable', `the database does not answer: ${error.message}`, {
      hint: 'Check that the server runs and the database URL is right',
      cause: error,
    });
  }
  return error;
}
