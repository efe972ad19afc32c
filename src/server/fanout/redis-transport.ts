import { randomUUID } from 'node:crypto';
import { createClient } from '@redis/client';
import { UserError } from '../../protocol/error.ts';
import type { Transport } from './transport.ts';

/** How patient servers are with Redis. */
export interface RedisPace {
  /** It must answer within this time, at the start and later. */
  readonly answerTimeoutMs: number;
  /** How often it is asked whether it is there. */
  readonly checkEveryMs: number;
  /** A connection on which nothing comes for so long, pings included, is made anew. */
  readonly silentAfterMs: number;
}

export const defaultRedisPace: RedisPace = { answerTimeoutMs: 2_000, checkEveryMs: 1_000, silentAfterMs: 5_000 };
const reconnectAtMostMs = 2_000;
/** Commands without an answer yet. Beyond, further ones fail at once. */
const maxCommandsInFlight = 10_000;
/** The name by which servers find out that theirs is the same Redis is forgotten after a day without servers. */
const nameLifetimeS = 86_400;

export interface RedisTransport extends Transport {
  /** The same for all servers that reach each other here; undefined while it does not answer. */
  name(): string | undefined;
  /** Adds one to a count that all servers share and that lasts `lifetimeS`. Undefined when Redis does not answer. */
  count(key: string, lifetimeS: number): Promise<number | undefined>;
}

interface RedisOptions {
  readonly url: string;
  /** What belongs together: servers of one scope hear each other. */
  readonly scope: string;
  readonly receive: (text: string) => void;
  /** It went away, or is there again. */
  readonly onChange: (isThere: boolean) => void;
  readonly pace: RedisPace;
}

/**
 * Publish and subscribe of a Redis server. A Redis that goes away later is connected to again, with growing
 * pauses; publishing fails at once meanwhile.
 *
 * @throws UserError `unavailable` when it does not answer at the start, `usage` for a broken URL.
 */
export async function openRedisTransport({ url, scope, receive, onChange, pace }: RedisOptions): Promise<RedisTransport> {
  const { answerTimeoutMs, checkEveryMs, silentAfterMs } = pace;
  const address = maskedAddress(url);
  const messages = `${scope}:messages`;
  let [started, name]: [boolean, string | undefined] = [false, undefined];
  let lastError: unknown;

  const publisher = createClient({
    url,
    RESP: 2,
    name: 'stepscope',
    disableOfflineQueue: true,
    commandsQueueMaxLength: maxCommandsInFlight,
    pingInterval: checkEveryMs,
    socket: {
      connectTimeout: answerTimeoutMs,
      socketTimeout: silentAfterMs,
      // Only a Redis that was there once is waited for.
      reconnectStrategy: (retries: number) => started && Math.min(50 * 2 ** retries, reconnectAtMostMs),
    },
  });
  const subscriber = publisher.duplicate();
  for (const client of [publisher, subscriber]) client.on('error', (error: unknown) => (lastError = error));

  /** Fails when there is no answer in time; the library itself would wait for as long as the connection stands. */
  async function inTime<T>(answer: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${answerTimeoutMs} ms`)), answerTimeoutMs);
    });
    answer.catch(() => {});
    return await Promise.race([answer, tooLate]).finally(() => clearTimeout(timer));
  }

  async function readName(): Promise<string> {
    const key = `${scope}:name`;
    await publisher.set(key, randomUUID(), { condition: 'NX' });
    await publisher.expire(key, nameLifetimeS);
    return (await publisher.get(key)) ?? '';
  }

  let asking = false;
  async function check(): Promise<void> {
    if (asking) return;
    asking = true;
    const reading = readName().finally(() => (asking = false));
    const found = await inTime(reading).catch(() => undefined);
    const isThere = found !== undefined && subscriber.isReady;
    const wasThere = name !== undefined;
    name = isThere ? found : undefined;
    if (isThere !== wasThere) onChange(isThere);
  }

  try {
    await inTime(Promise.all([publisher.connect(), subscriber.connect()]));
    await inTime(subscriber.subscribe(messages, receive));
    name = await inTime(readName());
    started = true;
  } catch (error) {
    for (const client of [publisher, subscriber]) client.destroy();
    throw new UserError('unavailable', `Redis at ${address} does not answer: ${messageOf(lastError ?? error)}`, {
      hint: `Check that it runs and the address is right, or leave Redis out: servers then reach each other through the database`,
      cause: error,
    });
  }
  const timer = setInterval(() => void check(), checkEveryMs);
  timer.unref();

  return {
    name: () => name,
    async publish(text) {
      try {
        await inTime(publisher.publish(messages, text));
      } catch (error) {
        void check();
        throw error;
      }
    },
    async count(key, lifetimeS) {
      if (name === undefined) return undefined;
      const counter = `${scope}:count:${key}`;
      const answer = inTime(publisher.multi().incr(counter).expire(counter, lifetimeS).exec());
      return await answer.then(([count]) => Number(count)).catch(() => undefined);
    },
    async close() {
      clearInterval(timer);
      started = false;
      for (const client of [publisher, subscriber]) client.destroy();
    },
  };
}

const messageOf = (error: unknown): string => (error instanceof Error && error.message !== '' ? error.message : String(error));

/** Without the password. */
function maskedAddress(url: string): string {
  if (!URL.canParse(url) || !/^rediss?:$/.test(new URL(url).protocol)) {
    throw new UserError('usage', 'the address of Redis cannot be read', { hint: 'It looks like redis://user:password@host:6379/0' });
  }
  const address = new URL(url);
  if (address.password !== '') address.password = '***';
  return address.href;
}
