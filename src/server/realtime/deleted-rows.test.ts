import { randomUUID } from 'node:crypto';
import { REALTIME_SUBSCRIBE_STATES, type RealtimePostgresChangesPayload, type SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { missedChanges } from '../../protocol/realtime.ts';
import { adminClient, anonClient, serviceClient } from '../testing-clients.ts';
import { startTestBackend, type TestBackend } from '../testing.ts';

/*
 * Who hears that a row is gone: whoever could see it, by the policies as they are when it goes.
 */

type Change = RealtimePostgresChangesPayload<Record<string, unknown>>;

describe.each(['pglite', 'postgres'] as const)('a deleted row on %s', (engine) => {
  let backend: TestBackend;
  let service: SupabaseClient;
  let owner: { readonly id: string };
  const clients = new Map<string, SupabaseClient>();

  beforeAll(async () => {
    backend = await startTestBackend({ engine });
    service = serviceClient(backend);
    const users = { owner: await backend.addUser(), other: await backend.addUser() };
    owner = users.owner;
    for (const [name, user] of Object.entries(users)) {
      clients.set(name, anonClient(backend));
      const { error } = await clients.get(name)!.auth.signInWithPassword(user);
      if (error) throw error;
    }
    clients.set('admin', await adminClient(backend));
    clients.set('service', service);
  }, 60_000);
  afterAll(async () => {
    for (const client of clients.values()) await client.realtime.disconnect();
    await backend.stop();
  });

  interface Ear {
    readonly changes: Change[];
    readonly words: string[];
  }

  /** What each of them hears of a table, from now on. */
  async function listen(table: string, more: { readonly filter?: string; readonly event?: 'DELETE' } = {}): Promise<Record<string, Ear>> {
    const ears: Record<string, Ear> = {};
    for (const [name, client] of clients) {
      const ear: Ear = (ears[name] = { changes: [], words: [] });
      await new Promise<void>((resolve, reject) => {
        client
          .channel(randomUUID())
          .on(
            'postgres_changes' as never,
            { event: '*', schema: 'public', table, ...more },
            (change: Change) => void ear.changes.push(change),
          )
          .on('system', {}, ({ status, message }: { status: string; message: string }) => status === 'error' && ear.words.push(message))
          .subscribe((status, error) => (status === REALTIME_SUBSCRIBE_STATES.SUBSCRIBED ? resolve() : reject(error ?? new Error(status))));
      });
    }
    return ears;
  }
  const newJob = async (more: object = {}): Promise<string> => {
    const { data } = await service
      .from('jobs')
      .insert({ job_type: 'image', user_id: owner.id, input: { prompt: 'a secret' }, ...more })
      .select('id')
      .single()
      .throwOnError();
    return data.id as string;
  };
  const remove = async (id: string): Promise<void> => void (await service.from('jobs').delete().eq('id', id).throwOnError());
  const deleted = (ears: Record<string, Ear>): Record<string, unknown[]> =>
    Object.fromEntries(
      Object.entries(ears).map(([name, { changes }]) => [
        name,
        changes.filter(({ eventType }) => eventType === 'DELETE').map(({ old }) => old),
      ]),
    );
  const asOwner = async (sql: string): Promise<void> =>
    void (await backend.database.asOwner(async (transaction) => await transaction.query(sql)));

  it('is told, by its key, to its owner, administrators and the service, and to nobody else', async () => {
    const ears = await listen('jobs');
    const id = await newJob();
    // A row that is gone before it was read back is told of as gone alone.
    await vi.waitFor(() => expect(ears['owner']!.changes).toHaveLength(1));
    await remove(id);
    await vi.waitFor(() => expect(deleted(ears)).toEqual({ owner: [{ id }], admin: [{ id }], service: [{ id }], other: [] }));
    // A row of the other comes after all of it: nothing else is on its way.
    const last = await newJob({ user_id: null });
    await remove(last);
    await vi.waitFor(() => expect(deleted(ears)['admin']).toEqual([{ id }, { id: last }]));
    expect(ears['owner']!.changes.map(({ eventType }) => eventType)).toEqual(['INSERT', 'DELETE']);
    expect(ears['other']).toEqual({ changes: [], words: [] });
    const anon = anonClient(backend)
      .channel('jobs')
      .on('postgres_changes', { event: 'DELETE', schema: 'public', table: 'jobs' }, () => {});
    await expect(
      new Promise((resolve, reject) => anon.subscribe((status, error) => (error ? reject(error) : resolve(status)))),
    ).rejects.toThrow('permission denied for table jobs');
  });

  it('passes the filters that it passed while it was there', async () => {
    const ears = await listen('jobs', { event: 'DELETE', filter: 'status=eq.failed,input=eq."{\\"n\\":1}"' });
    const [passing, other] = [await newJob({ status: 'failed', input: { n: 1 } }), await newJob({ status: 'failed', input: { n: 2 } })];
    await remove(other);
    await remove(passing);
    await vi.waitFor(() => expect(deleted(ears)).toMatchObject({ owner: [{ id: passing }], admin: [{ id: passing }], other: [] }));
  });

  it('is told by the policies as they are now, restrictive ones too', async () => {
    const ears = await listen('jobs');
    await asOwner(`create policy everybody on public.jobs for select using (output_path = 'shared')`);
    await asOwner(`create policy not_secret on public.jobs as restrictive for select to authenticated using (jobs.error is null)`);
    try {
      const [shared, secret] = [await newJob({ output_path: 'shared' }), await newJob({ output_path: 'shared', error: 'secret' })];
      await remove(secret);
      await remove(shared);
      await vi.waitFor(() =>
        expect(deleted(ears)).toEqual({
          owner: [{ id: shared }],
          other: [{ id: shared }],
          admin: [{ id: shared }],
          service: [{ id: secret }, { id: shared }],
        }),
      );
    } finally {
      await asOwner('drop policy everybody on public.jobs; drop policy not_secret on public.jobs');
    }
    const id = await newJob({ output_path: 'shared' });
    await remove(id);
    await vi.waitFor(() => expect(deleted(ears)['owner']!.at(-1)).toEqual({ id }));
    expect(deleted(ears)['other']).toHaveLength(1);
  });

  it('is told to nobody whose right to read the table was taken away', async () => {
    const [ears, id] = [await listen('jobs'), await newJob()];
    await vi.waitFor(() => expect(ears['owner']!.changes).toHaveLength(1));
    await vi.waitFor(() => expect(ears['admin']!.changes).toHaveLength(1));
    await asOwner('revoke select on public.jobs from authenticated');
    try {
      await remove(id);
      await vi.waitFor(() => expect(deleted(ears)['service']).toEqual([{ id }]));
      expect(deleted(ears)).toMatchObject({ owner: [], admin: [] });
    } finally {
      await asOwner('grant select on public.jobs to authenticated');
    }
  });

  it('is told whole where its table keeps whole old rows', async () => {
    await backend.restart(async () => await asOwner('alter table public.jobs replica identity full'));
    for (const client of clients.values()) await client.removeAllChannels();
    const ears = await listen('jobs');
    const id = await newJob();
    await remove(id);
    await vi.waitFor(() => expect(deleted(ears)['owner']).toMatchObject([{ id, input: { prompt: 'a secret' } }]));
    await asOwner('alter table public.jobs replica identity default');
  });

  it('of a run names the run, and deletions too many to be told are said to be missed', async () => {
    const ears = await listen('test_execution_logs');
    const run = randomUUID();
    await service.from('test_execution_runs').insert({ test_run_id: run }).throwOnError();
    await service
      .from('test_execution_logs')
      .insert([{ test_run_id: run, message: 'one' }])
      .throwOnError();
    await service.from('test_execution_logs').delete().eq('test_run_id', run).throwOnError();
    await vi.waitFor(() => expect(deleted(ears)['admin']).toEqual([{ id: expect.any(String), test_run_id: run }]));
    expect(ears['admin']!.words).toEqual([]);
    await asOwner(`insert into public.test_execution_logs (test_run_id, message) select '${run}', n::text from generate_series(1, 1100) n`);
    await vi.waitFor(() => expect(ears['admin']!.words).toHaveLength(1));
    await service.from('test_execution_runs').delete().eq('test_run_id', run).throwOnError();
    await vi.waitFor(() => expect(deleted(ears)['admin']).toHaveLength(1 + 1_024), { timeout: 5_000 });
    await vi.waitFor(() => expect(ears['admin']!.words).toEqual([missedChanges.message, missedChanges.message]));
    expect(deleted(ears)).toMatchObject({ owner: [], other: [] });
  });

  it('and new lines of the ledger are told to whose account it is', async () => {
    const ears = await listen('credit_ledger');
    const { data } = await service
      .from('credit_ledger')
      .insert({ user_id: owner.id, kind: 'grant', amount: 5 })
      .select('id')
      .single()
      .throwOnError();
    await vi.waitFor(() => expect(ears['owner']!.changes).toMatchObject([{ eventType: 'INSERT', new: { id: data.id, amount: 5 } }]));
    await vi.waitFor(() => expect(ears['admin']!.changes).toHaveLength(1));
    expect(ears['other']!.changes).toEqual([]);
  });
});
