import { Worker } from 'node:worker_threads';
import { UserError } from '../../protocol/error.ts';
import { unpackError } from './worker-protocol.ts';
import type { Message, Request, WorkerSettings, Work } from './worker-protocol.ts';

/** Enough for any JSON that the limits let through, many times over. */
const STACK_MB = 64;
/** Opening after a crash replays at most the log between two checkpoints. */
const OPEN_TIMEOUT_MS = 60_000;

/** One life of the worker thread. It ends by `close`, by `kill`, or by itself; then every call fails. */
export interface DatabaseThread {
  call(work: Work): Promise<unknown>;
  /** Ends the thread in the middle of whatever it does. Loses nothing that was committed. */
  kill(): Promise<void>;
  /** Resolves when the thread has ended, however it did. */
  readonly ended: Promise<void>;
}

/** Starts a thread over a database and waits until it is open. */
export async function startDatabaseThread(
  settings: WorkerSettings,
  onNotification: (channel: string, payload: string) => void,
): Promise<DatabaseThread> {
  const worker = new Worker(workerUrl(), {
    workerData: settings,
    resourceLimits: { stackSizeMb: STACK_MB },
    // The database says what it has to say in answers.
    stdout: true,
    stderr: true,
    execArgv: ['--no-warnings'],
  });
  const waiting = new Map<number, { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void }>();
  let nextId = 1;
  let over: Error | undefined;
  let failure: Error | undefined;
  let opened: () => void = () => {};
  const open = new Promise<void>((resolve) => {
    opened = resolve;
  });

  worker.on('message', (message: Message) => {
    switch (message.kind) {
      case 'open':
        return opened();
      case 'notification':
        return onNotification(message.channel, message.payload);
      case 'answer':
      case 'error': {
        const call = waiting.get(message.id);
        waiting.delete(message.id);
        if (message.kind === 'answer') call?.resolve(message.result);
        else call?.reject(unpackError(message.error));
      }
    }
  });
  worker.on('error', (error: Error) => {
    failure = error;
  });
  const ended = new Promise<void>((resolve) => {
    worker.on('exit', () => {
      over = new UserError('unavailable', 'the database stopped in the middle of its work and is being reopened', {
        hint: 'Try again; what was acknowledged is stored',
        cause: failure,
      });
      for (const call of waiting.values()) call.reject(over);
      waiting.clear();
      resolve();
    });
  });

  const kill = async (): Promise<void> => {
    await worker.terminate();
    await ended;
  };
  const tooLong = setTimeout(() => void kill(), OPEN_TIMEOUT_MS);
  await Promise.race([open, ended]);
  clearTimeout(tooLong);
  if (over) {
    throw new UserError('unavailable', `the database does not open: ${failure?.message ?? 'it took too long'}`, {
      hint: 'Move the data directory away to start with an empty one',
      cause: failure,
    });
  }

  return {
    call(work) {
      if (over) return Promise.reject(over);
      const request: Request = { ...work, id: nextId++ };
      return new Promise((resolve, reject) => {
        waiting.set(request.id, { resolve, reject });
        worker.postMessage(request);
      });
    },
    kill,
    ended,
  };
}

/** Sources run unbundled; in the bundle the worker is a file of its own. */
function workerUrl(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './database-worker.js', import.meta.url);
}
