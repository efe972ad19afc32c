import { performance } from 'node:perf_hooks';
import { WebSocket } from 'ws';
import { z } from 'zod';

/** What an address answers to a plain request, before anybody signs in. */
export interface AddressAnswer {
  readonly status: number;
  readonly tookMs: number;
  /** Does it speak as a Supabase-compatible backend? */
  readonly isBackend: boolean;
  /** How far the server's clock is ahead of ours, within a second; undefined when it does not tell its time. */
  readonly aheadMs: number | undefined;
  /** Its words, when it refused. */
  readonly message: string | undefined;
}

const healthPath = '/auth/v1/health';

/** Asks for the health of Auth, which every backend has and which takes a valid key. Rejects when nobody answers within `timeoutMs`. */
export async function probeAddress(
  { url, key }: { readonly url: string; readonly key: string },
  timeoutMs: number,
): Promise<AddressAnswer> {
  const started = performance.now();
  const answer = await fetch(`${url}${healthPath}`, { headers: { apikey: key }, signal: AbortSignal.timeout(timeoutMs) });
  const tookMs = performance.now() - started;
  const receivedAt = Date.now();
  const said = await words(answer);
  const serverTime = Date.parse(answer.headers.get('date') ?? '');
  return {
    status: answer.status,
    tookMs,
    isBackend: answer.ok ? said?.name === 'GoTrue' : said !== undefined,
    // The header has whole seconds: on average half of one has passed.
    aheadMs: Number.isNaN(serverTime) ? undefined : serverTime + 500 - (receivedAt - tookMs / 2),
    message: answer.ok ? undefined : (said?.message ?? said?.msg ?? answer.statusText),
  };
}

const Words = z.object({ name: z.string().optional(), message: z.string().optional(), msg: z.string().optional() });

async function words(answer: Response): Promise<z.infer<typeof Words> | undefined> {
  try {
    return Words.parse(await answer.json());
  } catch {
    return undefined;
  }
}

export type SocketAnswer =
  | { readonly opened: true; readonly tookMs: number }
  /** `status` when something answered with HTTP instead of a socket: a proxy that does not upgrade. */
  | { readonly opened: false; readonly status: number | undefined; readonly message: string };

/** Opens the socket that Realtime uses, and closes it again. */
export async function probeSocket({ url, key }: { readonly url: string; readonly key: string }, timeoutMs: number): Promise<SocketAnswer> {
  const address = `${url.replace(/^http/, 'ws')}/realtime/v1/websocket?apikey=${encodeURIComponent(key)}&vsn=1.0.0`;
  const started = performance.now();
  const socket = new WebSocket(address, { handshakeTimeout: timeoutMs });
  try {
    return await new Promise<SocketAnswer>((resolve) => {
      socket.once('open', () => resolve({ opened: true, tookMs: performance.now() - started }));
      socket.once('unexpected-response', (_, { statusCode, statusMessage }) =>
        resolve({ opened: false, status: statusCode, message: statusMessage ?? '' }),
      );
      socket.once('error', ({ message }) => resolve({ opened: false, status: undefined, message }));
    });
  } finally {
    socket.on('error', () => {});
    socket.terminate();
  }
}
