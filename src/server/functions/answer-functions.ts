import { realpath, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, sep } from 'node:path';
import { UserError } from '../../protocol/error.ts';
import type { Claims } from '../../storage/database.ts';
import type { BackendKeys } from '../keys.ts';
import { readBody } from '../request-body.ts';
import { errorResponse, type RestError } from '../rest-error.ts';
import { FunctionFailure, startFunctionThread, type FunctionThread } from './function-thread.ts';

export interface FunctionsOptions {
  /** Where functions lie, `<name>.ts` or `<name>/index.ts`, or `.js`; without one there are none. */
  readonly directory: string | undefined;
  readonly keys: BackendKeys;
  /** Where this server is reached from this machine. */
  readonly url: () => string;
  readonly timeoutMs?: number | undefined;
  /** Hears what functions print, and why they fail. */
  readonly print: (text: string) => void;
}

export interface Functions {
  /** Answers `/functions/v1/<name>`. `identify` throws for credentials that are no good, and is asked unless the function wants everybody. */
  answer(request: Request, url: URL, identify: () => Promise<Caller>): Promise<Response>;
  close(): Promise<void>;
}

export interface Caller {
  readonly claims: Claims;
  /** What the caller came with, a token or a key. */
  readonly credential: string;
}

export const functionsPath = '/functions/v1/';

/** Time for a whole answer. */
const defaultTimeoutMs = 60_000;
const maxBodyBytes = 6 * 1024 * 1024;
/** Threads at a time, working or waiting for their next request: more than the processor has cores only take them from the server. */
const maxThreads = Math.max(2, availableParallelism());
/** Threads of one function, which must leave others some. */
const maxThreadsOfOne = Math.floor(maxThreads / 2);
/** Requests that wait for one. */
const maxWaiting = 64;
/** How long they do. */
const maxWaitMs = 5_000;

interface Slot {
  readonly path: string;
  readonly thread: Promise<FunctionThread>;
  busy: boolean;
}

/** Throws `UserError` `usage` for what is no folder. */
export async function checkFunctionsFolder(directory: string | undefined): Promise<void> {
  const isFolder =
    directory === undefined ||
    (await stat(directory).then(
      (found) => found.isDirectory(),
      () => false,
    ));
  if (!isFolder)
    throw new UserError('usage', `${directory} is no folder of functions`, {
      hint: 'Make it, with a file such as hello.ts: export default () => new Response("hello")',
    });
}

/** Runs functions of the server's owner, each request in a thread that answers nothing else meanwhile. */
export function createFunctions(options: FunctionsOptions): Functions {
  const { keys, print, timeoutMs = defaultTimeoutMs } = options;
  /** The last used stand last. */
  const slots: Slot[] = [];
  /** Each looks again when it is called, in the order in which they came. */
  const waiting = new Set<() => void>();
  const secrets = (): Record<string, string> => ({
    SUPABASE_URL: options.url(),
    SUPABASE_ANON_KEY: keys.publishableKey,
    SUPABASE_PUBLISHABLE_KEY: keys.publishableKey,
    SUPABASE_SERVICE_ROLE_KEY: keys.secretKey,
    SUPABASE_SECRET_KEY: keys.secretKey,
  });

  /** A thread that is free for this request alone, or undefined when too many wait for one, or this has waited too long. */
  async function take(path: string, deadline = Date.now() + maxWaitMs): Promise<Slot | undefined> {
    for (const slot of slots.filter((one) => one.path === path && !one.busy)) {
      slot.busy = true;
      const isStale = await slot.thread.then(
        async (thread) => await thread.isStale(),
        () => true,
      );
      if (!isStale) return slot;
      drop(slot);
    }
    const isFull = slots.filter((one) => one.path === path).length >= maxThreadsOfOne;
    const idle = slots.length < maxThreads ? undefined : slots.find((one) => !one.busy);
    if (isFull || (slots.length >= maxThreads && idle === undefined)) {
      return (await waitUntil(deadline)) ? await take(path, deadline) : undefined;
    }
    if (idle !== undefined) drop(idle);
    const slot: Slot = { path, busy: true, thread: startFunctionThread({ path, secrets: secrets() }, print) };
    slots.push(slot);
    return slot;
  }

  /** Waits for any thread to become free. False when none did, or too many wait. */
  async function waitUntil(deadline: number): Promise<boolean> {
    if (waiting.size >= maxWaiting) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const look = (): void => resolve(true);
    const timer = setTimeout(() => resolve(false), Math.max(0, deadline - Date.now()));
    waiting.add(look);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      waiting.delete(look);
    }
  }

  /** All look, because the first may be one whose function has as many threads as it may have. */
  function wake(): void {
    for (const look of waiting) look();
  }

  function drop(slot: Slot): void {
    const at = slots.indexOf(slot);
    if (at !== -1) slots.splice(at, 1);
    wake();
    void slot.thread.then(async (thread) => await thread.end()).catch(() => {});
  }

  function release(slot: Slot, reusable: boolean): void {
    if (!reusable) return drop(slot);
    slot.busy = false;
    const at = slots.indexOf(slot);
    if (at !== -1) slots.push(...slots.splice(at, 1));
    wake();
  }

  async function callerOf(thread: FunctionThread, identify: () => Promise<Caller>): Promise<Caller> {
    const nobody: Caller = { claims: { role: 'anon' }, credential: keys.publishableKey };
    return thread.verifyJwt ? await identify() : await identify().catch(() => nobody);
  }

  async function run(name: string, path: string, request: Request, url: URL, identify: () => Promise<Caller>): Promise<Response> {
    const slot = await take(path);
    if (slot === undefined)
      return relayError({ status: 503, code: 'WORKER_LIMIT', message: 'too many requests wait for functions; try again shortly' });
    let answered = false;
    try {
      const thread = await slot.thread;
      const { claims, credential } = await callerOf(thread, identify);
      const body = await readBody(request, maxBodyBytes, undefined);
      const context = { claims, url: options.url(), publishableKey: keys.publishableKey, authorization: `Bearer ${credential}` };
      const call = { method: request.method, url: url.href, headers: [...request.headers], body, context };
      answered = true;
      const response = await thread.call(call, timeoutMs, (reusable, failure) => {
        if (failure !== undefined) print(`the function ${name} failed: ${(failure as Error).message}`);
        release(slot, reusable);
      });
      return withOwnHeaders(response);
    } catch (error) {
      if (!(error instanceof FunctionFailure)) {
        if (!answered) release(slot, true);
        throw error;
      }
      if (!answered) print(`the function ${name} failed: ${error.message}`);
      drop(slot);
      return describe(name, error);
    }
  }

  return {
    async answer(request, url, identify) {
      const [, name] = /^\/functions\/v1\/([A-Za-z0-9][\w-]{0,62})(?:\/|$)/.exec(url.pathname) ?? [];
      const path = name === undefined || options.directory === undefined ? undefined : await fileOf(options.directory, name);
      if (name === undefined || path === undefined) {
        await identify();
        return errorResponse({
          status: 404,
          code: 'NOT_FOUND',
          message: 'Requested function was not found',
          hint: 'Functions lie in the folder given with --functions',
        });
      }
      return await run(name, path, request, url, identify);
    },
    async close() {
      await Promise.all(
        slots.splice(0).map(
          async ({ thread }) =>
            await thread.then(
              async (started) => await started.end(),
              () => {},
            ),
        ),
      );
    },
  };
}

/** The file of a function, which lies in the folder and not where a link leads out of it. */
async function fileOf(directory: string, name: string): Promise<string | undefined> {
  const root = await realpath(directory).catch(() => undefined);
  if (root === undefined) return undefined;
  for (const file of [`${name}.ts`, `${name}.js`, `${name}.mjs`, join(name, 'index.ts'), join(name, 'index.js')]) {
    const path = await realpath(join(root, file)).catch(() => undefined);
    if (path?.startsWith(root + sep) === true) return path;
  }
  return undefined;
}

/** What belongs to a connection or to the bytes on it is ours to say. */
const notTheirs = [
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'content-encoding',
  'upgrade',
  'trailer',
  'x-relay-error',
];

function withOwnHeaders(response: Response): Response {
  for (const name of notTheirs) response.headers.delete(name);
  if (!response.headers.has('access-control-allow-origin')) response.headers.set('access-control-allow-origin', '*');
  return response;
}

const answers: Readonly<Record<FunctionFailure['kind'], RestError>> = {
  threw: { status: 500, code: 'WORKER_ERROR', message: 'the function failed' },
  died: { status: 502, code: 'WORKER_ERROR', message: 'the function ended before it answered' },
  timeout: { status: 504, code: 'WORKER_TIMEOUT', message: 'the function took too long' },
  'not-loaded': { status: 502, code: 'BOOT_ERROR', message: 'the function could not be loaded' },
};

function describe(name: string, { kind }: FunctionFailure): Response {
  const error = { ...answers[kind], hint: 'The log of the server says why', details: name };
  return kind === 'threw' ? errorResponse(error) : relayError(error);
}

/** By this header supabase-js tells that not the function answered, but we. */
function relayError(error: RestError): Response {
  const response = errorResponse(error, error.status === 503 ? 1 : undefined);
  response.headers.set('x-relay-error', 'true');
  return response;
}
