import { randomBytes } from 'node:crypto';

/** What a backend knows its clients by. Made once for a data directory, so that clients survive a restart. */
export interface BackendKeys {
  /** For everybody; acts as `anon` until a user signs in. */
  readonly publishableKey: string;
  /** For trackers and runners; acts as `service_role`, beyond row-level security. */
  readonly secretKey: string;
  /** Signs and checks users' tokens, HS256. */
  readonly jwtSecret: string;
}

/** New keys in the form hosted projects have them. */
export function createKeys(): BackendKeys {
  const secret = (bytes: number): string => randomBytes(bytes).toString('base64url');
  return { publishableKey: `sb_publishable_${secret(24)}`, secretKey: `sb_secret_${secret(24)}`, jwtSecret: secret(48) };
}
