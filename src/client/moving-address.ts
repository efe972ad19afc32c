import { WebSocket } from 'ws';

/** Where a backend is, and the key that says whom we act as. */
export interface Address {
  readonly url: string;
  readonly key: string;
}

/** Looks where the backend is by now; undefined while none is there. */
export type FindAgain = () => Promise<Address | undefined>;

/** The two ways of a client to its backend, both of which go where it is now. */
export interface MovingAddress {
  readonly now: Address;
  /** Put around a fetch. */
  fetch(this: void, send: typeof fetch): typeof fetch;
  readonly Socket: typeof WebSocket;
}

/**
 * The address of a backend that may come back elsewhere: on another port, with another key. What fails on the way to
 * it makes us look again, and what is sent afterwards goes there. A client keeps its channels, and all it knows.
 *
 * A request that failed is sent once more when it surely did not arrive or only reads. `onMoved` hears of every move.
 */
export function movingAddress(first: Address, findAgain: FindAgain, onMoved: (to: Address, from: Address) => void): MovingAddress {
  let now = first;
  let looking: Promise<void> | undefined;

  const lookAgain = (): Promise<void> =>
    (looking ??= findAgain()
      .then((found) => {
        if (found === undefined || (found.url === now.url && found.key === now.key)) return;
        const from = now;
        now = found;
        onMoved(found, from);
      }, () => undefined)
      .finally(() => (looking = undefined)));

  const moved = (address: string): string => {
    const there = new URL(address);
    const base = new URL(now.url);
    there.protocol = there.protocol.startsWith('ws') ? base.protocol.replace('http', 'ws') : base.protocol;
    there.host = base.host;
    if (there.searchParams.get('apikey') === first.key) there.searchParams.set('apikey', now.key);
    return there.href;
  };

  const wrapped = (send: typeof fetch): typeof fetch => async (input, init) => {
    // Supabase-js always gives the address as text or URL, and all else beside it.
    if (input instanceof Request) return await send(input, init);
    const go = (): Promise<Response> => send(now === first ? input : moved(String(input)), now === first ? init : withKey(init, first.key, now.key));
    const before = now;
    try {
      const answer = await go();
      // Somebody else may listen where our backend was.
      if (answer.status === 401) await lookAgain();
      return answer.status === 401 && now !== before ? await go() : answer;
    } catch (error) {
      await lookAgain();
      if (now === before || !(isReading(init) || wasRefused(error))) throw error;
      return await go();
    }
  };

  class Socket extends WebSocket {
    constructor(address: string | URL, protocols?: string | string[]) {
      super(moved(String(address)), protocols);
      this.on('error', () => void lookAgain());
    }
  }

  return { get now() { return now; }, fetch: wrapped, Socket: Socket as typeof WebSocket };
}

/** The user's token stays: it is of the database, not of the address. */
function withKey(init: RequestInit | undefined, old: string, key: string): RequestInit {
  const headers = new Headers(init?.headers);
  if (headers.get('apikey') === old) headers.set('apikey', key);
  return { ...init, headers };
}

function isReading(init: RequestInit | undefined): boolean {
  return ['GET', 'HEAD'].includes((init?.method ?? 'GET').toUpperCase());
}

/** Nobody took the connection, so nothing was sent. */
function wasRefused(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
}
