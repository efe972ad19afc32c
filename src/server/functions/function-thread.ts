import { stat } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import type { FromFunction, FunctionCall, FunctionTask, ToFunction } from './function-messages.ts';

/** Heap of one thread. */
const maxHeapMb = 128;
/** Time a file may take to load. */
const loadMs = 10_000;

/** Why a function gave no answer, or not all of it. */
export class FunctionFailure extends Error {
  override readonly name = 'FunctionFailure';
  readonly kind: 'threw' | 'died' | 'timeout' | 'not-loaded';

  constructor(kind: FunctionFailure['kind'], why: string) {
    super(why);
    this.kind = kind;
  }
}

/** Hears when all of an answer has gone, whether the thread can be used again, and what went wrong. */
type OnDone = (reusable: boolean, failure?: unknown) => void;

/** A thread that has loaded a function and answers one request at a time. */
export interface FunctionThread {
  readonly verifyJwt: boolean;
  /** Has one of its files changed since it was loaded? */
  isStale(): Promise<boolean>;
  /** Throws `FunctionFailure`, also while the body is read. */
  call(call: Omit<FunctionCall, 'type'>, timeoutMs: number, onDone: OnDone): Promise<Response>;
  end(): Promise<void>;
}

const entry = new URL(import.meta.url.endsWith('.ts') ? './function-worker.ts' : './function-worker.js', import.meta.url);

/** Throws `FunctionFailure` `not-loaded` for a file that cannot be loaded. */
export async function startFunctionThread(task: FunctionTask, print: (text: string) => void): Promise<FunctionThread> {
  const worker = new Worker(entry, {
    name: `function ${task.path}`,
    workerData: task,
    execArgv: ['--disable-warning=ExperimentalWarning', '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON'],
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
    stdout: true,
    stderr: true,
  });
  for (const stream of [worker.stdout, worker.stderr]) stream.on('data', (text: Buffer) => print(text.toString('utf8')));
  /** Who waits for the next message, if anybody does. */
  let waiting: { readonly resolve: (message: FromFunction) => void; readonly reject: (error: FunctionFailure) => void } | undefined;
  let death: FunctionFailure | undefined;
  const die = (why: string): void => {
    death ??= new FunctionFailure('died', why);
    waiting?.reject(death);
  };
  worker.on('message', (message: FromFunction) => waiting?.resolve(message));
  worker.on('error', (error) => die(error.stack ?? String(error)));
  worker.on('exit', (code) => die(`its thread ended with ${code}`));

  async function next(message: ToFunction | undefined, deadline: number): Promise<FromFunction> {
    if (death !== undefined) throw death;
    const { promise, resolve, reject } = Promise.withResolvers<FromFunction>();
    waiting = { resolve, reject };
    const timer = setTimeout(() => reject(new FunctionFailure('timeout', 'it took too long')), Math.max(0, deadline - Date.now()));
    if (message !== undefined) worker.postMessage(message);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      waiting = undefined;
    }
  }

  const end = async (): Promise<void> => void (await worker.terminate());
  const ready = await next(undefined, Date.now() + loadMs).catch(async (error: unknown) => {
    await end();
    throw new FunctionFailure('not-loaded', (error as Error).message);
  });
  if (ready.type !== 'ready') throw new FunctionFailure('not-loaded', `it said ${ready.type}`);
  const loadedAt = await timesOf(ready.files);

  async function call(request: Omit<FunctionCall, 'type'>, timeoutMs: number, onDone: OnDone): Promise<Response> {
    const deadline = Date.now() + timeoutMs;
    const ask = async (message: ToFunction): Promise<FromFunction> => {
      try {
        const answer = await next(message, deadline);
        if (answer.type !== 'failed') return answer;
        throw new FunctionFailure('threw', answer.stack);
      } catch (error) {
        // What threw may have left anything half done; a thread is quickly made.
        onDone(false, error);
        throw error;
      }
    };
    const head = await ask({ ...request, type: 'call' });
    if (head.type !== 'head') throw new FunctionFailure('died', `it said ${head.type}`);
    if (!head.hasBody || request.method === 'HEAD') {
      onDone(!head.hasBody);
      return new Response(null, { status: head.status, headers: head.headers.map(([name, value]) => [name, value]) });
    }
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const piece = await ask({ type: 'pull' });
          if (piece.type === 'chunk') return controller.enqueue(piece.bytes);
          controller.close();
          return onDone(true);
        },
        cancel() {
          worker.postMessage({ type: 'cancel' } satisfies ToFunction);
          onDone(false);
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(body, { status: head.status, headers: head.headers.map(([name, value]) => [name, value]) });
  }

  return { verifyJwt: ready.verifyJwt, call, end, isStale: async () => death !== undefined || (await timesOf(ready.files)) !== loadedAt };
}

async function timesOf(files: readonly string[]): Promise<string> {
  const times = files.map(
    async (file) =>
      await stat(file).then(
        ({ mtimeMs, size }) => `${mtimeMs}/${size}`,
        () => 'gone',
      ),
  );
  return (await Promise.all(times)).join();
}
