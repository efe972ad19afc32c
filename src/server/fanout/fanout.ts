import { createHash, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { Json } from '../../protocol/json.ts';
import type { Database } from '../../storage/database.ts';
import { reportNotice } from '../bug-report.ts';
import { openNotifyTransport } from './notify-transport.ts';
import { defaultRedisPace, openRedisTransport, type RedisPace, type RedisTransport } from './redis-transport.ts';
import type { Transport } from './transport.ts';

/*
 * Servers side by side on one database tell each other what clients say in rooms. Changes of rows do not come
 * this way: the database's triggers know no Redis, so every server hears of them by a LISTEN of its own.
 */

/** What one server tells the others, and hears of them. */
export interface Fanout {
  /** This server, as the others name it. */
  readonly id: string;
  /** Tells all others. Never waits; a message that is lost is found out by {@link FanoutListener.missed}. */
  publish(message: Json): void;
  /** One listener; a later one takes its place. */
  listen(listener: FanoutListener): void;
  /** Adds one to a count shared by all servers; undefined where each counts for itself. */
  readonly count: (key: string, lifetimeS: number) => Promise<number | undefined>;
  state(): FanoutState;
  close(): Promise<void>;
}

export interface FanoutListener {
  /** Once for each message, in the order it was sent. */
  receive(server: string, message: Json): void;
  /** Messages of this server were lost, or it is new: nothing is known of what it said before. */
  missed(server: string): void;
  /** This server has ended, or was not heard for {@link Pace.lostAfterMs}. */
  lost(server: string): void;
}

export interface FanoutState {
  /** What carries messages now. */
  readonly kind: 'redis' | 'notify' | 'process';
  /** Whether everything that was asked for answers: Redis that went away is stood in for, and does not. */
  readonly answers: boolean;
  /** Other servers that are heard. */
  readonly servers: number;
  /** Those of them that hear no Redis while we hear one, the other way round, or another Redis: the database carries what all are to hear. */
  readonly elsewhere: number;
}

/** How often a server says that it lives, and after what silence it is taken for dead. */
export interface Pace {
  readonly beatEveryMs: number;
  readonly lostAfterMs: number;
  readonly redis: RedisPace;
}

const defaultPace: Pace = { beatEveryMs: 2_000, lostAfterMs: 10_000, redis: defaultRedisPace };
/** Servers on one database; those beyond are not heard. */
const maxServers = 64;
/** What is still under way when a server ends may take so long. */
const closeGraceMs = 1_000;

/** `number` counts the messages of a sender, so that receivers see what they missed; a beat, which has none, brings the last one. */
const Envelope = z.object({
  from: z.uuid(),
  number: z.int().min(0),
  /** The name of the Redis it listens to; null for none. */
  redis: z.string().nullable(),
  message: Json.optional(),
  ended: z.literal(true).optional(),
});
type Envelope = z.infer<typeof Envelope>;

interface Peer {
  /** Of the last message that was received, or is given up. */
  number: number;
  /** What its last beat said that it has handed over. It may be on another way, and late. */
  announced: number;
  heardAt: number;
  redis: string | null;
}

interface FanoutOptions {
  readonly database: Database;
  readonly redisUrl?: string | undefined;
  /** Only servers that know it hear each other through Redis. */
  readonly secret: string;
  readonly pace?: Pace | undefined;
}

/**
 * Joins the other servers on this database: through Redis when its URL is given, else by LISTEN and NOTIFY.
 * The embedded database has one server, and nobody to tell.
 *
 * @throws UserError `unavailable` when Redis or the database does not answer.
 */
export async function connectFanout(options: FanoutOptions): Promise<Fanout> {
  if (options.redisUrl === undefined && options.database.engine === 'pglite') return alone;
  return await connectServers(options);
}

/** For a server that is the only one on its database. */
const alone: Fanout = {
  id: '',
  publish() {},
  listen() {},
  count: async () => undefined,
  state: () => ({ kind: 'process', answers: true, servers: 0, elsewhere: 0 }),
  async close() {},
};

async function connectServers({ database, redisUrl, secret, pace = defaultPace }: FanoutOptions): Promise<Fanout> {
  const id = randomUUID();
  const peers = new Map<string, Peer>();
  let listener: FanoutListener | undefined;
  let number = 0;
  let isNotifying = true;
  let closed = false;

  function receive(text: string): void {
    const envelope = readEnvelope(text);
    if (envelope === undefined || envelope.from === id || closed) return;
    const { from, message } = envelope;
    if (envelope.ended) return lose(from);
    const peer = peers.get(from) ?? welcome(envelope);
    if (peer === undefined) return;
    [peer.heardAt, peer.redis] = [Date.now(), envelope.redis];
    if (message === undefined) return compare(from, peer, envelope.number);
    // Overtaken on another way and counted as missed, or sent once more by the other way.
    if (envelope.number <= peer.number) return;
    const expected = peer.number + 1;
    peer.number = envelope.number;
    if (envelope.number > expected) listener?.missed(from);
    listener?.receive(from, message);
  }

  /** What was announced a beat ago and is not here by now does not come any more. */
  function compare(from: string, peer: Peer, announced: number): void {
    if (peer.announced > peer.number) {
      peer.number = peer.announced;
      listener?.missed(from);
    }
    peer.announced = announced;
  }

  /** A server that was not heard before hears of us at once, too. */
  function welcome({ from, redis: itsRedis, number: itsNumber, message }: Envelope): Peer | undefined {
    if (peers.size >= maxServers) return undefined;
    const last = message === undefined ? itsNumber : itsNumber - 1;
    const peer = { number: last, announced: last, heardAt: Date.now(), redis: itsRedis };
    peers.set(from, peer);
    beat();
    listener?.missed(from);
    return peer;
  }

  function lose(server: string): void {
    if (peers.delete(server)) listener?.lost(server);
  }

  /** Redis, as long as everybody hears the same one; the database reaches all. */
  function way(): Transport {
    const name = redis?.name();
    return name !== undefined && [...peers.values()].every((peer) => peer.redis === name) ? redis! : notify;
  }

  /** Messages that were not handed over yet, by number, oldest first; and those of them that went to Redis. */
  const underWay = new Set<number>();
  const toRedis = new Set<Promise<void>>();

  function publish(message: Json): void {
    const mine = (number += 1);
    underWay.add(mine);
    const text = sealed({ number: mine, message });
    const transport = way();
    // What Redis has not taken may yet have to go by the database, before all that comes after it.
    const sending = transport === notify && toRedis.size > 0 ? afterAll(toRedis, () => send(notify, text)) : send(transport, text);
    if (transport === redis) toRedis.add(sending);
    void sending.finally(() => {
      underWay.delete(mine);
      toRedis.delete(sending);
    });
  }

  async function send(transport: Transport, text: string): Promise<void> {
    try {
      await transport.publish(text);
      if (transport === notify) isNotifying = true;
    } catch {
      if (transport === notify) isNotifying = false;
      else await send(notify, text);
    }
  }

  const handedOver = (): number => (underWay.values().next().value ?? number + 1) - 1;
  const sealed = (contents: Partial<Envelope>): string =>
    JSON.stringify({ from: id, number: handedOver(), redis: redis?.name() ?? null, ...contents } satisfies Envelope);

  /** By every way: whoever cannot hear us by one must know that we are there, and what we hear. */
  function beat(): void {
    const text = sealed({});
    if (redis?.name() !== undefined) redis.publish(text).catch(() => {});
    void send(notify, text);
  }

  const notify = await openNotifyTransport(database, receive);
  let redis: RedisTransport | undefined;
  try {
    if (redisUrl !== undefined) {
      const scope = `stepscope:${await scopeOf(database, secret)}`;
      redis = await openRedisTransport({
        url: redisUrl,
        scope,
        receive,
        pace: pace.redis,
        onChange(isThere) {
          reportNotice(
            isThere
              ? 'Redis answers again and carries messages between servers'
              : 'Redis does not answer: messages between servers go through the database until it does',
          );
          beat();
        },
      });
    }
  } catch (error) {
    await notify.close();
    throw error;
  }
  const timer = setInterval(() => {
    beat();
    const silentSince = Date.now() - pace.lostAfterMs;
    for (const [server, { heardAt }] of peers) if (heardAt < silentSince) lose(server);
  }, pace.beatEveryMs);
  timer.unref();
  beat();

  return {
    id,
    publish,
    listen(next) {
      listener = next;
      for (const server of peers.keys()) next.missed(server);
    },
    count: async (key, lifetimeS) => await redis?.count(key, lifetimeS),
    state: () => ({
      kind: way() === notify ? 'notify' : 'redis',
      answers: redis === undefined ? isNotifying : redis.name() !== undefined,
      servers: peers.size,
      elsewhere: [...peers.values()].filter((peer) => peer.redis !== (redis?.name() ?? null)).length,
    }),
    async close() {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      const farewell = Promise.all([send(notify, sealed({ ended: true })), redis?.publish(sealed({ ended: true })).catch(() => {})]);
      await Promise.race([farewell, new Promise((resolve) => setTimeout(resolve, closeGraceMs).unref())]);
      await Promise.all([notify.close(), redis?.close()]);
    },
  };
}

async function afterAll(others: Iterable<Promise<void>>, work: () => Promise<void>): Promise<void> {
  await Promise.allSettled(others);
  await work();
}

function readEnvelope(text: string): Envelope | undefined {
  try {
    return Envelope.parse(JSON.parse(text));
  } catch {
    // Another version of this program, or somebody who may write to Redis: nothing of ours.
    return undefined;
  }
}

/** The same for servers of one database with the same secret, and tells nothing of it. */
async function scopeOf(database: Database, secret: string): Promise<string> {
  const { rows } = await database.asOwner(
    async (transaction) =>
      await transaction.query<{ name: string }>(
        `select current_database() || ' ' || min(applied_at)::text as name from stepscope.stepscope_migrations`,
      ),
  );
  return createHash('sha256').update(`${secret} ${rows[0]!.name}`).digest('hex').slice(0, 24);
}
