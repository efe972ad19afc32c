import type { AuthError } from '@supabase/supabase-js';
import { z } from 'zod';
import type { ErrorCode } from '../protocol/error.ts';
import { UserError } from '../protocol/error.ts';
import { request, send } from './request.ts';
import { closeSupabase, openSupabase, unreachable } from './supabase.ts';

/** A person who may sign in. */
export interface UserAccount {
  readonly id: string;
  readonly email: string;
  readonly roles: readonly string[];
  readonly createdAt: string;
  readonly lastSignInAt: string | null;
}

/** The accounts of a backend, local or hosted. Needs a secret key; everyone else is `forbidden`. */
export interface Users {
  /** Throws `conflict` when the address has an account, `usage` when Auth refuses address or password. */
  add(user: { readonly email: string; readonly password: string; readonly isAdmin: boolean }): Promise<UserAccount>;
  list(): Promise<readonly UserAccount[]>;
  /** Makes them an administrator; who is one stays one. Throws `not-found`. */
  promote(email: string): Promise<UserAccount>;
  /** Throws `not-found`. Their roles go with them. */
  remove(email: string): Promise<UserAccount>;
  close(): Promise<void>;
}

const pageUsers = 1_000;
const RoleRow = z.object({ user_id: z.string(), role: z.string() });
const Account = z.object({ id: z.string(), email: z.string().default(''), created_at: z.string(), last_sign_in_at: z.string().nullish() });

/** Nothing is sent before the first call. */
export function openUsers({ url, secretKey, readOnly }: { readonly url: string; readonly secretKey: string; readonly readOnly?: boolean }): Users {
  const supabase = openSupabase({ url, key: secretKey, readOnly });
  const { admin } = supabase.auth;

  const rolesOf = async (): Promise<readonly z.infer<typeof RoleRow>[]> =>
    await request(url, 'read the roles', supabase.from('user_roles').select('user_id, role'), z.array(RoleRow));
  const accountOf = (user: unknown, roles: readonly z.infer<typeof RoleRow>[]): UserAccount => {
    const { id, email, created_at: createdAt, last_sign_in_at: lastSignInAt } = Account.parse(user);
    return { id, email, createdAt, lastSignInAt: lastSignInAt ?? null, roles: roles.filter((role) => role.user_id === id).map(({ role }) => role) };
  };
  const list = async (): Promise<readonly UserAccount[]> => {
    const accounts: unknown[] = [];
    for (let page = 1; ; page++) {
      const { data, error } = await admin.listUsers({ page, perPage: pageUsers });
      if (error !== null) throw authError(url, 'list the users', error);
      accounts.push(...data.users);
      if (data.users.length < pageUsers) break;
    }
    const roles = await rolesOf();
    return accounts.map((account) => accountOf(account, roles));
  };

  const find = async (email: string): Promise<UserAccount> => {
    const account = (await list()).find((one) => one.email === email.toLowerCase());
    if (account === undefined) throw new UserError('not-found', `nobody has the address ${email}`, { hint: 'See `stepscope user list`' });
    return account;
  };

  return {
    list,
    add: async ({ email, password, isAdmin }) => {
      const { data, error } = await admin.createUser({ email, password, email_confirm: true });
      if (error !== null) {
        const isThere = error.code === 'email_exists' ? `\`stepscope user promote ${email}\` makes them an administrator` : undefined;
        throw authError(url, `add ${email}`, error, isThere);
      }
      const role = { user_id: data.user.id, role: 'admin' };
      try {
        if (isAdmin) await send(url, `make ${email} an administrator`, supabase.from('user_roles').insert(role));
      } catch (cause) {
        // Half a user, whose password nobody is told, is worse than none.
        await admin.deleteUser(data.user.id);
        throw cause;
      }
      return accountOf(data.user, isAdmin ? [role] : []);
    },
    promote: async (email) => {
      const account = await find(email);
      const role = { user_id: account.id, role: 'admin' };
      await send(url, `make ${email} an administrator`, supabase.from('user_roles').upsert(role, { ignoreDuplicates: true }));
      return { ...account, roles: [...new Set([...account.roles, role.role])] };
    },
    remove: async (email) => {
      const account = await find(email);
      await send(url, `take the roles of ${email} away`, supabase.from('user_roles').delete().eq('user_id', account.id));
      const { error } = await admin.deleteUser(account.id);
      if (error !== null) throw authError(url, `remove ${email}`, error);
      return account;
    },
    close: () => closeSupabase(supabase),
  };
}

const codes: Readonly<Record<string, ErrorCode>> = { email_exists: 'conflict', user_not_found: 'not-found', weak_password: 'usage', validation_failed: 'usage' };

function authError(url: string, doing: string, error: AuthError, hint?: string): UserError {
  if (error.status === undefined || error.status === 0 || error.status >= 500) return unreachable(url, error);
  const forbidden = error.status === 401 || error.status === 403;
  const code = forbidden ? 'forbidden' : (codes[error.code ?? ''] ?? 'failed');
  return new UserError(code, `could not ${doing}: ${error.message}`, { cause: error, hint: forbidden ? 'Users are managed with a secret key' : hint });
}
