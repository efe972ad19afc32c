import { z } from 'zod';
import type { Claims, Database } from '../storage/database.ts';

/*
 * What of Auth is there for everybody. @supabase/lite has more: mails, which this server cannot send, and with
 * them ways to become a user that ask nobody.
 */

const open = new Set(['signup', 'token', 'user', 'logout', 'health', 'settings']);

/** Paths that cost a hash which is slow on purpose, and so are counted by address. */
export const isSignIn = (pathname: string): boolean => /^\/auth\/v1\/(token|signup)\/?$/.test(pathname);

const Change = z.looseObject({ email: z.string().optional(), password: z.string().optional() });

/** The answer to what Auth does not do here; undefined for what it does. */
export function refusedAuth(method: string, pathname: string, claims: Claims, body: string): Response | undefined {
  const [, name] = /^\/auth\/v1\/([^/]*)\/?$/.exec(pathname) ?? [];
  if (name === undefined || !open.has(name)) {
    return authError(404, 'not_found', `${pathname} is not here: this server sends no mail and signs in with passwords`);
  }
  const email = name === 'user' && method === 'PUT' ? changeOf(body).email : undefined;
  if (email === undefined || email === '' || email.toLowerCase() === claims['email']) return undefined;
  return authError(422, 'email_provider_disabled', 'an address is changed by an administrator: no mail is sent to confirm it');
}

/** After a new password every other session of the user ends, as a stolen one must. */
export async function endOtherSessions(database: Database, method: string, pathname: string, claims: Claims, body: string): Promise<void> {
  if (method !== 'PUT' || !/^\/auth\/v1\/user\/?$/.test(pathname) || claims.sub === undefined || changeOf(body).password === undefined) return;
  await endSessions(database, claims.sub, typeof claims['session_id'] === 'string' ? claims['session_id'] : undefined);
}

/** Ends the sessions of a user but `kept`: they cannot be refreshed any more. */
export async function endSessions(database: Database, userId: string, kept?: string): Promise<void> {
  const parameters = [userId, kept ?? null];
  await database.asOwner(async (transaction) => {
    await transaction.query('delete from auth.refresh_tokens where user_id::text = $1 and session_id::text is distinct from $2::text', parameters);
    await transaction.query('delete from auth.sessions where user_id::text = $1 and id::text is distinct from $2::text', parameters);
  });
}

const anyOrigin = { 'access-control-allow-origin': '*', 'cache-control': 'no-store' };

/** Auth's shape of an error, which is not the Data API's. */
export function authError(status: number, code: string, message: string): Response {
  return Response.json({ code: status, error_code: code, msg: message }, { status, headers: { ...anyOrigin, 'x-sb-error-code': code } });
}

function changeOf(body: string): z.infer<typeof Change> {
  try {
    return Change.catch({}).parse(JSON.parse(body));
  } catch {
    return {};
  }
}
