import { limits } from '../protocol/limits.ts';
import type { Database } from '../storage/database.ts';
import { reportBug } from './bug-report.ts';

export interface Housekeeping {
  /** Runs that somebody executes or holds right now. */
  activeRuns(): Promise<number>;
  close(): void;
}

const everyMs = 5_000;

/**
 * What nobody asks for but must happen: runs whose holder is gone become `interrupted`, commands that nobody
 * took in time are refused, what was deleted is forgotten, and what is left of imports that ended half-way is taken
 * away. `ownHolders` are gone from the start: their process was the one before us.
 */
export function keepHouse(database: Database, ownHolders?: string): Housekeeping {
  let busy = false;

  async function tidy(maxAgeMs: number, prefix: string | null): Promise<void> {
    if (busy) return;
    busy = true;
    try {
      const age = `${maxAgeMs} milliseconds`;
      await database.asOwner(
        async (transaction) => await transaction.query('select public.interrupt_lost_runs($1::interval, $2::text)', [age, prefix]),
      );
      await database.asOwner(async (transaction) => await transaction.query('select stepscope.forget_deleted_rows()'));
      await database.asOwner(async (transaction) => await transaction.query('select stepscope.forget_unfinished_imports()'));
    } catch (error) {
      reportBug('housekeeping failed and will be tried again', error);
    } finally {
      busy = false;
    }
  }

  if (ownHolders !== undefined) void tidy(0, ownHolders);
  const timer = setInterval(() => void tidy(limits.heartbeatExpiryMs, null), everyMs);
  timer.unref();

  return {
    activeRuns: async () =>
      await database.asOwner(async (transaction) => {
        const { rows } = await transaction.query<{ count: number }>(
          `select count(*)::int as count from public.test_execution_runs where status in ('running', 'paused', 'pending')`,
        );
        return rows[0]!.count;
      }),
    close: () => clearInterval(timer),
  };
}
