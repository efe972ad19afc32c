import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { createClient } from '@redis/client';

/** The Redis that tests use. */
const address = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';

/**
 * The address of a Redis for tests, or undefined when none answers: then the tests are left out, and the end
 * of `npm test` says so. With `STEPSCOPE_TEST_REQUIRE=redis` that is a failure.
 */
export async function findRedis(): Promise<string | undefined> {
  const client = createClient({ url: address, socket: { reconnectStrategy: false, connectTimeout: 2_000 } });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.ping();
    return address;
  } catch (error) {
    if (process.env['STEPSCOPE_TEST_REQUIRE']?.split(',').includes('redis')) throw error;
    return undefined;
  } finally {
    client.destroy();
  }
}

/** Why a test is left out; `tools/not-run.ts` looks for it. */
export const withoutRedis = `redis: none answers at ${address}`;

/** A way to Redis that can be taken away. */
export interface FragileRedis {
  readonly url: string;
  /** Ends all connections and takes no new ones. */
  cut(): Promise<void>;
  /** Takes connections and passes nothing on, as a machine that froze. */
  freeze(): void;
  mend(): Promise<void>;
  close(): Promise<void>;
}

export async function openFragileRedis(url: string): Promise<FragileRedis> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let frozen = false;
  const server = createServer((client) => {
    const redis = connect(Number(target.port || 6379), target.hostname);
    for (const [from, to] of [
      [client, redis],
      [redis, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (data) => !frozen && to.write(data));
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  const listen = async (port: number): Promise<void> => await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  const cut = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const through = new URL(url);
  through.host = `127.0.0.1:${port}`;
  return {
    url: through.href,
    cut,
    freeze: () => void (frozen = true),
    async mend() {
      frozen = false;
      if (!server.listening) await listen(port);
    },
    close: async () => (server.listening ? await cut() : undefined),
  };
}
