import type { Database } from '../database.ts';
import type { Queue } from '../queue.ts';

/*
 * What a Postgres server does in the background and the embedded one does not do at all: checkpoints, so
 * that the log stays small and opening fast, and vacuum with statistics.
 */

const CHECKPOINT_BYTES = 64 * 1024 * 1024;
/** Transactions between two looks at the length of the log. */
const LOOK_EVERY = 32;
const VACUUM_EVERY_MS = 60_000;
const VACUUM_TIMEOUT_MS = 60_000;

/** As autovacuum has it: a fifth of the table, and not for a handful of rows. */
const TABLES_DUE = `
  select relid::regclass::text as name from pg_stat_user_tables
  where n_dead_tup > 1000 + 0.2 * n_live_tup
    or n_mod_since_analyze > 1000 + 0.1 * n_live_tup
    or n_ins_since_vacuum > 10000 + 0.2 * n_live_tup`;

/** Starts the work and answers with how it is told of transactions, and stopped. */
export function startHousekeeping(
  database: Pick<Database, 'asOwner' | 'acquire'>,
  queue: Queue,
): { noteTransaction(): void; stop(): void } {
  let transactions = 0;
  let looking = false;
  let checkpointAt = '0/0';

  /** Fails only with the database, and then somebody hears of it. */
  async function checkpointWhenDue(): Promise<void> {
    const connection = await database.acquire({ timeoutMs: VACUUM_TIMEOUT_MS });
    try {
      const { rows } = await connection.query<{ written: number; now: string }>(
        'select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1::pg_lsn) as written, pg_current_wal_insert_lsn()::text as now',
        [checkpointAt],
      );
      const { written, now } = rows[0]!;
      // The first look only learns where the log stands: it starts far from zero.
      if (checkpointAt !== '0/0' && written < CHECKPOINT_BYTES) return;
      await connection.query('checkpoint');
      checkpointAt = now;
    } finally {
      await connection.release();
    }
  }

  async function vacuumWhenDue(): Promise<void> {
    if (!queue.isIdle()) return;
    const due = await database.asOwner((transaction) => transaction.query<{ name: string }>(TABLES_DUE));
    for (const { name } of due.rows) {
      // Between two tables whoever waits has a turn.
      const connection = await database.acquire({ timeoutMs: VACUUM_TIMEOUT_MS });
      try {
        await connection.query(`vacuum (analyze) ${name}`);
      } finally {
        await connection.release();
      }
    }
  }

  const vacuum = setInterval(() => {
    vacuumWhenDue().catch(() => {});
  }, VACUUM_EVERY_MS);
  vacuum.unref();

  return {
    noteTransaction() {
      transactions += 1;
      if (looking || transactions < LOOK_EVERY) return;
      transactions = 0;
      looking = true;
      checkpointWhenDue()
        .catch(() => {})
        .finally(() => {
          looking = false;
        });
    },
    stop: () => clearInterval(vacuum),
  };
}
