import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../storage/database.ts';
import { tables } from '../protocol/rows.ts';
import { adminClient, anonClient, serviceClient, userClient } from './testing-clients.ts';
import { startTestBackend, type TestBackend } from './testing.ts';

describe.each<Database['engine']>(['pglite', 'postgres'])('on %s', (engine) => {
  let backend: TestBackend;
  beforeAll(async () => {
    backend = await startTestBackend({ engine });
    const service = serviceClient(backend);
    await service
      .from('test_execution_runs')
      .insert(Array.from({ length: 20 }, (_, at) => ({ test_run_id: `secret ${at}` })))
      .throwOnError();
  }, 60_000);
  afterAll(async () => await backend.stop());

  it('100 anonymous requests beside 100 of the service see no row that is not theirs', async () => {
    const [anon, service, user] = [anonClient(backend), serviceClient(backend), await userClient(backend)];
    const requests = Array.from({ length: 100 }, () => [
      anon
        .from('test_execution_runs')
        .select('test_run_id')
        .then(({ data, status }) => ({ who: 'anon', seen: data?.length ?? 0, status })),
      service
        .from('test_execution_runs')
        .select('test_run_id')
        .then(({ data, status }) => ({ who: 'service', seen: data?.length ?? 0, status })),
      user
        .from('test_execution_runs')
        .select('test_run_id')
        .then(({ data, status }) => ({ who: 'user', seen: data?.length ?? 0, status })),
    ]).flat();
    const answers = await Promise.all(requests);
    const distinct = new Set(answers.map((answer) => JSON.stringify(answer)));
    expect([...distinct].toSorted()).toEqual([
      '{"who":"anon","seen":0,"status":401}',
      '{"who":"service","seen":20,"status":200}',
      '{"who":"user","seen":0,"status":200}',
    ]);
  });

  it('anonymous people are granted nothing, before and after requests', async () => {
    await anonClient(backend).from('models').select();
    const service = serviceClient(backend);
    await service.from('models').select();
    // The one path on which @supabase/lite still sets its transaction up itself.
    await service.storage.createBucket('short-lived');
    expect((await service.storage.deleteBucket('short-lived')).error).toBeNull();
    const grants = await backend.database.asOwner(async (transaction) => {
      const { rows } = await transaction.query<{ name: string }>(
        `select c.relnamespace::regnamespace || '.' || c.relname as name from pg_class c
         where c.relkind in ('r', 'v', 'S') and c.relnamespace in ('public'::regnamespace, 'auth'::regnamespace, 'storage'::regnamespace)
           and case when c.relkind = 'S' then has_sequence_privilege('anon', c.oid, 'usage, select, update')
               else has_table_privilege('anon', c.oid, 'select, insert, update, delete, truncate') end`,
      );
      return rows.map(({ name }) => name);
    });
    expect(grants).toEqual([]);
  });

  it.each(Object.keys(tables))('%s shows nothing to anonymous people', async (table) => {
    const anon = anonClient(backend);
    for (const answer of [
      await anon.from(table).select(),
      await anon.from(table).insert({}),
      await anon.from(table).delete().not('created_at', 'is', null),
    ]) {
      expect(answer).toMatchObject({ status: expect.toSatisfy((status: number) => status === 401 || status === 400), data: null });
    }
  });

  it('users cannot read the tables of Auth, nor give themselves a role', async () => {
    const user = await userClient(backend);
    expect(
      (
        await user
          .schema('auth' as never)
          .from('users')
          .select()
      ).error,
    ).toMatchObject({ code: 'PGRST106' });
    const { data } = await user.auth.getUser();
    expect((await user.from('user_roles').insert({ user_id: data.user!.id, role: 'admin' })).status).toBe(403);
    expect((await user.rpc('is_admin_user')).data).toBe(false);
  });

  it('an administrator who loses the role sees nothing with the next request', async () => {
    const admin = await adminClient(backend);
    expect((await admin.from('test_execution_runs').select('test_run_id')).data).toHaveLength(20);
    const service = serviceClient(backend);
    await service.from('user_roles').delete().eq('user_id', backend.admin.id).throwOnError();
    expect((await admin.from('test_execution_runs').select('test_run_id')).data).toEqual([]);
    await service.from('user_roles').insert({ user_id: backend.admin.id, role: 'admin' }).throwOnError();
  });
});
