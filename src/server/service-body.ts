import { z } from 'zod';
import type { RestError } from './rest-error.ts';

const text = z.string().nullish();

/** What Auth takes for granted of what it is sent. */
const AuthBody = z.looseObject({
  email: text,
  phone: text,
  password: text,
  refresh_token: text,
  auth_code: text,
  code_verifier: text,
  code_challenge: text,
  code_challenge_method: text,
  token: text,
  token_hash: text,
  type: text,
  nonce: text,
  provider: text,
  id_token: text,
  data: z.record(z.string(), z.unknown()).nullish(),
});

const listsOrSigns = /^\/storage\/v1\/object\/(list|list-v2|sign|move|copy)(\/|$)/;

/**
 * Why Auth or Storage cannot work with a body, which they would call a failure of their own; undefined when
 * they can, and for files, which may be anything.
 */
export function serviceBodyProblem(method: string, pathname: string, body: string): RestError | undefined {
  const isAuth = pathname.startsWith('/auth/v1/');
  const isNeeded = method === 'POST' && listsOrSigns.test(pathname);
  if (!isAuth && !isNeeded && !pathname.startsWith('/storage/v1/bucket') && !(method === 'DELETE' && pathname.startsWith('/storage/v1/')))
    return undefined;
  if (body === '') return isNeeded ? notJson : undefined;
  const parsed = (isAuth ? AuthBody : z.looseObject({})).safeParse(parse(body));
  if (parsed.success) return undefined;
  const [issue] = parsed.error.issues;
  return issue === undefined || issue.path.length === 0
    ? notJson
    : { status: 400, code: 'validation_failed', message: `${issue.path.join('.')}: ${issue.message}` };
}

const notJson: RestError = { status: 400, code: 'PGRST102', message: 'Empty or invalid json', hint: 'Send an object in JSON' };

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
