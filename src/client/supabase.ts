import { createClient } from '@supabase/supabase-js';
import type { SupabaseClient } from '@supabase/supabase-js';
import { WebSocket } from 'ws';
import { UserError } from '../protocol/error.ts';
import { fetchInTime, openDoor, REQUEST_TIMEOUT_MS } from './door.ts';
import { movingAddress } from './moving-address.ts';
import { grantOf, keptFrom } from './session.ts';
import type { Connection, KeptSession } from './session.ts';

export type { Connection } from './session.ts';

/** A heartbeat this often finds a link that broke without a word. */
const SOCKET_HEARTBEAT_MS = 10_000;
const reconnectDelaysMs = [250, 1_000, 2_000, 5_000];

/** How long the client waits before the given attempt, from 1, to reach a lost backend. */
export function reconnectAfterMs(attempt: number): number {
  return reconnectDelaysMs[Math.min(attempt, reconnectDelaysMs.length) - 1] ?? 250;
}

/** Where supabase-js looks for the session in its storage. */
const STORAGE_KEY = 'stepscope';

/** A supabase-js client as all of ours are made: every request by our door, `ws` as its socket, no retries behind our back. */
export function openSupabase(connection: Connection): SupabaseClient {
  const { url, key, session, findAgain, through = (send) => send } = connection;
  if (!URL.canParse(url)) throw new UserError('usage', `"${url}" is not a URL`, { hint: 'Give one like http://127.0.0.1:8000' });
  const kept = session !== undefined && 'store' in session ? session.store.read() : undefined;
  const moving =
    findAgain &&
    movingAddress({ url, key }, findAgain, (to, from) => {
      // Other keys sign other tokens; the session itself is in the database.
      if (to.key !== from.key) void supabase.auth.refreshSession().catch(() => undefined);
    });
  const door = openDoor(connection);
  const supabase: SupabaseClient = createClient(url, key, {
    auth: {
      persistSession: true,
      storage: memoryStorage(kept),
      storageKey: STORAGE_KEY,
      autoRefreshToken: true,
      detectSessionInUrl: false,
    },
    db: { retry: false },
    global: { fetch: through(moving?.fetch(door) ?? door) },
    // Node 20 has no WebSocket of its own.
    realtime: { transport: (moving?.Socket ?? WebSocket) as never, heartbeatIntervalMs: SOCKET_HEARTBEAT_MS, reconnectAfterMs, timeout: REQUEST_TIMEOUT_MS },
  });
  return supabase;
}

/** A storage for supabase-js that dies with the program: what is kept for others, the door keeps. */
function memoryStorage(session: KeptSession | undefined) {
  const items = new Map<string, string>(session === undefined ? [] : [[STORAGE_KEY, JSON.stringify(grantOf(session))]]);
  return {
    getItem: (name: string) => items.get(name) ?? null,
    setItem: (name: string, value: string) => void items.set(name, value),
    removeItem: (name: string) => void items.delete(name),
  };
}

/**
 * Lets go of a client. Once it returns, a client that has opened no socket keeps no process alive: its
 * `disconnect` would, by a timer of ten seconds that is started even when there is nothing to wait for.
 */
export async function closeSupabase({ auth, realtime }: SupabaseClient): Promise<void> {
  await auth.stopAutoRefresh();
  if (realtime.getChannels().length === 0 && !realtime.isConnected() && !realtime.isConnecting()) return;
  await realtime.removeAllChannels().catch(() => undefined);
  await realtime.disconnect();
}

/**
 * Signs in where a session with a password asks for it. Returns what people are shown of whom we act as,
 * and the user's id. Throws `unauthorized` or `unavailable`.
 */
export async function signIn(
  supabase: SupabaseClient,
  { url, key, session }: Connection,
): Promise<{ readonly identity: string; readonly userId: string | null }> {
  if (session !== undefined && 'store' in session) {
    const { name, remedy } = session.store;
    const kept = session.store.read();
    if (kept === undefined) throw new UserError('unauthorized', `${name} is not signed in`, { hint: remedy });
    // A backend that is away would be asked for half a minute.
    const health = await fetchInTime(`${url}/auth/v1/health`, { headers: { apikey: key } }).catch((cause: unknown) => {
      throw unreachable(url, cause);
    });
    // Said before the session is renewed, which would end it for the wrong reason.
    if (health.status === 401) throw new UserError('unauthorized', `${url} refuses the key of ${name}: Invalid API key`, { hint: remedy });
    const { data } = await supabase.auth.getSession();
    const hasEnded = data.session === null || (await isGone(supabase));
    if (hasEnded) throw new UserError('unauthorized', `the session of ${name} has ended`, { hint: remedy });
    return { identity: kept.email, userId: kept.userId };
  }
  if (session !== undefined && 'email' in session) {
    const { email, userId } = await signInWithPassword(supabase, url, session);
    return { identity: email, userId };
  }
  const claims = readClaims(key);
  const subject = typeof claims['sub'] === 'string' ? claims['sub'] : null;
  const email = typeof claims['email'] === 'string' ? claims['email'] : undefined;
  const role = typeof claims['role'] === 'string' ? claims['role'] : key.startsWith('sb_secret_') ? 'service_role' : 'anon';
  return { identity: email ?? role, userId: subject };
}

/** Was the user removed, or their session ended at the backend? Their token looks good until its time is over. */
async function isGone(supabase: SupabaseClient): Promise<boolean> {
  const { error } = await supabase.auth.getUser();
  return error?.code === 'user_not_found' || error?.code === 'session_not_found';
}

async function signInWithPassword(
  supabase: SupabaseClient,
  url: string,
  { email, password }: { readonly email: string; readonly password: string },
): Promise<KeptSession> {
  const { data, error } = await supabase.auth.signInWithPassword({ email, password });
  if (error !== null) {
    if (error.status === undefined || error.status === 0 || error.status >= 500) throw unreachable(url, error);
    throw new UserError('unauthorized', `${url} refuses ${email}: ${error.message}`, {
      cause: error,
      hint: 'Check the address and the password',
    });
  }
  return keptFrom(data.session)!;
}

/** Signs a person in, for a session that is kept. Throws `unauthorized` or `unavailable`. */
export async function beginSession(connection: {
  readonly url: string;
  readonly key: string;
  readonly email: string;
  readonly password: string;
}): Promise<KeptSession> {
  const supabase = openSupabase({ url: connection.url, key: connection.key });
  try {
    return await signInWithPassword(supabase, connection.url, connection);
  } finally {
    await closeSupabase(supabase);
  }
}

/** Ends a session at the backend, where it can be reached: its refresh token is no good afterwards. Says whether it did. */
export async function endSession({
  url,
  key,
  session,
}: {
  readonly url: string;
  readonly key: string;
  readonly session: KeptSession;
}): Promise<boolean> {
  const headers = { apikey: key, authorization: `Bearer ${session.accessToken}` };
  const answer = await fetchInTime(`${url}/auth/v1/logout?scope=local`, { method: 'POST', headers }).catch(() => undefined);
  return answer?.ok ?? false;
}

/** Nobody answers at `url`, or not in time: then somebody may be there, and another backend is not what is missing. */
export function unreachable(url: string, cause: unknown): UserError {
  if (cause instanceof Error && isTimeout(cause)) {
    return new UserError('unavailable', `${url} did not answer within ${REQUEST_TIMEOUT_MS / 1_000} s`, {
      cause,
      hint: 'The backend or the way to it is slow: try again. `stepscope doctor` looks at both',
    });
  }
  return new UserError('unavailable', `no backend answers at ${url}`, {
    cause,
    hint: 'Start one with `stepscope serve`, or check the address',
  });
}

/** Was it given up because it took too long? Of what Auth and PostgREST make of that, only the words are left. */
export function isTimeout({ name = '', message = '' }: { readonly name?: string; readonly message?: string }): boolean {
  return ['TimeoutError', 'AbortError'].includes(name) || /TimeoutError|AbortError|aborted|timed? ?out/i.test(message);
}

/** What a token says of its bearer, unverified: for names on a screen. Empty when it is not a JWT. */
function readClaims(token: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as Record<string, unknown>;
  } catch {
    return {};
  }
}
