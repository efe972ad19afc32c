import { createHash, timingSafeEqual } from 'node:crypto';
import { decodeProtectedHeader, errors, jwtVerify, SignJWT, type JWTPayload } from 'jose';
import { UserError } from '../protocol/error.ts';
import type { Json } from '../protocol/json.ts';
import type { Claims } from '../storage/database.ts';
import type { BackendKeys } from './keys.ts';
import type { KnownUsers } from './known-users.ts';
import type { RestError } from './rest-error.ts';
import type { TokenIssuer } from './token-issuer.ts';

/** Credentials as they came with a request or a socket. */
export interface Credentials {
  readonly apiKey?: string | undefined;
  /** What stood after `Bearer`: a key again, or a user's token. */
  readonly bearer?: string | undefined;
}

/** Who somebody is. */
export interface Identity {
  readonly claims: Claims;
  /** A user's token, signed by us whoever signed the one that came; null for a bare key. */
  readonly token: string | null;
  /** When the token stops being good; undefined for keys, which do not. */
  readonly expiresAtMs?: number | undefined;
}

/** Nobody we know, with the answer for them. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
  readonly answer: RestError;

  constructor(code: string, message: string, hint?: string, authCode?: string) {
    super(message);
    this.answer = { status: 401, code, message, hint, authCode };
  }
}

export type Identify = (credentials: Credentials) => Promise<Identity>;

/**
 * Makes the one function that says who a caller is. A user's token outranks the key it came with; a key may
 * come in either header. Keys are the publishable one (`anon`), the secret one (`service_role`), or tokens
 * with these roles signed with our secret, as older projects have them. An `issuer` can sign users in, and
 * nobody else. `users` refuses those of our own Auth's tokens whose user was removed. Throws {@link IdentityError}, and `UserError` `unavailable` when the keys of the issuer cannot be read.
 */
export function createIdentify(keys: BackendKeys, issuer?: TokenIssuer, users?: Pick<KnownUsers, 'has'>): Identify {
  const secret = new TextEncoder().encode(keys.jwtSecret);

  async function ofKey(key: string): Promise<Identity> {
    if (sameText(key, keys.publishableKey)) return { claims: { role: 'anon' }, token: null };
    if (sameText(key, keys.secretKey)) return { claims: { role: 'service_role' }, token: null };
    const payload = looksLikeToken(key) ? await checked(async () => await verified(key, { requiredClaims: ['role'] })) : undefined;
    if (payload?.['role'] !== 'anon' && payload?.['role'] !== 'service_role') {
      throw new IdentityError(
        'PGRST301',
        'Invalid API key',
        'Double check your `apikey`; `stepscope status --show-keys` tells those of a local backend',
      );
    }
    return { claims: { role: payload['role'] }, token: null, expiresAtMs: expiryOf(payload) };
  }

  async function ofToken(token: string): Promise<Identity> {
    const options = { audience: 'authenticated', requiredClaims: ['exp', 'sub', 'role'] };
    const isForeign = issuer !== undefined && !isOurs(token);
    const payload = await checked(async () => (isForeign ? await issuer.verify(token, options) : await verified(token, options)));
    if (payload['role'] !== 'authenticated' || !isUuid(payload.sub))
      throw new IdentityError('PGRST303', 'the token is not one of a signed-in user');
    // Others who know the secret may sign tokens for users of their own; those have no session here.
    const isOfAuth = !isForeign && payload['session_id'] !== undefined;
    if (isOfAuth && users !== undefined && !(await users.has(payload.sub)))
      throw new IdentityError('PGRST303', 'the user of this token was removed', 'Sign in again', 'user_not_found');
    return {
      claims: { ...(payload as Record<string, Json>), role: 'authenticated', sub: payload.sub },
      // Whatever is behind us knows our secret alone.
      token: isForeign ? await new SignJWT(payload).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).sign(secret) : token,
      expiresAtMs: expiryOf(payload),
    };
  }

  async function verified(token: string, options: { readonly audience?: string; readonly requiredClaims: string[] }): Promise<JWTPayload> {
    return (await jwtVerify(token, secret, { algorithms: ['HS256'], ...options })).payload;
  }

  async function checked(verify: () => Promise<JWTPayload>): Promise<JWTPayload> {
    try {
      const payload = await verify();
      if (payload.iat !== undefined && payload.iat > Date.now() / 1000 + clockLeewayS)
        throw new IdentityError('PGRST303', 'JWT issued at future');
      return payload;
    } catch (error) {
      if (error instanceof IdentityError || error instanceof UserError) throw error;
      if (error instanceof errors.JWTExpired) throw new IdentityError('PGRST303', 'JWT expired', 'Sign in again');
      if (error instanceof errors.JWTClaimValidationFailed) throw new IdentityError('PGRST303', `JWT refused for its claim ${error.claim}`);
      throw new IdentityError('PGRST301', 'No suitable key or wrong key type: none of the keys was able to decode the JWT');
    }
  }

  return async ({ apiKey, bearer }) => {
    if (bearer !== undefined && bearer !== apiKey) {
      if (apiKey !== undefined) await ofKey(apiKey);
      // What is no good must not be passed over: its sender would act as whoever the key says.
      return looksLikeToken(bearer) && roleOf(bearer) === 'authenticated' ? await ofToken(bearer) : await ofKey(bearer);
    }
    const key = apiKey ?? bearer;
    if (key === undefined)
      throw new IdentityError('PGRST301', 'No API key found in request', 'No `apikey` request header or url param was found.');
    return await ofKey(key);
  };
}

const clockLeewayS = 30;

const looksLikeToken = (text: string): boolean => text.split('.').length === 3;
const isUuid = (text: string | undefined): text is string => text !== undefined && /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text);
const expiryOf = (payload: JWTPayload): number | undefined => (payload.exp === undefined ? undefined : payload.exp * 1000);

/** Does a token say it is signed with a secret? Then only ours will do, never a public key of somebody's. */
function isOurs(token: string): boolean {
  try {
    return decodeProtectedHeader(token).alg === 'HS256';
  } catch {
    return true;
  }
}

/** The role a token claims, unchecked: only decides which rules it must then pass. Tokens without one are users'. */
function roleOf(token: string): string {
  try {
    const payload = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { role?: unknown } | null;
    return payload?.role === 'anon' || payload?.role === 'service_role' ? payload.role : 'authenticated';
  } catch {
    return 'authenticated';
  }
}

/** Compares in a time that tells nothing of where two texts differ. */
function sameText(left: string, right: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}
