import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import { UserError } from '../../protocol/error.ts';
import type { ErrorCode } from '../../protocol/error.ts';

/** Where the threads of the backend start: sources in a checkout, their bundles in `dist/`. */
const entries = {
  server: ['../../server/worker.ts', './server-worker.js'],
  runner: ['../../runner/worker.ts', './runner-worker.js'],
} as const;

/** How a thread says that it could not start. */
export interface FailedMessage {
  readonly type: 'failed';
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** Starts a thread. What it prints is no result of ours: it comes to `onLine`, and never to standard output. */
export function startThread(name: keyof typeof entries, workerData: unknown, onLine: (line: string) => void): Worker {
  const [source, bundled] = entries[name];
  const entry = new URL(import.meta.url.endsWith('.ts') ? source : bundled, import.meta.url);
  const thread = new Worker(entry, { name, workerData, stdout: true, stderr: true });
  for (const output of [thread.stdout, thread.stderr]) {
    createInterface({ input: output }).on('line', onLine);
  }
  return thread;
}

/**
 * Resolves with the first message of the type that says the thread is up. Rejects with the thread's own
 * words when it says `failed`, and with what it died of when it ends before.
 */
export function untilReady<Ready extends { readonly type: string }>(thread: Worker, type: Ready['type']): Promise<Ready> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      thread.off('message', onMessage).off('error', onError).off('exit', onExit);
      act();
    };
    const onMessage = (message: Ready | FailedMessage): void => {
      if (isFailed(message)) settle(() => reject(new UserError(message.code, message.message, { hint: message.hint })));
      else if (message.type === type) settle(() => resolve(message));
    };
    const onError = (error: unknown): void => settle(() => reject(error instanceof Error ? error : new Error(String(error))));
    const onExit = (code: number): void => settle(() => reject(new Error(`the ${thread.threadName ?? 'backend'} thread ended with ${code} while starting`)));
    thread.on('message', onMessage).on('error', onError).on('exit', onExit);
  });
}

function isFailed(message: { readonly type: string }): message is FailedMessage {
  return message.type === 'failed';
}

/** Asks a thread to end in order, and ends it when it has not after `graceMs`. */
export async function endThread(thread: Worker, graceMs: number): Promise<void> {
  if (thread.threadId === -1) return;
  const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
  thread.postMessage({ type: 'close' });
  const timer = setTimeout(() => void thread.terminate(), graceMs);
  await ended;
  clearTimeout(timer);
}
