import type { Database } from '../storage/database.ts';

/** Another server may have so long for what only one does at a time. */
const patienceMs = 60_000;

/** Runs `work` while no other server on this database runs work of this name. The embedded database has one server. */
export async function oneServerAtATime<T>(database: Database, name: string, work: () => Promise<T>): Promise<T> {
  if (database.engine === 'pglite') return await work();
  return await database.asOwner(
    async (transaction) => {
      await transaction.query('select pg_advisory_xact_lock(hashtext($1))', [`stepscope.${name}`]);
      return await work();
    },
    { timeoutMs: patienceMs },
  );
}
