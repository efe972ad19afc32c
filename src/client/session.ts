import { z } from 'zod';
import type { UserError } from '../protocol/error.ts';
import type { FindAgain } from './moving-address.ts';

/** A person's session, as it is kept between programs. Never the password. */
export const KeptSession = z.object({
  accessToken: z.string(),
  refreshToken: z.string(),
  /** Seconds since 1970. */
  expiresAt: z.number(),
  userId: z.string(),
  email: z.string(),
});
export type KeptSession = z.infer<typeof KeptSession>;

/** Where a session is kept that several programs use. Each refresh makes a new refresh token, and the old one is no good any more. */
export interface SessionStore {
  /** Whose it is, to follow "the session of": `profile staging`. */
  readonly name: string;
  /** What a person does when it has ended. */
  readonly remedy: string;
  read(): KeptSession | undefined;
  write(session: KeptSession): void;
  /** Does work while no other program does any on this store. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
}

/** Whom a connection acts as. Without one, whoever the key says. */
export type Session = { readonly email: string; readonly password: string } | { readonly store: SessionStore };

export interface Connection {
  readonly url: string;
  readonly key: string;
  readonly session?: Session | undefined;
  /** Nothing that changes anything is sent: every write is `forbidden`. */
  readonly readOnly?: boolean | undefined;
  /** Put around every request, for whoever records them or answers in the backend's place. */
  readonly through?: ((send: typeof fetch) => typeof fetch) | undefined;
  /** Where the backend is by now, asked while it does not answer: the connection then goes on there. Without it the address is fixed. */
  readonly findAgain?: FindAgain | undefined;
  /** Called when the session has ended and cannot be renewed: nothing more will be answered. */
  readonly onEnded?: ((why: UserError) => void) | undefined;
}

/** What Auth answers to a sign-in and to a refresh, as far as we need it. */
const Grant = z.object({
  access_token: z.string(),
  refresh_token: z.string(),
  expires_at: z.number(),
  user: z.looseObject({ id: z.string(), email: z.string().default('') }),
});

/** Undefined when it is no session. */
export function keptFrom(grant: unknown): KeptSession | undefined {
  const parsed = Grant.safeParse(grant);
  if (!parsed.success) return undefined;
  const { access_token: accessToken, refresh_token: refreshToken, expires_at: expiresAt, user } = parsed.data;
  return { accessToken, refreshToken, expiresAt, userId: user.id, email: user.email };
}

/** The same in the form in which supabase-js keeps it. */
export function grantOf({ accessToken, refreshToken, expiresAt, userId, email }: KeptSession): object {
  return {
    access_token: accessToken,
    refresh_token: refreshToken,
    expires_at: expiresAt,
    expires_in: Math.max(0, expiresAt - Math.floor(Date.now() / 1000)),
    token_type: 'bearer',
    user: { id: userId, email, aud: 'authenticated', app_metadata: {}, user_metadata: {}, created_at: '' },
  };
}
