import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SupabaseClient } from '@supabase/supabase-js';
import { adminClient, anonClient, serviceClient, userClient } from './testing-clients.ts';
import { startTestBackend, type TestBackend } from './testing.ts';

/*
 * What an unmodified supabase-js can do with our server. Reads as documentation; every call is one that
 * somebody's program makes.
 */

let backend: TestBackend;
let service: SupabaseClient;
let admin: SupabaseClient;

beforeAll(async () => {
  backend = await startTestBackend();
  service = serviceClient(backend);
  admin = await adminClient(backend);
  await service
    .from('test_execution_runs')
    .insert([
      { test_run_id: 'red', model_name: 'FLUX', status: 'completed', tags: ['a', 'b'], inputs: { prompt: 'a lighthouse' } },
      { test_run_id: 'green', model_name: 'SDXL', status: 'failed', tags: ['b'], inputs: { prompt: 'a cat' }, parent_run_id: 'red' },
      { test_run_id: 'blue', model_name: null, status: 'running', tags: [], inputs: { prompt: 'fog, at night' } },
    ])
    .throwOnError();
  await service
    .from('test_execution_logs')
    .insert(Array.from({ length: 25 }, (_, at) => ({ test_run_id: 'red', message: `line ${at}`, step_number: at % 5, data: { at } })))
    .throwOnError();
});
afterAll(async () => await backend.stop());

describe('reading', () => {
  const ids = async (query: PromiseLike<{ data: { test_run_id: string }[] | null; error: unknown }>): Promise<string[]> => {
    const { data, error } = await query;
    expect(error).toBeNull();
    return data!.map((row) => row.test_run_id);
  };
  const runs = () => admin.from('test_execution_runs').select('test_run_id').order('test_run_id');

  it.each<[string, () => ReturnType<typeof runs>, string[]]>([
    ['eq', () => runs().eq('status', 'failed'), ['green']],
    ['neq', () => runs().neq('status', 'failed'), ['blue', 'red']],
    ['in', () => runs().in('test_run_id', ['red', 'blue', 'a,b']), ['blue', 'red']],
    ['is null', () => runs().is('model_name', null), ['blue']],
    ['not', () => runs().not('model_name', 'is', null), ['green', 'red']],
    ['like', () => runs().like('model_name', 'F%'), ['red']],
    ['ilike', () => runs().ilike('model_name', '%sd%'), ['green']],
    ['or', () => runs().or('status.eq.failed,model_name.eq.FLUX'), ['green', 'red']],
    ['contains of an array', () => runs().contains('tags', ['a']), ['red']],
    ['overlaps', () => runs().overlaps('tags', ['a', 'b']), ['green', 'red']],
    ['a path into JSON', () => runs().eq('inputs->>prompt', 'fog, at night'), ['blue']],
    ['contains of JSON', () => runs().contains('inputs', { prompt: 'a cat' }), ['green']],
    ['gt on time', () => runs().gt('created_at', '2020-01-01T00:00:00Z').lt('created_at', '2020-01-02'), []],
  ])('filters by %s', async (_, query, expected) => {
    expect(await ids(query())).toEqual(expected);
  });

  it('pages by range and counts', async () => {
    const { data, count, status } = await admin
      .from('test_execution_logs')
      .select('message', { count: 'exact' })
      .order('seq')
      .range(10, 12);
    expect({ data, count, status }).toEqual({
      data: [{ message: 'line 10' }, { message: 'line 11' }, { message: 'line 12' }],
      count: 25,
      status: 206,
    });
  });

  it('counts without rows', async () => {
    const { count, data } = await admin.from('test_execution_logs').select('*', { count: 'exact', head: true }).eq('step_number', 3);
    expect({ count, data }).toEqual({ count: 5, data: null });
  });

  it('joins rows of other tables', async () => {
    const { data, error } = await admin
      .from('test_execution_runs')
      .select('test_run_id, test_execution_logs(message)')
      .eq('test_run_id', 'red')
      .limit(2, { referencedTable: 'test_execution_logs' });
    expect(error).toBeNull();
    expect(data).toEqual([{ test_run_id: 'red', test_execution_logs: [{ message: expect.any(String) }, { message: expect.any(String) }] }]);
  });

  it('gives one row, or says how many there were', async () => {
    expect((await admin.from('test_execution_runs').select('status').eq('test_run_id', 'red').single()).data).toEqual({
      status: 'completed',
    });
    expect((await admin.from('test_execution_runs').select('status').eq('test_run_id', 'none').maybeSingle()).data).toBeNull();
    const { error, status } = await admin.from('test_execution_runs').select('status').single();
    expect(status).toBe(406);
    expect(error).toMatchObject({ code: 'PGRST116', details: 'The result contains 3 rows' });
  });

  it('writes CSV', async () => {
    const { data } = await admin.from('test_execution_runs').select('test_run_id,status').order('test_run_id').csv();
    expect(data).toBe('test_run_id,status\nblue,running\ngreen,failed\nred,completed');
  });
});

describe('writing', () => {
  it('inserts with defaults, updates, and deletes', async () => {
    const inserted = await service
      .from('test_execution_runs')
      .insert({ test_run_id: 'w', model_name: 'X' })
      .select('test_run_id, status, tags, inputs')
      .single();
    expect(inserted).toMatchObject({ status: 201, data: { test_run_id: 'w', status: 'pending', tags: [], inputs: {} } });
    const updated = await admin
      .from('test_execution_runs')
      .update({ bookmarked: true, tags: ['kept', 'two words'] })
      .eq('test_run_id', 'w')
      .select('bookmarked, tags');
    expect(updated.data).toEqual([{ bookmarked: true, tags: ['kept', 'two words'] }]);
    const removed = await admin.from('test_execution_runs').delete().eq('test_run_id', 'w');
    expect(removed).toMatchObject({ status: 204, error: null });
    expect((await admin.from('test_execution_runs').select().eq('test_run_id', 'w')).data).toEqual([]);
  });

  it('inserts rows of nothing but defaults', async () => {
    expect(await service.from('test_execution_runs').insert({})).toMatchObject({ status: 201, error: null });
    const { status, data } = await service.from('test_execution_runs').insert([{}, {}]).select('test_run_id, status');
    expect({ status, data }).toEqual({
      status: 201,
      data: [
        { test_run_id: expect.any(String), status: 'pending' },
        { test_run_id: expect.any(String), status: 'pending' },
      ],
    });
    for (const rows of [{}, [{}, {}]]) {
      expect(await anonClient(backend).from('test_execution_runs').insert(rows)).toMatchObject({ status: 401, error: { code: '42501' } });
      expect(await (await userClient(backend)).from('test_execution_runs').insert(rows)).toMatchObject({ status: 403, error: { code: '42501' } });
    }
    await service.from('test_execution_runs').delete().is('model_name', null).eq('status', 'pending').throwOnError();
  });

  it('upserts', async () => {
    const model = { model_record_id: 'm', model_name: 'First', model_provider: 'x', model_content_type: 'y', provider_ref: 'z' };
    await service.from('models').upsert(model).throwOnError();
    const { data } = await service
      .from('models')
      .upsert({ ...model, model_name: 'Second' })
      .select('model_name');
    expect(data).toEqual([{ model_name: 'Second' }]);
    await service
      .from('models')
      .upsert({ ...model, model_name: 'Third' }, { ignoreDuplicates: true })
      .throwOnError();
    expect((await service.from('models').select('model_name').eq('model_record_id', 'm')).data).toEqual([{ model_name: 'Second' }]);
  });

  it.each([['text'], ['1'], ['{"a":1}'], [''], ['null'], [[1, 'a']], [5], [true], [{ x: ['y'] }]])(
    'keeps %j in a JSON column as it is',
    async (data) => {
      const { data: rows, error } = await service
        .from('test_execution_logs')
        .insert({ test_run_id: 'blue', message: 'm', data })
        .select('data');
      expect(error).toBeNull();
      expect(rows).toEqual([{ data }]);
    },
  );

  it('accepts what a program with the columns of the original schema inserts', async () => {
    const { data } = await service
      .from('test_execution_logs')
      .insert({ test_run_id: 'blue', message: 'm', log_level: 'WARNING', execution_context: 'edge' })
      .select('log_level, execution_context');
    expect(data).toEqual([{ log_level: 'warn', execution_context: 'edge_function' }]);
  });
});

describe('functions', () => {
  it('are called by name, with GET as well when they only read', async () => {
    const first = await admin.rpc('run_changes', { run_id: 'red', after_seq: 0, max_rows: 5 });
    expect(first.data).toMatchObject({ complete: false, last_seq: expect.any(Number) });
    const { data } = await admin.rpc('get_test_run_summary', { run_id: 'red' }, { get: true });
    expect(data).toMatchObject({ test_run_id: 'red', log_count: 25 });
  });

  it('that are not there are named', async () => {
    expect(await admin.rpc('frobnicate', { a: 1 })).toMatchObject({ status: 404, error: { code: 'PGRST202' } });
  });

  it('refuse who may not call them', async () => {
    expect(await admin.rpc('ingest', { batch: {} })).toMatchObject({ status: 403, error: { code: '42501' } });
    expect(await admin.rpc('claim_run', { runner_id: 'x', pipeline_keys: [] })).toMatchObject({ status: 403, error: { code: '42501' } });
  });
});

describe('signing in', () => {
  it('gives a session that refreshes and ends', async () => {
    const client = anonClient(backend);
    const { data, error } = await client.auth.signInWithPassword(backend.admin);
    expect(error).toBeNull();
    expect(data.session).toMatchObject({
      token_type: 'bearer',
      expires_in: 3600,
      user: { email: backend.admin.email, role: 'authenticated' },
    });
    expect((await client.auth.getUser()).data.user).toMatchObject({ id: backend.admin.id });
    const refreshed = await client.auth.refreshSession();
    expect(refreshed.data.session?.access_token).toEqual(expect.any(String));
    expect((await client.rpc('is_admin_user')).data).toBe(true);
    expect((await client.auth.signOut()).error).toBeNull();
  });

  it('says no to a wrong password', async () => {
    const { error } = await anonClient(backend).auth.signInWithPassword({ email: backend.admin.email, password: 'guess' });
    expect(error).toMatchObject({ status: 400, code: 'invalid_credentials' });
  });

  it('is for people who were given an account', async () => {
    const { error } = await anonClient(backend).auth.signUp({ email: 'stranger@example.com', password: 'a long password' });
    expect(error?.message).toMatch(/not allowed|disabled/i);
  });

  it('without a role shows no runs', async () => {
    const user = await userClient(backend);
    expect((await user.rpc('is_admin_user')).data).toBe(false);
    expect((await user.from('test_execution_runs').select()).data).toEqual([]);
  });
});

describe('files', () => {
  it('are uploaded, listed, read and removed', async () => {
    const outputs = service.storage.from('outputs');
    expect((await outputs.upload('run/one.png', Buffer.from('image'), { contentType: 'image/png' })).error).toBeNull();
    expect((await outputs.upload('run/one.png', Buffer.from('again'))).error).toMatchObject({ message: expect.stringMatching(/exists/i) });
    const { data: file } = await admin.storage.from('outputs').download('run/one.png');
    expect({ type: file?.type, text: await file?.text() }).toEqual({ type: 'image/png', text: 'image' });
    const { data: signed } = await outputs.createSignedUrl('run/one.png', 60);
    expect(await (await fetch(signed!.signedUrl)).text()).toBe('image');
    expect((await outputs.remove(['run/one.png'])).error).toBeNull();
    expect((await outputs.download('run/one.png')).error).not.toBeNull();
  });

  it('say to who may not read them that it is reading they may not', async () => {
    const { outputs, buckets } = { outputs: anonClient(backend).storage.from('outputs'), buckets: anonClient(backend).storage };
    const answers = await Promise.all([outputs.list(), outputs.createSignedUrl('run/one.png', 60), outputs.info('run/one.png'), buckets.listBuckets()]);
    for (const { error } of answers) expect(error).toMatchObject({ status: 400, statusCode: '403', message: expect.stringContaining('may not read') });
    const download = await fetch(`${backend.url}/storage/v1/object/outputs/run/one.png`, { headers: { apikey: backend.keys.publishableKey } });
    expect({ status: download.status, body: await download.json() }).toMatchObject({ status: 400, body: { statusCode: '403', message: expect.stringContaining('may not read') } });
  });

  it('are not for everybody', async () => {
    await service.storage.from('outputs').upload('secret/two.txt', Buffer.from('mine'));
    for (const stranger of [anonClient(backend), await userClient(backend)]) {
      expect((await stranger.storage.from('outputs').download('secret/two.txt')).error).not.toBeNull();
      expect((await stranger.storage.from('outputs').upload('secret/three.txt', Buffer.from('x'))).error).not.toBeNull();
    }
  });
});

describe('mistakes', () => {
  it.each<[string, (client: SupabaseClient) => PromiseLike<unknown>, object]>([
    ['an unknown table', (client) => client.from('nope').select(), { status: 404, error: { code: 'PGRST205' } }],
    [
      'a join of tables that nothing relates',
      (client) => client.from('test_execution_runs').select('*, models(*)'),
      { status: 400, error: { code: 'PGRST200', details: expect.stringContaining('foreign key') } },
    ],
    ['a list of columns that has no end', (client) => client.from('models').select('a(b' as '*'), { status: 400, error: { code: 'PGRST100' } }],
    ['an order by nothing', (client) => client.from('models').select().order('a.b.c.d'), { status: 400, error: { code: 'PGRST100' } }],
    ['an unknown column', (client) => client.from('models').select('nope'), { status: 400, error: { code: '42703' } }],
    ['a column that is not there to write', (client) => client.from('models').insert({ nope: 1 }), { status: 400 }],
    [
      'text for a number',
      (client) => client.from('test_execution_logs').select().eq('seq', 'abc'),
      { status: 400, error: { code: '22P02' } },
    ],
    [
      'an unknown operator',
      (client) => client.from('models').select().filter('model_name', 'near', '1'),
      { status: 400, error: { code: 'PGRST100' } },
    ],
    ['a missing value', (client) => client.from('models').insert({ model_record_id: 'q' }), { status: 400, error: { code: '23502' } }],
    [
      'a value twice',
      (client) => client.from('test_execution_runs').insert({ test_run_id: 'red' }),
      { status: 409, error: { code: '23505' } },
    ],
    [
      'a run that is not there',
      (client) => client.from('test_execution_logs').insert({ test_run_id: 'none', message: 'x' }),
      { status: 409, error: { code: '23503' } },
    ],
    [
      'a range beyond the end',
      (client) => client.from('models').select('*', { count: 'exact' }).range(1000, 1001),
      { status: 416, error: { code: 'PGRST103' } },
    ],
  ])('%s', async (_, call, expected) => {
    expect(await call(service)).toMatchObject(expected);
  });
});
