import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import ws from 'ws';
import { anonClient, serviceClient } from './testing-clients.ts';
import { startTestBackend, type TestBackend } from './testing.ts';

/*
 * Signing up, in, out and over, by supabase-js; and users whom another issuer has signed in.
 */

let backend: TestBackend;
let service: SupabaseClient;
let issuer: Server;
let signer: CryptoKey;
let jwks: string;

const stranger = '0193d3a0-0000-7000-8000-0000000000aa';

beforeAll(async () => {
  const pair = await generateKeyPair('ES256');
  signer = pair.privateKey;
  const keys = [{ ...(await exportJWK(pair.publicKey)), kid: 'theirs', alg: 'ES256', use: 'sig' }];
  issuer = createServer((_, response) => response.end(JSON.stringify({ keys })));
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
  jwks = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/auth/v1/.well-known/jwks.json`;
  backend = await startTestBackend({ server: { allowSignUp: true, jwks } });
  service = serviceClient(backend);
}, 60_000);
afterAll(async () => {
  await backend.stop();
  issuer.close();
});

async function signUp(): Promise<{ client: SupabaseClient; email: string; password: string; id: string }> {
  const [client, email, password] = [anonClient(backend), `${crypto.randomUUID()}@example.com`, 'a long password'];
  const { data, error } = await client.auth.signUp({ email, password, options: { data: { role: 'admin', name: 'Grace' } } });
  expect(error).toBeNull();
  return { client, email, password, id: data.user!.id };
}

describe('a server with sign-up', () => {
  it('makes a user of whoever asks, without any role, whatever they say of themselves', async () => {
    const { client, id } = await signUp();
    expect((await client.auth.getUser()).data.user).toMatchObject({ id, role: 'authenticated', user_metadata: { name: 'Grace' }, app_metadata: { provider: 'email' } });
    expect((await client.rpc('is_admin_user')).data).toBe(false);
    expect((await service.from('user_roles').select().eq('user_id', id)).data).toEqual([]);
    expect((await client.from('test_execution_runs').select()).data).toEqual([]);
  });

  it('refuses a second user of one address, and what sends mail', async () => {
    const { email, client } = await signUp();
    expect((await anonClient(backend).auth.signUp({ email, password: 'another password' })).error).toMatchObject({ status: 422, code: 'user_already_exists' });
    expect((await anonClient(backend).auth.signInWithOtp({ email: 'new@example.com' })).error).toMatchObject({ status: 404, code: 'not_found' });
    expect((await anonClient(backend).auth.resetPasswordForEmail(email)).error).toMatchObject({ status: 404 });
    expect((await client.auth.updateUser({ email: 'other@example.com' })).error).toMatchObject({ status: 422, code: 'email_provider_disabled' });
    expect((await service.auth.admin.listUsers()).data.users.map((user) => user.email)).not.toContain('new@example.com');
  });
});

describe('a session', () => {
  it('goes on with a new refresh token, and ends when an old one is used again', async () => {
    const { client } = await signUp();
    const first = (await client.auth.getSession()).data.session!;
    const second = (await client.auth.refreshSession()).data.session!;
    const third = (await client.auth.refreshSession()).data.session!;
    expect(new Set([first, second, third].map((session) => session.refresh_token)).size).toBe(3);
    const stolen = await anonClient(backend).auth.refreshSession({ refresh_token: first.refresh_token });
    expect(stolen.error).toMatchObject({ status: 400, code: 'refresh_token_already_used' });
    expect((await anonClient(backend).auth.refreshSession({ refresh_token: third.refresh_token })).error).toMatchObject({ status: 400 });
  });

  it('ends here, elsewhere or everywhere, and its refresh token with it', async () => {
    const { client, email, password } = await signUp();
    const others = [anonClient(backend), anonClient(backend)];
    for (const other of others) expect((await other.auth.signInWithPassword({ email, password })).error).toBeNull();
    const tokens = await Promise.all([client, ...others].map(async (one) => (await one.auth.getSession()).data.session!.refresh_token));
    const isAlive = async (at: number) => (await anonClient(backend).auth.refreshSession({ refresh_token: tokens[at]! })).error === null;

    expect((await others[1]!.auth.signOut({ scope: 'local' })).error).toBeNull();
    expect(await isAlive(2)).toBe(false);
    expect((await client.auth.signOut({ scope: 'others' })).error).toBeNull();
    expect(await isAlive(1)).toBe(false);
    expect((await client.auth.getUser()).error).toBeNull();
    expect((await client.auth.signOut({ scope: 'global' })).error).toBeNull();
    expect(await isAlive(0)).toBe(false);
  });

  it('survives a new password of its user, the others do not', async () => {
    const { client, email, password } = await signUp();
    const other = anonClient(backend);
    await other.auth.signInWithPassword({ email, password });
    expect((await client.auth.updateUser({ password: 'the next password', data: { name: 'Ada' } })).data.user?.user_metadata).toMatchObject({ name: 'Ada' });
    expect((await other.auth.refreshSession()).error).not.toBeNull();
    expect((await client.auth.refreshSession()).error).toBeNull();
    expect((await anonClient(backend).auth.signInWithPassword({ email, password })).error).toMatchObject({ code: 'invalid_credentials' });
    expect((await anonClient(backend).auth.signInWithPassword({ email, password: 'the next password' })).error).toBeNull();
  });
});

describe('an administrator’s key', () => {
  it('changes address, password and what is known of a user, and signs them out', async () => {
    const { client, id } = await signUp();
    const changed = await service.auth.admin.updateUserById(id, { email: 'Renamed@Example.com', password: 'given by us', user_metadata: { name: null, team: 'a' }, app_metadata: { plan: 'pro' } });
    expect(changed.error).toBeNull();
    expect(changed.data.user).toMatchObject({ id, email: 'renamed@example.com', app_metadata: { plan: 'pro', provider: 'email' }, user_metadata: { team: 'a' } });
    expect(changed.data.user?.user_metadata).not.toHaveProperty('name');
    expect((await client.auth.refreshSession()).error).not.toBeNull();
    expect((await anonClient(backend).auth.signInWithPassword({ email: 'renamed@example.com', password: 'given by us' })).data.user?.id).toBe(id);
    expect((await service.auth.admin.listUsers()).data.users.filter((user) => user.email?.endsWith('.invalid'))).toEqual([]);
  });

  it.each<[string, object, object]>([
    ['an address that somebody has', { email: 'taken@example.com' }, { status: 422, code: 'email_exists' }],
    ['a short password', { password: 'abc' }, { status: 422, code: 'weak_password' }],
    ['a role of the database', { role: 'service_role' }, { status: 400, code: 'validation_failed' }],
    ['a ban', { ban_duration: '24h' }, { status: 400, code: 'validation_failed' }],
  ])('gives nobody %s', async (_, attributes, expected) => {
    await service.auth.admin.createUser({ email: 'taken@example.com', password: 'long enough' });
    const { id } = await signUp();
    expect((await service.auth.admin.updateUserById(id, attributes)).error).toMatchObject(expected);
    expect((await service.auth.admin.updateUserById(stranger, attributes)).error?.status).toBeGreaterThanOrEqual(400);
  });
});

describe('a user whom another issuer signed in', () => {
  const claims = { sub: stranger, role: 'authenticated', aud: 'authenticated', email: 'far@example.com' };
  const sign = async (extra: object = {}) =>
    await new SignJWT({ ...claims, ...extra }).setProtectedHeader({ alg: 'ES256', kid: 'theirs' }).setIssuer(jwks.replace('/.well-known/jwks.json', '')).setIssuedAt().setExpirationTime('1h').sign(signer);
  const clientOf = (token: string) =>
    createClient(backend.url, backend.keys.publishableKey, { accessToken: async () => token, realtime: { transport: ws as never } });

  it('is who the token says: in rows, files and realtime', async () => {
    await service.from('jobs').insert([{ user_id: stranger, job_type: 'mine' }, { user_id: backend.admin.id, job_type: 'not mine' }]).throwOnError();
    const client = clientOf(await sign());
    expect((await client.from('jobs').select('job_type')).data).toEqual([{ job_type: 'mine' }]);
    expect((await client.rpc('is_admin_user')).data).toBe(false);
    await service.storage.from('outputs').upload(`${stranger}/far.txt`, 'far away');
    expect(await (await client.storage.from('outputs').download(`${stranger}/far.txt`)).data?.text()).toBe('far away');
    const status = await new Promise((resolve) => client.channel('far').subscribe((state) => resolve(state)));
    expect(status).toBe('SUBSCRIBED');
    await client.removeAllChannels();
    await client.realtime.disconnect();
  });

  it('is no service, whatever the token says', async () => {
    for (const role of ['service_role', 'postgres', 'anon', 'supabase_admin']) {
      expect(await clientOf(await sign({ role })).from('jobs').select()).toMatchObject({ status: 401, error: { code: expect.stringMatching(/^PGRST30[13]$/) } });
    }
  });

  it('checks its token itself by the keys it finds here', async () => {
    const { data, error } = await anonClient(backend).auth.getClaims(await sign());
    expect(error).toBeNull();
    expect(data?.claims).toMatchObject({ sub: stranger, email: 'far@example.com' });
  });
});
