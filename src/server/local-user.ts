import { oneServerAtATime } from './one-server-at-a-time.ts';
import { createSupabaseLite, type SupabaseLiteOptions } from './supabase-lite.ts';

/** Makes the user who owns a local backend, with the role admin. Their password becomes the one given. */
export async function ensureLocalUser(
  options: SupabaseLiteOptions,
  user: { readonly email: string; readonly password: string },
): Promise<string> {
  const id = await oneServerAtATime(options.database, 'local user', async () => await createSupabaseLite(options).ensureUser(user));
  await options.database.asOwner(
    async (transaction) =>
      await transaction.query(`insert into public.user_roles (user_id, role) values ($1, 'admin') on conflict do nothing`, [id]),
  );
  return id;
}
