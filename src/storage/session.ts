import { UserError } from '../protocol/error.ts';
import { DatabaseError, defaultTimeoutMs } from './database.ts';
import type { Claims, Database, QueryResult, Transaction, TransactionOptions } from './database.ts';
import { toParameter } from './values.ts';
import type { Parameter } from './values.ts';

/** One connection, taken out of a driver's queue or pool. */
export interface Connection {
  /** One statement, or several when there are no parameters; then the answer is the last one's. */
  run(text: string, parameters: readonly Parameter[] | undefined): Promise<QueryResult<never>>;
  /** Opens a transaction: as the owner, or under row-level security. */
  begin(claims: Claims | undefined): Promise<void>;
  /** Makes it ready for a caller that brings its own BEGIN. */
  lend(): Promise<void>;
  /** Rolls back what is open, takes back role and settings. */
  reset(): Promise<void>;
  /** Ends what is under way by force. The connection is only good for `release` afterwards. */
  interrupt(): Promise<void>;
  release(): void;
}

/** Where connections come from. `take` waits for its turn. */
export type TakeConnection = () => Promise<Connection>;

/** The settings in which both readers of claims, ours and Supabase's, look for them. */
export function claimSettings(claims: Claims): readonly (readonly [name: string, value: string])[] {
  return [
    ['role', claims.role],
    ['request.jwt.claims', JSON.stringify(claims)],
    ['request.jwt.claim.sub', claims.sub ?? ''],
    ['request.jwt.claim.role', claims.role],
    ['request.jwt.claim.email', typeof claims['email'] === 'string' ? claims['email'] : ''],
  ];
}

/** The transactional half of the port, over any driver's connections. */
export function sessionsOver(take: TakeConnection): Pick<Database, 'asOwner' | 'asUser' | 'acquire'> {
  async function transact<T>(
    claims: Claims | undefined,
    work: (transaction: Transaction) => Promise<T>,
    options: TransactionOptions = {},
  ): Promise<T> {
    const session = openSession(await take(), options);
    try {
      return await session.race(async () => {
        await session.connection.begin(claims);
        const result = await work(session.transaction);
        await session.connection.run('commit', undefined);
        return result;
      });
    } catch (error) {
      await session.reset();
      throw error;
    } finally {
      session.end();
    }
  }

  return {
    asOwner: (work, options) => transact(undefined, work, options),
    asUser: (claims, work, options) => transact(claims, work, options),

    async acquire(options = {}) {
      const session = openSession(await take(), options);
      try {
        await session.race(() => session.connection.lend());
      } catch (error) {
        await session.reset();
        session.end();
        throw error;
      }
      return {
        query: (text, parameters) => session.race(() => session.transaction.query(text, parameters)),
        async release() {
          if (session.isOver()) return;
          await session.reset();
          session.end();
        },
      };
    },
  };
}

/** A connection in use: a clock over it, and a handle that stops working when it is given back. */
function openSession(connection: Connection, { timeoutMs = defaultTimeoutMs }: TransactionOptions) {
  let over = false;
  let expired: UserError | undefined;
  let expire: (error: UserError) => void = () => {};
  const expiry = new Promise<never>((_, reject) => {
    expire = reject;
  });
  expiry.catch(() => {});
  let interrupted: Promise<void> | undefined;
  const clock = setTimeout(() => {
    expired = new UserError('timeout', `the database took longer than ${timeoutMs} ms and was stopped`, {
      hint: 'Ask for less at once',
    });
    interrupted = connection.interrupt().finally(end);
    expire(expired);
  }, timeoutMs);

  function end(): void {
    if (over) return;
    over = true;
    clearTimeout(clock);
    connection.release();
  }

  const transaction: Transaction = {
    async query(text, parameters) {
      if (expired) throw expired;
      if (over) throw new Error('a statement came after its transaction had ended');
      return connection.run(text, parameters?.map(toParameter));
    },
  };

  return {
    connection,
    transaction,
    end,
    isOver: () => over,
    race: <T>(work: () => Promise<T>): Promise<T> => Promise.race([work(), expiry]),
    /** Leaves the connection clean, or to the driver when it was taken by force. */
    async reset(): Promise<void> {
      if (interrupted) return interrupted;
      if (over) return;
      clearTimeout(clock);
      try {
        await connection.reset();
      } catch {
        await connection.interrupt();
      }
    },
  };
}

/** Postgres answers a COMMIT after a failed statement with a friendly ROLLBACK. */
export function assertCommitted(text: string, command: string | undefined): void {
  if (text === 'commit' && command === 'ROLLBACK') {
    throw new DatabaseError('the transaction had failed and was rolled back', { code: '25P02' });
  }
}

/** SQLSTATEs that tell of the server's state and not of the statement. */
export function translateSqlState(error: DatabaseError): UserError | DatabaseError {
  switch (error.code.startsWith('08') ? '08' : error.code) {
    case '57014':
      return new UserError('timeout', 'the database stopped a statement that took too long', {
        hint: 'Ask for less at once',
        cause: error,
      });
    case '53100':
      return noSpace(error);
    case '08':
    case '57P01':
    case '57P02':
    case '57P03':
    case '53300':
      return new UserError('unavailable', `the database cannot be reached now: ${error.message}`, {
        hint: 'Try again shortly',
        cause: error,
      });
    default:
      return error;
  }
}

/** Writing is refused; reading goes on. */
export function noSpace(cause?: unknown): UserError {
  return new UserError('no-space', 'the disk is nearly full, so nothing is written', {
    hint: 'Free some disk space; writing resumes by itself',
    cause,
  });
}
