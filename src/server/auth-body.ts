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

/** Why Auth cannot work with a body, which it would call a failure of its own; undefined when it can. */
export function authBodyProblem(pathname: string, body: string): RestError | undefined {
  if (!pathname.startsWith('/auth/v1/') || body === '') return undefined;
  const parsed = AuthBody.safeParse(parse(body));
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
