import type { Worker } from 'node:worker_threads';
import { endThread, startThread, untilReady } from './thread.ts';

/** Time a runner has to let steps under way end, give held runs away, cancel the others and say goodbye. */
const closeGraceMs = 12_000;
/** A runner that dies is started again after this, doubled up to the second each time it dies at once. */
const restartMs = { first: 250, longest: 30_000, healthyAfter: 60_000 } as const;

export interface RunnerOptions {
  readonly url: string;
  readonly secretKey: string;
  /** Pipeline files to register. */
  readonly files: readonly string[];
  /** Register the bundled pipelines too. */
  readonly bundled: boolean;
  readonly onNotice?: ((text: string) => void) | undefined;
}

export interface HostedRunner {
  /** Resolves with the keys of the pipelines it has registered. Rejects when a file cannot be loaded. */
  readonly ready: Promise<readonly string[]>;
  close(): Promise<void>;
}

interface ReadyMessage {
  readonly type: 'ready';
  readonly pipelines: readonly string[];
}

interface NoticeMessage {
  readonly type: 'notice';
  readonly message: string;
}

/** Keeps a runner thread going: one that crashes is started again, its runs having been stored as failed or interrupted. */
export function hostRunner(options: RunnerOptions): HostedRunner {
  let thread: Worker;
  let isClosing = false;
  let restart: NodeJS.Timeout | undefined;

  function start(delayMs: number): Promise<ReadyMessage> {
    const startedAt = Date.now();
    thread = startThread('runner', { url: options.url, secretKey: options.secretKey, files: options.files, bundled: options.bundled }, (line) => options.onNotice?.(line));
    const ready = untilReady<ReadyMessage>(thread, 'ready');
    thread.on('message', (message: NoticeMessage | { readonly type: undefined }) => {
      if (message.type === 'notice') options.onNotice?.(message.message);
    });
    let isUp = false;
    void ready.then(() => (isUp = true), () => {});
    let death: unknown;
    thread.on('error', (error) => (death = error));
    thread.once('exit', (code) => {
      // One that was never up is not started again: a wrong file, or a backend that is not there, stays so.
      if (isClosing || (!isUp && delayMs < restartMs.first)) return;
      const nextMs = Date.now() - startedAt > restartMs.healthyAfter ? restartMs.first : Math.min(delayMs * 2, restartMs.longest);
      options.onNotice?.(`the runner ended with ${death instanceof Error ? death.stack : `status ${code}`}; starting another in ${nextMs} ms`);
      restart = setTimeout(() => void start(nextMs).catch((error: unknown) => options.onNotice?.(`the runner did not start: ${String(error)}`)), nextMs);
    });
    return ready;
  }

  const ready = start(restartMs.first / 2).then(
    (message) => message.pipelines,
    async (error: unknown) => {
      // What cannot start the first time is a wrong file or a backend that is not there: trying again would hide it.
      isClosing = true;
      clearTimeout(restart);
      await thread.terminate();
      throw error;
    },
  );
  return {
    ready,
    async close() {
      isClosing = true;
      clearTimeout(restart);
      await endThread(thread, closeGraceMs);
    },
  };
}
