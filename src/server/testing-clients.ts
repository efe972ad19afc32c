import { createClient, type Session, type SupabaseClient, type SupabaseClientOptions } from '@supabase/supabase-js';
import ws from 'ws';
import type { TestBackend } from './testing.ts';

/*
 * Unmodified supabase-js clients, as programs of other people make them.
 */

type Options = SupabaseClientOptions<'public'>['realtime'];
type RestBackend = Pick<TestBackend, 'url' | 'keys'>;

/** With the secret key: a tracker, a runner, an edge function. */
export function serviceClient({ url, keys }: RestBackend, realtime: Options = {}): SupabaseClient {
  return client(url, keys.secretKey, realtime);
}

/** With the publishable key and no user. */
export function anonClient({ url, keys }: RestBackend, realtime: Options = {}): SupabaseClient {
  return client(url, keys.publishableKey, realtime);
}

/** Signed in as the backend's administrator. One password check, slow on purpose, serves all clients of a backend. */
export async function adminClient(backend: TestBackend, realtime: Options = {}): Promise<SupabaseClient> {
  const session = adminSessions.get(backend) ?? signIn(anonClient(backend), backend.admin);
  adminSessions.set(backend, session);
  const client = anonClient(backend, realtime);
  const { error } = await client.auth.setSession(await session);
  if (error) throw error;
  return client;
}

const adminSessions = new WeakMap<TestBackend, Promise<Session>>();

/** Signed in as a user without any role, who is made for this. */
export async function userClient(backend: TestBackend, realtime: Options = {}): Promise<SupabaseClient> {
  const client = anonClient(backend, realtime);
  await signIn(client, await backend.addUser());
  return client;
}

async function signIn(client: SupabaseClient, { email, password }: { readonly email: string; readonly password: string }): Promise<Session> {
  const { data, error } = await client.auth.signInWithPassword({ email, password });
  if (error) throw error;
  return data.session;
}

function client(url: string, key: string, realtime: Options): SupabaseClient {
  return createClient(url, key, {
    auth: { persistSession: false, autoRefreshToken: false },
    realtime: { transport: ws as never, ...realtime },
  });
}
