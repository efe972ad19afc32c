import { AsyncLocalStorage } from 'node:async_hooks';
import { z } from 'zod';
import { createMasker } from '../core/mask.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Claims, Database } from '../storage/database.ts';
import { reportBug } from './bug-report.ts';
import type { Front } from './front.ts';
import type { Identify } from './identity.ts';
import { createMinuteCounter } from './overload.ts';
import type { SocketRefusal } from './realtime/hub.ts';

/*
 * What the audit log tells beside what triggers write: who signed in and out, who was turned away, which users
 * were made and removed. And where a request came from and why, for the rows that triggers write.
 */

/** The header in which a client may say why it does what it does. */
export const reasonHeader = 'x-stepscope-reason';

/** Refusals written in a minute: of one address at one path, of one address, of all. The rest is counted in one row. */
export const refusalsAMinute = { path: 10, address: 20, all: 60 } as const;

/** A larger body of a sign-in is not looked into for the address somebody gave. */
const maxSignInBytes = 4096;
const maxTextLength = 300;

export interface Audit {
  /** The same database; what a request does with it carries where the request came from. */
  readonly database: Database;
  /** The same check; who was found out to ask is remembered for the length of the request. */
  identify(identify: Identify): Identify;
  /** The same front; what it answers is written down. */
  front(front: Front): Front;
  /** Writes down who was turned away from Realtime, with the same limits. Never waits. */
  socketRefused(this: void, refusal: SocketRefusal): void;
  /** Writes what is still to be written. */
  close(): Promise<void>;
}

/** One request, as far as it is known. */
interface Scene {
  readonly address: string;
  readonly reason: string | undefined;
  claims?: Claims;
}

interface Entry {
  readonly action: string;
  readonly target: string;
  readonly targetId?: string | null | undefined;
  readonly details: JsonObject;
  readonly reason?: string | null | undefined;
  /** Who it is, when that is not who the credentials say: somebody who has just signed in. */
  readonly actor?: { readonly id: string | null; readonly name: string | null };
}

export function createAudit(database: Database, { now = Date.now }: { readonly now?: () => number } = {}): Audit {
  const scenes = new AsyncLocalStorage<Scene>();
  const ofPath = createMinuteCounter(refusalsAMinute.path, now);
  const ofAddress = createMinuteCounter(refusalsAMinute.address, now);
  const ofAll = createMinuteCounter(refusalsAMinute.all, now);
  let notWritten = 0;
  const underWay = new Set<Promise<void>>();
  const minute = setInterval(() => later(countTheRest()), 60_000);
  minute.unref();

  async function write(scene: Partial<Scene>, { action, target, targetId, details, reason, actor }: Entry): Promise<void> {
    const { claims } = scene;
    const row = [
      actor === undefined ? (claims?.sub ?? null) : actor.id,
      claims?.role ?? 'nobody',
      actor === undefined ? nameIn(claims) : actor.name,
      action,
      target,
      targetId ?? null,
      details,
      reason ?? scene.reason ?? null,
      scene.address ?? null,
    ];
    try {
      await database.asUser({ role: 'service_role' }, async (transaction) => {
        await transaction.query(
          `insert into public.audit_log (actor, actor_role, actor_name, action, target_table, target_id, details, reason, address)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
          row,
        );
      });
    } catch (error) {
      reportBug(`the audit log could not take ${action}`, error);
    }
  }

  /** Nobody waits for it but {@link Audit.close}. */
  function later(work: Promise<void>): void {
    const tracked = work.finally(() => underWay.delete(tracked));
    underWay.add(tracked);
  }

  /** In this order: what one address may not write must not use up what there is for all. */
  function isRoomFor(address: string, path: string): boolean {
    return ofPath.allow(`${address} ${path.slice(0, maxTextLength)}`) && ofAddress.allow(address) && ofAll.allow('');
  }

  async function countTheRest(): Promise<void> {
    const count = notWritten;
    notWritten = 0;
    if (count > 0) await write({}, { action: 'request.refused_more', target: 'requests', details: { count } });
  }

  return {
    database: {
      ...database,
      asUser: async (claims, work, options) => {
        const scene = scenes.getStore();
        if (scene === undefined) return await database.asUser(claims, work, options);
        // Set even when there is none, so that no token brings its own.
        const origin = { stepscope_address: scene.address, stepscope_reason: scene.reason };
        return await database.asUser({ ...claims, ...origin }, work, options);
      },
    },

    identify: (identify) => async (credentials) => {
      const identity = await identify(credentials);
      const scene = scenes.getStore();
      if (scene !== undefined) scene.claims = identity.claims;
      return identity;
    },

    front: (front) => async (request, address) => {
      const url = new URL(request.url);
      const scene: Scene = { address, reason: short(request.headers.get(reasonHeader)) };
      const given = isSmallSignIn(request, url) ? request.clone() : undefined;
      const response = await scenes.run(scene, async () => await front(request, address));

      const event = await authEvent(request.method, url, scene, response, given);
      if (event !== undefined && response.ok) await write(scene, event);
      else if (event !== undefined || (await isRefusal(response, url))) {
        if (isRoomFor(address, url.pathname)) later(write(scene, event ?? (await refusal(request.method, url, response))));
        else notWritten += 1;
      }
      return response;
    },

    socketRefused({ address, claims, topic, status, reason }) {
      const path = '/realtime/v1/websocket';
      if (!isRoomFor(address, path)) return void (notWritten += 1);
      const details = { path, status, ...(topic === undefined ? {} : { topic: short(topic) ?? '' }) };
      const scene = { address, ...(claims === undefined ? {} : { claims }) };
      later(write(scene, { action: 'request.refused', target: 'realtime', details, reason: short(reason) }));
    },

    async close() {
      clearInterval(minute);
      await countTheRest();
      await Promise.all(underWay);
    },
  };
}

/** What a request to Auth did to a user or a session; undefined when nothing that is worth a row. */
async function authEvent(
  method: string,
  { pathname, searchParams }: URL,
  scene: Scene,
  response: Response,
  given: Request | undefined,
): Promise<Entry | undefined> {
  if (response.status >= 500) return undefined;
  const [, path] = /^\/auth\/v1\/(.+?)\/?$/.exec(pathname) ?? [];
  const target = 'auth.users';
  if (method === 'POST' && path === 'token') {
    const grant = searchParams.get('grant_type') ?? '';
    if (!response.ok) {
      const name = addressIn(await bodyOf(given));
      const details = { grant: short(grant) ?? '', status: response.status, code: (await answerOf(response)).code };
      return { action: 'user.sign_in_refused', target, details, actor: { id: null, name } };
    }
    return grant === 'password' ? await ofUser('user.sign_in', response) : undefined;
  }
  if (!response.ok) return undefined;
  if (method === 'POST' && path === 'signup') return await ofUser('user.sign_up', response);
  if (method === 'POST' && path === 'logout')
    return {
      action: 'user.sign_out',
      target,
      targetId: scene.claims?.sub,
      details: { scope: short(searchParams.get('scope')) ?? 'global' },
    };
  if (method === 'PUT' && path === 'user') return { action: 'user.update', target, targetId: scene.claims?.sub, details: {} };
  if (path === undefined || !/^admin\/users(\/|$)/.test(path)) return undefined;
  const action = { POST: 'user.insert', PUT: 'user.update', DELETE: 'user.delete' }[method];
  if (action === undefined) return undefined;
  const user = UserAnswer.safeParse(await bodyOf(response.clone())).data;
  return { action, target, targetId: user?.id, details: { name: user?.email ?? null } };

  async function ofUser(did: string, signedIn: Response): Promise<Entry> {
    const answer = z.union([SessionAnswer.transform(({ user }) => user), UserAnswer]).safeParse(await bodyOf(signedIn.clone())).data;
    return { action: did, target, targetId: answer?.id, details: {}, actor: { id: answer?.id ?? null, name: answer?.email ?? null } };
  }
}

/** Was somebody turned away for who they are? Storage says so in the body of a 400. */
async function isRefusal(response: Response, { pathname }: URL): Promise<boolean> {
  if (response.status === 401 || response.status === 403) return true;
  return response.status === 400 && pathname.startsWith('/storage/v1/') && (await answerOf(response)).code === 'AccessDenied';
}

async function refusal(method: string, { pathname }: URL, response: Response): Promise<Entry> {
  const { code, message } = await answerOf(response);
  const [, service, name] = /^\/([a-z]+)\/v1\/(?:rpc\/)?([a-z_]{1,63})?/.exec(pathname) ?? [];
  return {
    action: 'request.refused',
    target: service === 'rest' ? (name ?? service) : (service ?? 'requests'),
    details: { method, path: short(pathname) ?? '', status: response.status, code },
    reason: short(message),
  };
}

const masker = createMasker({ personal: false });

/** Text of others as it may be kept: masked, and not long. */
function short(text: string | null | undefined): string | undefined {
  return text == null || text === '' ? undefined : masker.text(text.slice(0, maxTextLength));
}

const isSmallSignIn = ({ method, headers }: Request, { pathname }: URL): boolean =>
  method === 'POST' && pathname === '/auth/v1/token' && Number(headers.get('content-length') ?? Infinity) <= maxSignInBytes;

const UserAnswer = z.object({ id: z.string(), email: z.string().nullish() });
const SessionAnswer = z.object({ user: UserAnswer });
const text = z.union([z.string(), z.number().transform(String)]);
const Refusal = z.object({
  error_code: text.optional(),
  statusCode: text.optional(),
  code: text.optional(),
  message: z.string().optional(),
});

async function answerOf(response: Response): Promise<{ readonly code: string; readonly message: string | undefined }> {
  const said = Refusal.safeParse(await bodyOf(response.clone())).data;
  return { code: short(said?.error_code ?? said?.statusCode ?? said?.code) ?? '', message: said?.message };
}

async function bodyOf(message: Request | Response | undefined): Promise<unknown> {
  try {
    return await message?.json();
  } catch {
    return undefined;
  }
}

/** The mail address somebody gave. What is none stays out: people type their passwords in the wrong field. */
function addressIn(body: unknown): string | null {
  const given = z
    .object({
      email: z
        .string()
        .max(maxTextLength)
        .regex(/^[^\s@]+@[^\s@]+$/),
    })
    .safeParse(body).data?.email;
  return short(given) ?? null;
}

const nameIn = (claims: Claims | undefined): string | null => {
  const name = claims?.['email'];
  return typeof name === 'string' ? name : null;
};
