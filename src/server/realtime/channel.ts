import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { UserError } from '../../protocol/error.ts';
import type { Json } from '../../protocol/json.ts';
import { JsonObject } from '../../protocol/json.ts';
import { missedChanges } from '../../protocol/realtime.ts';
import { reportBug } from '../bug-report.ts';
import { IdentityError, type Identity } from '../identity.ts';
import { BindingRequest, createBinding, type Binding } from './binding.ts';
import type { BroadcastPayload, Frame } from './frames.ts';
import type { Hub } from './hub.ts';
import { maxPresenceBytes, type Presence } from './presence.ts';
import { mayUsePrivateTopics } from './private-topic.ts';
import type { Member } from './rooms.ts';

/** What a client asks for when it joins. Everything has a default: old clients say less. */
const Join = z.object({
  config: z
    .object({
      broadcast: z
        .object({
          ack: z.boolean().default(false),
          self: z.boolean().default(false),
          replication_ready: z.boolean().default(false),
          replay: z.unknown().optional(),
        })
        .prefault({}),
      presence: z.object({ key: z.string().max(255).default(''), enabled: z.boolean().default(false) }).prefault({}),
      postgres_changes: z.array(BindingRequest).max(100).nullish(),
      private: z.boolean().default(false),
    })
    .prefault({}),
  access_token: z.string().nullish(),
  user_token: z.string().nullish(),
});

/** The way back to the client. */
export interface Wire {
  send(frame: Frame): void;
  sendChange(topic: string, ids: readonly number[], data: string): void;
}

/** One topic that one client has joined. */
export interface Channel {
  readonly joinRef: string | null;
  /** Anything but joining and leaving. */
  receive(frame: Frame): Promise<void>;
  /** Ends it without a word. */
  end(): void;
}

let lastBindingId = 1_000;

/**
 * Joins: checks who it is and what they ask for, subscribes, and only then replies, so that no change after
 * the reply is lost. Undefined when refused; the client has been told why.
 */
export async function joinChannel(
  hub: Hub,
  wire: Wire,
  client: { readonly identity: Identity; readonly address: string },
  frame: Frame,
  onClosed: () => void,
): Promise<Channel | undefined> {
  const { topic, ref, joinRef } = frame;
  const reply = (status: 'ok' | 'error', response: Json): void =>
    wire.send({ joinRef, ref, topic, event: 'phx_reply', payload: { status, response } });
  let { identity } = client;
  try {
    const join = Join.parse(frame.payload ?? {});
    identity = await identityFor(hub, identity, join.access_token ?? join.user_token);
    if (join.config.broadcast.replay != null) throw new UserError('usage', 'broadcasts are not kept here, so none can be replayed');
    if (join.config.private) await assertMayUsePrivate(hub, identity, topic);
    const requests = join.config.postgres_changes ?? [];
    const bindings: Binding[] = [];
    for (const request of requests)
      bindings.push(
        await createBinding((lastBindingId += 1), request, { database: hub.database, catalog: hub.catalog, claims: identity.claims }),
      );
    const channel = openChannel(hub, wire, { topic, joinRef, identity, bindings, config: join.config, onClosed });
    reply('ok', { postgres_changes: requests.map((request, at) => ({ ...request, id: bindings[at]!.id }) as Json) });
    channel.greet();
    return channel;
  } catch (error) {
    const reason = reasonOf(error);
    reply('error', { reason });
    const status = error instanceof IdentityError ? 401 : error instanceof UserError && error.code === 'forbidden' ? 403 : undefined;
    if (status !== undefined) hub.onRefused({ address: client.address, claims: identity.claims, topic, status, reason });
    return undefined;
  }
}

interface OpenOptions {
  readonly topic: string;
  readonly joinRef: string | null;
  readonly identity: Identity;
  readonly bindings: readonly Binding[];
  readonly config: z.infer<typeof Join>['config'];
  readonly onClosed: () => void;
}

function openChannel(
  hub: Hub,
  wire: Wire,
  { topic, joinRef, bindings, config, onClosed, ...options }: OpenOptions,
): Channel & { greet(): void } {
  const name = topic.slice('realtime:'.length);
  let { identity } = options;
  let expiry: NodeJS.Timeout | undefined;
  let presenceEnabled = config.presence.enabled;
  const presenceKey = config.presence.key || randomUUID();
  let ended = false;

  const push = (event: string, payload: Json | BroadcastPayload): void => wire.send({ joinRef: null, ref: null, topic, event, payload });
  const member: Member = {
    topic,
    isPrivate: config.private,
    broadcast: (payload) => push('broadcast', payload),
    push: (event, payload) => presenceEnabled && push(event, payload),
  };
  const presence: Presence = hub.rooms.enter(member);
  const unsubscribe =
    bindings.length === 0
      ? () => {}
      : hub.changes.subscribe({
          bindings,
          claims: () => identity.claims,
          deliver: (ids, data) => wire.sendChange(topic, ids, data),
          missed: () => push('system', { ...missedChanges, channel: name }),
        });

  function end(): void {
    ended = true;
    clearTimeout(expiry);
    unsubscribe();
    hub.rooms.leave(member);
  }

  /** Ends it from our side, with the reason. */
  function close(message: string): void {
    // A token was being checked when the channel ended: its topic may have been joined anew by now.
    if (ended) return;
    end();
    push('system', { extension: 'system', status: 'error', message, channel: name });
    wire.send({ joinRef, ref: joinRef, topic, event: 'phx_close', payload: {} });
    onClosed();
  }

  function watchExpiry(): void {
    clearTimeout(expiry);
    if (identity.expiresAtMs === undefined) return;
    const left = identity.expiresAtMs - Date.now();
    // A timer holds 24 days at most.
    expiry = setTimeout(
      () => (left > maxTimerMs ? watchExpiry() : close('Token has expired 0 seconds ago')),
      Math.min(Math.max(left, 0), maxTimerMs),
    );
    expiry.unref();
  }

  async function renew(payload: Frame['payload']): Promise<void> {
    const { access_token: token } = z.object({ access_token: z.string().nullish() }).parse(payload);
    if (token == null || token.startsWith('sb_')) return;
    try {
      const renewed = await hub.identify({ bearer: token });
      if (config.private) await assertMayUsePrivate(hub, renewed, topic);
      identity = renewed;
      if (!ended) watchExpiry();
    } catch (error) {
      close(reasonOf(error));
    }
  }

  function broadcast({ ref, payload }: Frame): void {
    const message = payload as BroadcastPayload | null;
    if (typeof message?.event !== 'string') throw new UserError('usage', 'a broadcast needs an event');
    hub.rooms.broadcast(
      member,
      { type: 'broadcast', event: message.event, payload: message.payload ?? {} },
      config.broadcast.self ? undefined : member,
    );
    if (config.broadcast.ack) wire.send({ joinRef, ref, topic, event: 'phx_reply', payload: { status: 'ok', response: {} } });
  }

  function meet({ ref, payload }: Frame): void {
    const { event, payload: state } = z.object({ event: z.string(), payload: JsonObject.default({}) }).parse(payload);
    const verb = event.toLowerCase();
    if (verb === 'track') {
      if (JSON.stringify(state).length > maxPresenceBytes)
        throw new UserError('too-large', `presence of more than ${maxPresenceBytes} bytes`);
      if (!presenceEnabled) {
        presenceEnabled = true;
        push('presence_state', presence.state());
      }
      presence.track(presenceKey, state);
    } else if (verb === 'untrack') presence.untrack();
    else throw new UserError('usage', `presence knows track and untrack, not ${event}`);
    wire.send({ joinRef, ref, topic, event: 'phx_reply', payload: { status: 'ok', response: {} } });
  }

  watchExpiry();
  return {
    joinRef,
    end,
    greet() {
      if (bindings.length > 0)
        push('system', { extension: 'postgres_changes', status: 'ok', message: 'Subscribed to PostgreSQL', channel: name });
      if (config.broadcast.replication_ready)
        push('system', { extension: 'system', status: 'ok', message: 'Replication connection established', channel: name });
      if (presenceEnabled) push('presence_state', presence.state());
    },
    async receive(frame) {
      try {
        if (frame.event === 'broadcast') broadcast(frame);
        else if (frame.event === 'presence') meet(frame);
        else if (frame.event === 'access_token') await renew(frame.payload);
        else throw new UserError('usage', `unknown event ${frame.event}`);
      } catch (error) {
        wire.send({
          joinRef,
          ref: frame.ref,
          topic,
          event: 'phx_reply',
          payload: { status: 'error', response: { reason: reasonOf(error) } },
        });
      }
    },
  };
}

const maxTimerMs = 2 ** 31 - 1;

async function identityFor(hub: Hub, connection: Identity, token: string | null | undefined): Promise<Identity> {
  if (token == null || token.startsWith('sb_')) return connection;
  return await hub.identify({ bearer: token });
}

async function assertMayUsePrivate(hub: Hub, { claims }: Identity, topic: string): Promise<void> {
  if (await mayUsePrivateTopics(hub.database, claims)) return;
  const name = topic.slice('realtime:'.length);
  throw new UserError('forbidden', `Unauthorized: You do not have permissions to read from this Channel topic: ${name}`);
}

function reasonOf(error: unknown): string {
  if (error instanceof UserError || error instanceof IdentityError) return error.message;
  if (error instanceof z.ZodError) return `${error.issues[0]?.path.join('.')}: ${error.issues[0]?.message}`;
  reportBug('a channel failed', error);
  return 'the server made a mistake; its log has the details';
}
