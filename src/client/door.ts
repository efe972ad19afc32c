import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';
import { grantOf, keptFrom } from './session.ts';
import type { Connection } from './session.ts';

/** A request to a backend may take this long. */
export const REQUEST_TIMEOUT_MS = 15_000;

/** SQL functions that only read, or write down that somebody reads. */
const readingFunctions: ReadonlySet<string> = new Set([
  'is_admin_user',
  'run_changes',
  'run_logs',
  'get_test_run_summary',
  'verify_audit_log',
  'record_export',
  'diagnose',
  'fork_facts',
  'run_families',
]);

/** Does a request change anything at the backend? What is not known to read counts as a change. Sessions are no change. */
export function isChange(method: string, pathname: string): boolean {
  const [, called] = /^\/rest\/v1\/rpc\/([^/]+)$/.exec(pathname) ?? [];
  if (called !== undefined) return !readingFunctions.has(called);
  if (['GET', 'HEAD', 'OPTIONS'].includes(method)) return false;
  return !/^\/auth\/v1\/(token|logout)$|^\/storage\/v1\/object\/(list|list-v2|info|sign)\//.test(pathname);
}

/**
 * The one way of all our requests to a backend: within their time, and only those that may go. What may not is
 * answered here as the backend would answer it, so that it fails as any refused request does:
 *
 * - on a read-only connection, everything that changes something;
 * - without a user's token where there should be one. The key alone would act as nobody, to whom everything
 *   only looks empty.
 *
 * Sessions are renewed here too, because a refresh token is good once and several programs may hold it.
 */
export function openDoor({ url, key, session, readOnly = false, onEnded }: Connection): typeof fetch {
  const base = new URL(url).pathname.replace(/\/$/, '');
  let ended: UserError | undefined;

  async function renew(input: Parameters<typeof fetch>[0], init: RequestInit | undefined): Promise<Response> {
    const ask = async (): Promise<Response> => {
      const answer = await fetchInTime(input, init);
      if (![400, 401, 403, 404].includes(answer.status)) return answer;
      if (session !== undefined && 'password' in session) {
        // The session was ended at the other side; the password is at hand.
        const again = new URL(addressOf(input));
        again.searchParams.set('grant_type', 'password');
        return await fetchInTime(again, {
          ...init,
          body: JSON.stringify({ email: session.email, password: session.password, gotrue_meta_security: {} }),
        });
      }
      if (session !== undefined && 'store' in session) end(session.store.name, session.store.remedy);
      return answer;
    };
    if (session === undefined || !('store' in session)) return await ask();
    const { store } = session;
    return await store.exclusively(async () => {
      const kept = store.read();
      // Another program was faster: its session is ours too.
      if (kept !== undefined && kept.refreshToken !== tokenIn(init)) return Response.json(grantOf(kept));
      const answer = await ask();
      const renewed = answer.ok ? keptFrom(await answer.clone().json()) : undefined;
      if (renewed !== undefined) store.write(renewed);
      return answer;
    });
  }

  function end(name: string, hint: string): void {
    if (ended !== undefined) return;
    ended = new UserError('unauthorized', `the session of ${name} has ended`, { hint });
    onEnded?.(ended);
  }

  return async (input, init) => {
    const address = new URL(addressOf(input));
    const pathname = address.pathname.slice(base.length);
    const method = (init?.method ?? (input instanceof Request ? input.method : 'GET')).toUpperCase();
    if (readOnly && isChange(method, pathname)) {
      return refusal(403, {
        code: 'forbidden',
        message: 'the connection is read-only',
        hint: 'Leave --read-only out, or choose a profile without it',
      });
    }
    if (pathname === '/auth/v1/token' && address.searchParams.get('grant_type') === 'refresh_token') return await renew(input, init);
    if (session !== undefined && !pathname.startsWith('/auth/v1/') && (ended !== undefined || !hasUser(init, key))) {
      return ended === undefined
        ? refusal(503, { code: 'unavailable', message: 'the session could not be renewed', hint: 'Try again shortly' })
        : refusal(401, { code: 'unauthorized', message: ended.message, hint: ended.hint ?? null });
    }
    return await fetchInTime(input, init);
  };
}

function refusal(status: number, body: { readonly code: string; readonly message: string; readonly hint: string | null }): Response {
  return Response.json({ ...body, details: null }, { status });
}

function hasUser(init: RequestInit | undefined, key: string): boolean {
  const bearer = new Headers(init?.headers).get('authorization');
  return bearer !== null && bearer !== `Bearer ${key}`;
}

function tokenIn(init: RequestInit | undefined): string | undefined {
  if (typeof init?.body !== 'string') return undefined;
  return (JSON.parse(init.body) as { readonly refresh_token?: string }).refresh_token;
}

function addressOf(input: Parameters<typeof fetch>[0]): string {
  return input instanceof Request ? input.url : String(input);
}

export async function fetchInTime(input: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response> {
  const limit = AbortSignal.timeout(addressOf(input).endsWith('/rpc/verify_audit_log') ? limits.auditCheckMs : REQUEST_TIMEOUT_MS);
  return await fetch(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, limit]) : limit });
}
