import { AsyncLocalStorage } from 'node:async_hooks';
import { UserError } from '../protocol/error.ts';
import type { Database, Transaction } from '../storage/database.ts';

/*
 * Auth and Storage answer every failure of the database with a 500 of their own. So the database they are
 * given notes, for the request at hand, that it could not do its part: then that is the answer.
 */

const request = new AsyncLocalStorage<{ failure?: UserError }>();

/** Runs one request and tells beside its answer whether the database failed it. */
export async function notingFailures<T>(work: () => Promise<T>): Promise<{ readonly answer: T; readonly failure: UserError | undefined }> {
  const notes: { failure?: UserError } = {};
  return { answer: await request.run(notes, work), failure: notes.failure };
}

/** The same database, whose failures {@link notingFailures} tells of. What a statement does wrong is none of them. */
export function withNotes(database: Database): Database {
  async function noting<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      const notes = request.getStore();
      if (notes !== undefined && error instanceof UserError && ['unavailable', 'timeout', 'no-space'].includes(error.code))
        notes.failure = error;
      throw error;
    }
  }
  const noted = (transaction: Transaction): Transaction => ({
    query: async (text, parameters) => await noting(transaction.query(text, parameters)),
  });
  return {
    ...database,
    asOwner: async (work, options) => await noting(database.asOwner(async (transaction) => await work(noted(transaction)), options)),
    asUser: async (claims, work, options) =>
      await noting(database.asUser(claims, async (transaction) => await work(noted(transaction)), options)),
    async acquire(options) {
      const connection = await noting(database.acquire(options));
      return { ...noted(connection), release: async () => await connection.release() };
    },
  };
}
