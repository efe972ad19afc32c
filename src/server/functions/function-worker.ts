import { registerHooks } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';
import type { FromFunction, FunctionCall, FunctionContext, FunctionTask, ToFunction } from './function-messages.ts';

/*
 * The thread of one function of somebody's: loads its file, and answers one request after the other.
 */

type Handler = (request: Request, context: FunctionContext) => Response | Promise<Response>;

const port = parentPort!;
const { path, secrets } = workerData as FunctionTask;
const say = (message: FromFunction): void => port.postMessage(message);

/** What `Deno.serve` was given, by functions that were written for hosted projects. */
let served: Handler | undefined;
const variable = (name: string): string | undefined => (Object.hasOwn(secrets, name) ? secrets[name] : process.env[name]);
Object.assign(globalThis, {
  Deno: {
    env: { get: variable },
    serve: (...given: readonly unknown[]) => void (served = given.find((one): one is Handler => typeof one === 'function')),
  },
});

const files: string[] = [];
registerHooks({
  resolve(specifier, context, nextResolve) {
    // `npm:@supabase/supabase-js@2` is how functions of hosted projects name a package.
    const bare = /^(?:npm|jsr):((?:@[\w.-]+\/)?[\w.-]+)/.exec(specifier)?.[1] ?? specifier;
    try {
      return nextResolve(bare, context);
    } catch (error) {
      // Ours where the function has none of its own.
      if (bare === '@supabase/supabase-js' || bare === 'zod') return nextResolve(bare, { ...context, parentURL: import.meta.url });
      throw error;
    }
  },
  load(url, context, nextLoad) {
    if (url.startsWith('file:') && !url.includes('/node_modules/')) files.push(fileURLToPath(url));
    return nextLoad(url, context);
  },
});

interface FunctionModule {
  readonly default?: unknown;
  readonly config?: { readonly verifyJwt?: unknown };
}

function handlerOf({ default: exported }: FunctionModule): Handler {
  if (served !== undefined) return served;
  if (typeof exported === 'function') return exported as Handler;
  const { fetch } = (exported ?? {}) as { readonly fetch?: unknown };
  if (typeof fetch === 'function') return fetch.bind(exported) as Handler;
  throw new TypeError(`${path} exports no function: write \`export default (request, context) => new Response('…')\``);
}

let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
let call = new AbortController();

async function answer(handler: Handler, { method, url, headers, body, context }: FunctionCall): Promise<void> {
  call = new AbortController();
  const request = new Request(url, {
    method,
    headers: headers.map(([name, value]) => [name, value]),
    body: body as Uint8Array<ArrayBuffer> | null,
    signal: call.signal,
  });
  const response = await handler(request, { ...context, secret });
  if (!(response instanceof Response)) throw new TypeError(`${path} answered with ${inspect(response).slice(0, 100)}, not with a Response`);
  reader = response.body?.getReader();
  say({ type: 'head', status: response.status, headers: [...response.headers], hasBody: reader !== undefined });
}

function secret(name: string): string {
  const value = variable(name);
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

async function pull(): Promise<void> {
  const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
  say(done ? { type: 'end' } : { type: 'chunk', bytes: value });
}

function failed(error: unknown): void {
  say({ type: 'failed', stack: inspect(error) });
}

const loaded = (await import(pathToFileURL(path).href)) as FunctionModule;
const handler = handlerOf(loaded);
say({ type: 'ready', files: [...new Set(files)], verifyJwt: loaded.config?.verifyJwt !== false });
port.on('message', (message: ToFunction) => {
  if (message.type === 'call') void answer(handler, message).catch(failed);
  else if (message.type === 'pull') void pull().catch(failed);
  else {
    call.abort();
    void reader?.cancel().catch(() => {});
  }
});
