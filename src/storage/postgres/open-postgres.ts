import type postgres from 'postgres';
import { UserError } from '../../protocol/error.ts';
import type { Database, QueryResult, Transaction } from '../database.ts';
import { DatabaseError } from '../database.ts';
import { assertCommitted, claimSettings, sessionsOver, translateSqlState } from '../session.ts';
import type { Connection } from '../session.ts';
import { connectionLost, createPool } from './pool.ts';
import type { Link } from './pool.ts';

export interface PostgresOptions {
  /** `postgres://…`. The role must own the tables, or be allowed to make them. */
  readonly url: string;
  /** Connections at most, one more for LISTEN aside. */
  readonly maxConnections?: number | undefined;
}

const OLDEST_MAJOR = 15;
/** A connection that does not come back from a cancel or a rollback by then is ended. */
const CANCEL_TIMEOUT_MS = 2_000;

/**
 * Opens a pool to a Postgres server. Lost connections are made again as they are needed; a listener hears
 * of it through `onReopen`.
 *
 * @throws UserError `usage` when the URL is not one of Postgres.
 * @throws UserError `unavailable` when the server does not answer, refuses us, or is older than Postgres 15.
 */
export async function openPostgres({ url, maxConnections = 10 }: PostgresOptions): Promise<Database> {
  assertPostgresUrl(url);
  const pool = createPool(url, maxConnections);
  const reopenCallbacks = new Set<() => void>();
  const sessions = sessionsOver(async () => {
    const { link, giveBack } = await pool.take().catch((error: unknown) => {
      throw translate(error);
    });
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

/** Another protocol would be taken for Postgres and waited for. What the URL says stays unsaid: there is a password in it. */
function assertPostgresUrl(url: string): void {
  const protocol = /^[a-z][a-z\d+.-]*(?=:\/\/)/i.exec(url)?.[0].toLowerCase();
  if (protocol === 'postgres' || protocol === 'postgresql') return;
  throw new UserError('usage', `the database URL is not one of Postgres${protocol === undefined ? '' : `: it begins with ${protocol}://`}`, {
    hint: 'For example postgres://user:password@host:5432/database',
  });
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
    if (link.isLost()) throw connectionLost();
    const query: postgres.PendingQuery<postgres.Row[]> = link.sql.unsafe(text, parameters && ([...parameters] as never[]));
    running = parameters === undefined ? query.simple() : query;
    try {
      return lastOf(await link.untilLost(running));
    } catch (error) {
      const told = translate(error);
      if (told instanceof UserError && told.code === 'unavailable') link.discard('broken');
      throw told;
    } finally {
      running = undefined;
    }
  }

  async function clean(): Promise<void> {
    if (link.isLost()) return;
    const cleaning = run('rollback; reset role; reset all');
    if (await isSettledInTime(cleaning)) await cleaning;
    else link.discard('stuck');
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
    reset: clean,
    async interrupt() {
      const stuck = running;
      if (stuck) {
        cancel(stuck);
        if (!(await isSettledInTime(stuck))) return link.discard('stuck');
      }
      await clean().catch(() => link.discard('broken'));
    },
    release,
  };
}

/** The library lets nobody hear that a cancel failed, and the process would end by it. */
function cancel(query: postgres.PendingQuery<postgres.Row[]>): void {
  const { canceller } = query as unknown as { readonly canceller?: (query: unknown) => Promise<unknown> };
  canceller?.(query).catch(() => {});
}

/** The server ends what it was told to end within {@link CANCEL_TIMEOUT_MS}, or does not answer. */
async function isSettledInTime(work: Promise<unknown>): Promise<boolean> {
  let clock: NodeJS.Timeout | undefined;
  const tooLate = new Promise<boolean>((resolve) => {
    clock = setTimeout(resolve, CANCEL_TIMEOUT_MS, false);
  });
  const settled = work.then(
    () => true,
    () => true,
  );
  return await Promise.race([settled, tooLate]).finally(() => clearTimeout(clock));
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
  // Before SQLSTATEs, of which no class begins with E: EPIPE looks like one.
  if (/^(CONNECT|E[A-Z]+$)/.test(code)) {
    return new UserError('unavailable', `the database does not answer: ${error.message}`, {
      hint: 'Check that the server runs and the database URL is right',
      cause: error,
    });
  }
  if (/^[0-9A-Z]{5}$/.test(code)) return translateSqlState(new DatabaseError(error.message, { code, detail, hint, constraint }));
  return error;
}
