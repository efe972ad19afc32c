import { startDatabaseThread } from './database-thread.ts';
import type { DatabaseThread } from './database-thread.ts';
import type { WorkerSettings } from './worker-protocol.ts';

/** Callbacks by channel. */
export type Listeners = ReadonlyMap<string, ReadonlySet<(payload: string) => void>>;

/** A database thread that is there again after it ended. */
export interface KeptThread {
  /** The thread that serves now, or will in a moment. After a reopening that failed, each call tries again. */
  get(): Promise<DatabaseThread>;
  /** Lets the thread finish, and does not bring it back. */
  close(): Promise<void>;
}

/** Opens the database, subscribed to what `listeners` names, and again whenever the thread ends. */
export async function keepThread(settings: WorkerSettings, listeners: Listeners, onReopen: () => void): Promise<KeptThread> {
  let closing = false;
  let current = start();
  await current;

  async function start(): Promise<DatabaseThread> {
    const thread = await startDatabaseThread(settings, (channel, payload) => {
      for (const callback of Array.from(listeners.get(channel) ?? [])) callback(payload);
    });
    for (const channel of listeners.keys()) await thread.call({ kind: 'listen', channel });
    void thread.ended.then(reopen);
    return thread;
  }

  async function reopen(): Promise<void> {
    if (closing) return;
    current = start();
    try {
      await current;
    } catch {
      // Whoever needs the database next tries again, and hears why it fails.
      return;
    }
    onReopen();
  }

  return {
    async get() {
      try {
        return await current;
      } catch {
        current = start();
        return current;
      }
    },

    async close() {
      closing = true;
      try {
        const thread = await current;
        await thread.call({ kind: 'close' });
        await thread.ended;
      } catch {
        // It is gone already; what was committed is on disk.
      }
    },
  };
}
