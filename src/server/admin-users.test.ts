import { REALTIME_SUBSCRIBE_STATES, type Session, type SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { adminClient, anonClient, serviceClient, userClient } from './testing-clients.ts';
import { startTestBackend, type TestBackend } from './testing.ts';

let backend: TestBackend;
let service: SupabaseClient;

beforeAll(async () => {
  backend = await startTestBackend();
  service = serviceClient(backend);
}, 60_000);
afterAll(async () => await backend.stop());

const ada = { email: 'Ada@Example.com', password: 'difference engine' };

describe('users', () => {
  it('are made, read, listed and removed with the secret key, and sign in meanwhile', async () => {
    const made = await service.auth.admin.createUser({ ...ada, email_confirm: true, user_metadata: { name: 'Ada' } });
    expect(made.error).toBeNull();
    const { id } = made.data.user!;
    expect(made.data.user).toMatchObject({ email: 'ada@example.com', role: 'authenticated', user_metadata: { name: 'Ada', email: 'ada@example.com' }, identities: [{ provider: 'email' }] });
    expect(made.data.user?.last_sign_in_at).toBeNull();
    expect((await service.from('user_roles').select().eq('user_id', id)).data).toEqual([]);
    expect((await service.auth.admin.getUserById(id)).data.user).toMatchObject({ id, email: 'ada@example.com' });

    const client = anonClient(backend);
    const { data } = await client.auth.signInWithPassword(ada);
    expect(data.user).toMatchObject({ id, email: 'ada@example.com' });
    expect((await service.auth.admin.getUserById(id)).data.user?.last_sign_in_at).toEqual(expect.any(String));

    const all = await service.auth.admin.listUsers({ page: 2, perPage: 1 });
    expect(all.data).toMatchObject({ users: [{ id }], total: 2, lastPage: 2 });

    await service.from('user_roles').insert({ user_id: id, role: 'admin' }).throwOnError();
    expect((await client.rpc('is_admin_user')).data).toBe(true);
    expect((await service.auth.admin.deleteUser(id)).error).toBeNull();
    const refused = { code: 'PGRST303', message: 'the user of this token was removed' };
    expect((await client.rpc('is_admin_user')).error).toMatchObject(refused);
    expect((await client.from('jobs').select()).error).toMatchObject(refused);
    expect((await client.storage.listBuckets()).error).not.toBeNull();
    expect((await anonClient(backend).auth.signInWithPassword(ada)).error).toMatchObject({ code: 'invalid_credentials' });
    expect((await service.auth.admin.getUserById(id)).error).toMatchObject({ status: 404, code: 'user_not_found' });
    expect((await service.auth.admin.deleteUser(id)).error).toMatchObject({ status: 404, code: 'user_not_found' });
  });

  it.each<[string, object, object]>([
    ['an address that somebody has', { email: 'ADMIN2@example.com', password: 'long enough' }, { status: 422, code: 'email_exists' }],
    ['a short password', { email: 'short@example.com', password: 'abc' }, { status: 422, code: 'weak_password' }],
    ['no address', { password: 'long enough' }, { status: 400, code: 'validation_failed' }],
    ['a word for an address', { email: 'nobody', password: 'long enough' }, { status: 400, code: 'validation_failed' }],
    ['a role of the database', { email: 'x@example.com', password: 'long enough', role: 'service_role' }, { status: 400, code: 'validation_failed' }],
  ])('are not made with %s', async (_, attributes, expected) => {
    await service.auth.admin.createUser({ email: 'admin2@example.com', password: 'long enough' });
    const before = (await service.auth.admin.listUsers()).data.users.length;
    expect((await service.auth.admin.createUser(attributes)).error).toMatchObject(expected);
    expect((await service.auth.admin.listUsers()).data.users).toHaveLength(before);
  });

  it('of one address, made at once, are one', async () => {
    const twice = await Promise.all([1, 2, 3].map(async () => await service.auth.admin.createUser({ email: 'once@example.com', password: 'long enough' })));
    expect(twice.filter(({ error }) => error?.code === 'email_exists')).toHaveLength(2);
    expect(twice.filter(({ error }) => error === null)).toHaveLength(1);
    const { users } = (await service.auth.admin.listUsers()).data;
    expect(users.filter(({ email }) => email === 'once@example.com' || email?.endsWith('.invalid'))).toHaveLength(1);
  });

  it('are the business of the service alone', async () => {
    const refused = async (client: SupabaseClient) =>
      (await Promise.all([client.auth.admin.listUsers(), client.auth.admin.createUser(ada), client.auth.admin.deleteUser(backend.admin.id)])).map(({ error }) => error?.status);
    expect(await refused(anonClient(backend))).toEqual([401, 401, 401]);
    for (const client of [await userClient(backend), await adminClient(backend)]) {
      // auth-js sends its key for these calls unless it is told otherwise.
      const token = (await client.auth.getSession()).data.session!.access_token;
      const answers = await Promise.all(
        [['GET', ''], ['POST', ''], ['DELETE', `/${backend.admin.id}`]].map(async ([method, path]) => {
          const headers = { apikey: backend.keys.secretKey, authorization: `Bearer ${token}`, 'content-type': 'application/json' };
          return (await fetch(`${backend.url}/auth/v1/admin/users${path}`, { method: method!, headers, ...(method === 'POST' ? { body: JSON.stringify(ada) } : {}) })).status;
        }),
      );
      expect(answers).toEqual([403, 403, 403]);
    }
  });
});

describe('a signed-in user who is no administrator', () => {
  let user: SupabaseClient;
  let session: Session;

  beforeAll(async () => {
    user = await userClient(backend);
    session = (await user.auth.getSession()).data.session!;
    await service.from('test_execution_runs').insert({ test_run_id: 'theirs', model_name: 'FLUX' }).throwOnError();
    await service.from('test_execution_logs').insert({ test_run_id: 'theirs', message: 'not for everybody' }).throwOnError();
    await service
      .from('jobs')
      .insert([
        { user_id: session.user.id, job_type: 'mine' },
        { user_id: backend.admin.id, job_type: 'not mine' },
        { user_id: null, job_type: 'nobody’s' },
      ])
      .throwOnError();
    await service
      .from('credit_ledger')
      .insert([
        { user_id: session.user.id, kind: 'grant', amount: 5 },
        { user_id: backend.admin.id, kind: 'grant', amount: 7 },
      ])
      .throwOnError();
  });
  afterAll(async () => {
    await user.removeAllChannels();
    await user.realtime.disconnect();
  });

  const nothing = [
    'test_execution_runs', 'test_execution_steps', 'test_execution_logs', 'test_execution_snapshots', 'snapshot_blobs', 'test_execution_comparisons',
    'test_execution_commands', 'breakpoints', 'pipelines', 'models', 'runners', 'user_roles', 'audit_log', 'run_sequences',
  ];

  it('sees their own jobs and ledger, and nothing else', async () => {
    expect((await user.from('jobs').select('job_type')).data).toEqual([{ job_type: 'mine' }]);
    expect((await user.from('credit_ledger').select('amount')).data).toEqual([{ amount: 5 }]);
    const rest = await Promise.all(nothing.map(async (table) => [table, (await user.from(table).select('*', { count: 'exact' })).count] as const));
    expect(rest).toEqual(nothing.map((table) => [table, 0]));
    expect((await user.rpc('run_changes', { run_id: 'theirs', after_seq: 0, max_rows: 10 })).data).toMatchObject({ changes: [] });
  });

  it('writes nothing, least of all a role', async () => {
    expect(await user.from('user_roles').insert({ user_id: session.user.id, role: 'admin' })).toMatchObject({ status: 403, error: { code: '42501' } });
    expect(await user.from('jobs').insert({ user_id: session.user.id, job_type: 'x' })).toMatchObject({ status: 403 });
    expect(await user.from('credit_ledger').insert({ user_id: session.user.id, kind: 'grant', amount: 1e6 })).toMatchObject({ status: 403 });
    expect(await user.from('test_execution_runs').update({ notes: 'x' }).eq('test_run_id', 'theirs').select()).toMatchObject({ data: [] });
    expect((await service.from('test_execution_runs').select('notes').eq('test_run_id', 'theirs')).data).toEqual([{ notes: null }]);
  });

  it('becomes administrator by a row in user_roles, and stops being one with it, also where they listen', async () => {
    const admin = await adminClient(backend);
    const [heard, heardByAdmin] = [await listen(user), await listen(admin)];
    const say = async (message: string) => {
      await service.from('test_execution_logs').insert({ test_run_id: 'theirs', message }).throwOnError();
      // Whoever may hear it has heard it then: rows are read for all listeners before the next ones are.
      await vi.waitFor(() => expect(heardByAdmin).toContain(message), { timeout: 10_000 });
    };
    const role = { user_id: session.user.id, role: 'admin' };

    await say('before');
    await service.from('user_roles').insert(role).throwOnError();
    expect((await user.from('test_execution_logs').select('message').eq('test_run_id', 'theirs')).data).toHaveLength(2);
    await say('meanwhile');
    await vi.waitFor(() => expect(heard).toEqual(['meanwhile']), { timeout: 10_000 });

    await service.from('user_roles').delete().match(role).throwOnError();
    expect((await user.from('test_execution_logs').select('message')).data).toEqual([]);
    await say('after');
    await service.from('user_roles').insert(role).throwOnError();
    await say('again');
    await vi.waitFor(() => expect(heard).toEqual(['meanwhile', 'again']), { timeout: 10_000 });

    await admin.removeAllChannels();
    await admin.realtime.disconnect();
  });

  async function listen(client: SupabaseClient): Promise<readonly string[]> {
    const heard: string[] = [];
    const channel = client.channel('test-execution-theirs').on('postgres_changes', { event: 'INSERT', schema: 'public', table: 'test_execution_logs' }, ({ new: row }) => heard.push(String(row['message'])));
    await new Promise<void>((resolve, reject) => {
      channel.subscribe((status, error) => (status === REALTIME_SUBSCRIBE_STATES.SUBSCRIBED ? resolve() : reject(error ?? new Error(status))));
    });
    return heard;
  }
});
