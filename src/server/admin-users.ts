import { z } from 'zod';
import { JsonObject } from '../protocol/json.ts';
import { DatabaseError, type Claims, type Database, type Transaction } from '../storage/database.ts';
import { authError as refusal, endSessions } from './auth.ts';
import type { KnownUsers } from './known-users.ts';
import { renameUser, type SupabaseLite } from './supabase-lite.ts';

/*
 * `supabase.auth.admin`: making, listing, reading, changing and removing users, which @supabase/lite does not have.
 * For the service alone. A user made here has no role of ours; that is a row in `user_roles`.
 */

export const adminUsersPath = '/auth/v1/admin/users';

const Password = z.string().max(72, 'a password has at most 72 characters');

/** What a user is made of. Other attributes of Auth's are left aside, as Auth does with those it does not know. */
const Attributes = z.object({
  email: z.email('an email address is needed').transform((email) => email.toLowerCase()),
  /** Without one nobody can sign in until another is set. */
  password: Password.optional(),
  user_metadata: JsonObject.default({}),
  app_metadata: JsonObject.default({}),
  /** The database role: there is only one for users, and no attribute makes an administrator. */
  role: z.literal('authenticated', 'the role of a user can only be authenticated').optional(),
});

/** What can be changed of one. Metadata are merged, and what is null there goes. */
const Changes = z.object({
  email: Attributes.shape.email.optional(),
  password: Password.min(1).optional(),
  user_metadata: JsonObject.optional(),
  app_metadata: JsonObject.optional(),
  role: Attributes.shape.role,
  /** Not passed over in silence: whoever asks for it counts on it. */
  ban_duration: z.literal('none', 'users are not banned here: remove the user, or their row in user_roles').optional(),
});

const Page = z.object({ page: z.coerce.number().int().min(1).default(1), per_page: z.coerce.number().int().min(1).max(1000).default(50) });

const userColumns = `u.id, u.aud, u.role, u.email, coalesce(u.phone, '') as phone, u.email_confirmed_at, u.confirmed_at, u.last_sign_in_at,
  u.raw_app_meta_data as app_metadata, u.raw_user_meta_data as user_metadata, u.created_at, u.updated_at, u.is_anonymous,
  coalesce((select jsonb_agg(jsonb_build_object(
    'identity_id', i.id, 'id', i.provider_id, 'user_id', i.user_id, 'identity_data', i.identity_data, 'provider', i.provider,
    'last_sign_in_at', i.last_sign_in_at, 'created_at', i.created_at, 'updated_at', i.updated_at))
    from auth.identities i where i.user_id = u.id), '[]') as identities`;

interface Services {
  readonly database: Database;
  readonly lite: Pick<SupabaseLite, 'addUser'>;
  readonly users: Pick<KnownUsers, 'forget'>;
}

/** Answers everything below {@link adminUsersPath}, in Auth's words. Credentials have been checked; what they allow is checked here. */
export async function answerAdminUsers(services: Services, claims: Claims, method: string, url: URL, body: string): Promise<Response> {
  if (claims.role === 'anon') return refusal(401, 'no_authorization', 'This endpoint requires a secret key');
  if (claims.role !== 'service_role') return refusal(403, 'not_admin', 'User not allowed');
  const { database, users } = services;
  const [, id] = /^\/([^/]+)$/.exec(url.pathname.slice(adminUsersPath.length).replace(/\/$/, '')) ?? [];
  if (id !== undefined) {
    if (!z.uuid().safeParse(id).success) return refusal(404, 'validation_failed', '@parameter user_id must be an UUID');
    if (method === 'GET') return found(await database.asOwner(async (transaction) => await readUser(transaction, id)));
    if (method === 'PUT') return await changeUser(services, id, body);
    if (method === 'DELETE') {
      const removed = await database.asOwner(async (transaction) => await removeUser(transaction, id));
      users.forget(id);
      return found(removed);
    }
  } else if (url.pathname.replace(/\/$/, '') === adminUsersPath) {
    if (method === 'GET') return await listUsers(database, url);
    if (method === 'POST') return await addUser(services, body);
  }
  return refusal(405, 'not_found', `${method} ${url.pathname} is not one of the things this server can do with users`);
}

async function addUser({ database, lite }: Services, body: string): Promise<Response> {
  const parsed = Attributes.safeParse(jsonOf(body));
  if (!parsed.success) return refusal(400, 'validation_failed', parsed.error.issues[0]!.message);
  const { email, password, user_metadata: userData, app_metadata: appData } = parsed.data;
  const isTaken = await database.asOwner(async (transaction) => {
    return (await transaction.query('select from auth.users where email = $1', [email])).rows.length > 0;
  });
  if (isTaken) return emailTaken();
  const added = await lite.addUser({ password: password ?? crypto.randomUUID() });
  if ('refused' in added) return refusal(422, 'weak_password', added.refused);
  try {
    const user = await database.asOwner(async (transaction) => {
      await renameUser(transaction, added.id, email);
      await transaction.query(
        `update auth.users set raw_user_meta_data = raw_user_meta_data || $2::jsonb, raw_app_meta_data = $3::jsonb || raw_app_meta_data where id = $1`,
        [added.id, JSON.stringify(userData), JSON.stringify(appData)],
      );
      return await readUser(transaction, added.id);
    });
    return found(user);
  } catch (error) {
    await database.asOwner(async (transaction) => await removeUser(transaction, added.id));
    // Somebody made a user of this address in the same moment.
    if (error instanceof DatabaseError && error.code === '23505') return emailTaken();
    throw error;
  }
}

async function changeUser({ database, lite }: Services, id: string, body: string): Promise<Response> {
  const parsed = Changes.safeParse(jsonOf(body));
  if (!parsed.success) return refusal(400, 'validation_failed', parsed.error.issues[0]!.message);
  const { email, password, user_metadata: userData = {}, app_metadata: appData = {} } = parsed.data;
  const known = await database.asOwner(async (transaction) => await readUser(transaction, id));
  if (known === undefined) return found(undefined);
  // Auth alone can hash a password: a stranger gets it, and hands it over.
  const stranger = password === undefined ? undefined : await lite.addUser({ password });
  if (stranger !== undefined && 'refused' in stranger) return refusal(422, 'weak_password', stranger.refused);
  try {
    const user = await database.asOwner(async (transaction) => {
      if (stranger !== undefined) {
        await transaction.query(
          'update auth.users set encrypted_password = (select encrypted_password from auth.users where id = $2) where id = $1',
          [id, stranger.id],
        );
      }
      if (email !== undefined) await renameUser(transaction, id, email);
      await transaction.query(
        `update auth.users set raw_user_meta_data = ${merged('raw_user_meta_data', '$2')},
           raw_app_meta_data = ${merged('raw_app_meta_data', '$3')}, updated_at = now() where id = $1`,
        [id, JSON.stringify(userData), JSON.stringify(appData)],
      );
      return await readUser(transaction, id);
    });
    // Whoever knew the old password is signed out everywhere.
    if (password !== undefined) await endSessions(database, id);
    return found(user);
  } catch (error) {
    if (error instanceof DatabaseError && error.code === '23505') return emailTaken();
    throw error;
  } finally {
    if (stranger !== undefined) await database.asOwner(async (transaction) => await removeUser(transaction, stranger.id));
  }
}

const merged = (column: string, changes: string): string =>
  `(coalesce(${column}, '{}') || ${changes}::jsonb) - array(select key from jsonb_each(${changes}::jsonb) where value = 'null')`;

async function listUsers(database: Database, url: URL): Promise<Response> {
  const parsed = Page.safeParse({ page: url.searchParams.get('page') || undefined, per_page: url.searchParams.get('per_page') || undefined });
  if (!parsed.success) return refusal(400, 'validation_failed', 'page and per_page must be numbers, from 1; per_page at most 1000');
  const { page, per_page: size } = parsed.data;
  const { users, total } = await database.asOwner(async (transaction) => {
    const counted = await transaction.query<{ total: number }>('select count(*)::int as total from auth.users');
    const { rows } = await transaction.query(`select ${userColumns} from auth.users u order by u.created_at, u.id limit $1 offset $2`, [size, (page - 1) * size]);
    return { users: rows, total: counted.rows[0]!.total };
  });
  const last = Math.max(1, Math.ceil(total / size));
  const link = (to: number, rel: string): string => `<${adminUsersPath}?page=${to}&per_page=${size}>; rel="${rel}"`;
  const links = [...(page < last ? [link(page + 1, 'next')] : []), link(last, 'last')].join(', ');
  return Response.json(
    { users, aud: 'authenticated' },
    { headers: { ...anyOrigin, 'x-total-count': String(total), link: links, 'access-control-expose-headers': 'x-total-count, link' } },
  );
}

async function readUser(transaction: Transaction, id: string): Promise<unknown> {
  return (await transaction.query(`select ${userColumns} from auth.users u where u.id = $1`, [id])).rows[0];
}

/** With sessions and roles, so that a token that is still good for a while is no administrator's. */
async function removeUser(transaction: Transaction, id: string): Promise<unknown> {
  const user = await readUser(transaction, id);
  await transaction.query('delete from public.user_roles where user_id = $1', [id]);
  await transaction.query('delete from auth.users where id = $1', [id]);
  return user;
}

const emailTaken = (): Response => refusal(422, 'email_exists', 'A user with this email address has already been registered');

const anyOrigin = { 'access-control-allow-origin': '*', 'cache-control': 'no-store' };

function found(user: unknown): Response {
  return user === undefined ? refusal(404, 'user_not_found', 'User not found') : Response.json(user, { headers: anyOrigin });
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
