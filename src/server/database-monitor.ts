import type { Database } from '../storage/database.ts';

/** What was last heard of the database. */
interface DatabaseState {
  readonly engine: Database['engine'];
  readonly ok: boolean;
  /** How long its last answer took, queue included. */
  readonly answeredInMs: number | null;
  readonly checkedAt: string | null;
  readonly problem: string | null;
}

export interface DatabaseMonitor {
  state(): DatabaseState;
  close(): void;
}

const checkEveryMs = 2_000;
/** An answer later than this is a database that does not answer. */
const slowAfterMs = 2_000;

/** Asks the database now and then how it is, so that nobody who wants to know has to wait for it. */
export function monitorDatabase(database: Database): DatabaseMonitor {
  let last: { readonly at: number; readonly tookMs: number; readonly problem: string | null } | undefined;
  let askedAt: number | undefined;

  const ask = async (): Promise<void> => {
    if (askedAt !== undefined) return;
    const started = Date.now();
    askedAt = started;
    try {
      await database.asOwner(async (transaction) => await transaction.query('select 1'), { timeoutMs: slowAfterMs });
      last = { at: Date.now(), tookMs: Date.now() - started, problem: null };
    } catch (error) {
      last = { at: Date.now(), tookMs: Date.now() - started, problem: error instanceof Error ? error.message : String(error) };
    } finally {
      askedAt = undefined;
    }
  };
  const timer = setInterval(() => void ask(), checkEveryMs);
  timer.unref();
  void ask();

  return {
    state: () => {
      const waitingMs = askedAt === undefined ? 0 : Date.now() - askedAt;
      const problem = waitingMs > slowAfterMs ? `no answer for ${Math.round(waitingMs / 1000)} s` : (last?.problem ?? null);
      return {
        engine: database.engine,
        ok: last !== undefined && problem === null,
        answeredInMs: last?.tookMs ?? null,
        checkedAt: last === undefined ? null : new Date(last.at).toISOString(),
        problem,
      };
    },
    close: () => clearInterval(timer),
  };
}
