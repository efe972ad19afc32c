import { createClient } from '@supabase/supabase-js';
import type { SupabaseClient } from '@supabase/supabase-js';
import { WebSocket } from 'ws';
import { UserError } from '../protocol/error.ts';

/** Whom a connection acts as. Without one, whoever the key says. */
type Session = { readonly email: string; readonly password: string } | { readonly accessToken: string | (() => Promise<string>) };

export interface Connection {
  readonly url: string;
  readonly key: string;
  readonly session?: Session | undefined;
}

/** A request to a backend may take this long. */
const REQUEST_TIMEOUT_MS = 15_000;
/** A heartbeat this often finds a link that broke without a word. */
const SOCKET_HEARTBEAT_MS = 10_000;
const reconnectDelaysMs = [250, 1_000, 2_000, 5_000];

/** How long the client waits before the given attempt, from 1, to reach a lost backend. */
export function reconnectAfterMs(attempt: number): number {
  return reconnectDelaysMs[Math.min(attempt, reconnectDelaysMs.length) - 1] ?? 250;
}

/** A supabase-js client as all of ours are made: a time limit on every request, `ws` as its socket, no retries behind our back. */
export function openSupabase({ url, key, session }: Connection): SupabaseClient {
  if (!URL.canParse(url)) throw new UserError('usage', `"${url}" is not a URL`, { hint: 'Give one like http://127.0.0.1:8000' });
  const token = session !== undefined && 'accessToken' in session ? session.accessToken : undefined;
  return createClient(url, key, {
    auth: { persistSession: false, autoRefreshToken: true, detectSessionInUrl: false },
    db: { retry: false },
    global: { fetch: fetchInTime },
    // Node 20 has no WebSocket of its own.
    realtime: { transport: WebSocket as never, heartbeatIntervalMs: SOCKET_HEARTBEAT_MS, reconnectAfterMs, timeout: REQUEST_TIMEOUT_MS },
    ...(token === undefined ? {} : { accessToken: async () => (typeof token === 'string' ? token : await token()) }),
  });
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
  if (session !== undefined && 'email' in session) {
    const { data, error } = await supabase.auth.signInWithPassword({ email: session.email, password: session.password });
    if (error !== null) {
      if (error.status === undefined || error.status === 0 || error.status >= 500) throw unreachable(url, error);
      throw new UserError('unauthorized', `${url} refuses ${session.email}: ${error.message}`, {
        cause: error,
        hint: 'Check the address and the password',
      });
    }
    return { identity: data.user.email ?? session.email, userId: data.user.id };
  }
  const token = session === undefined ? key : typeof session.accessToken === 'string' ? session.accessToken : await session.accessToken();
  const claims = readClaims(token);
  const subject = typeof claims['sub'] === 'string' ? claims['sub'] : null;
  const email = typeof claims['email'] === 'string' ? claims['email'] : undefined;
  const role = typeof claims['role'] === 'string' ? claims['role'] : key.startsWith('sb_secret_') ? 'service_role' : 'anon';
  return { identity: email ?? role, userId: subject };
}

/** Nobody answers at `url`. */
export function unreachable(url: string, cause: unknown): UserError {
  return new UserError('unavailable', `no backend answers at ${url}`, {
    cause,
    hint: 'Start one with `stepscope serve`, or check the address',
  });
}

async function fetchInTime(input: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response> {
  const limit = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  return await fetch(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, limit]) : limit });
}

/** What a token says of its bearer, unverified: for names on a screen. Empty when it is not a JWT. */
function readClaims(token: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as Record<string, unknown>;
  } catch {
    return {};
  }
}
