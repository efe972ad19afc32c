import {
  REALTIME_SUBSCRIBE_STATES,
  type RealtimeChannel,
  type RealtimePostgresChangesPayload,
  type SupabaseClient,
} from '@supabase/supabase-js';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { missedChanges } from '../../protocol/realtime.ts';
import type { Database } from '../../storage/database.ts';
import { adminClient, anonClient, serviceClient, userClient } from '../testing-clients.ts';
import { startTestBackend, type TestBackend } from '../testing.ts';

type Row = Record<string, unknown>;
type Change = RealtimePostgresChangesPayload<Row>;

let backend: TestBackend;
let service: SupabaseClient;
const clients: SupabaseClient[] = [];
/** One for each engine: both protocol versions meet on the same. */
const backends = new Map<Database['engine'], TestBackend>();

async function use(engine: Database['engine']): Promise<void> {
  backend = backends.get(engine) ?? (await startTestBackend({ engine }));
  backends.set(engine, backend);
  service = serviceClient(backend);
}

/** Closes the client's sockets when the test is over. */
async function using(client: SupabaseClient | Promise<SupabaseClient>): Promise<SupabaseClient> {
  clients.push(await client);
  return await client;
}

afterEach(async () => {
  await Promise.all(
    clients.splice(0).map(async (client) => {
      await client.removeAllChannels();
      await client.realtime.disconnect();
    }),
  );
});
afterAll(async () => {
  for (const one of backends.values()) await one.stop();
});

async function subscribed(channel: RealtimeChannel): Promise<RealtimeChannel> {
  await new Promise<void>((resolve, reject) => {
    channel.subscribe((status, error) =>
      status === REALTIME_SUBSCRIBE_STATES.SUBSCRIBED ? resolve() : reject(error ?? new Error(status)),
    );
  });
  return channel;
}

const byName = ([left]: [string, unknown], [right]: [string, unknown]): number => left.localeCompare(right);

let lastRun = 0;
async function newRun(): Promise<string> {
  const id = `run-${(lastRun += 1)}`;
  await service.from('test_execution_runs').insert({ test_run_id: id }).throwOnError();
  return id;
}

const log = async (run: string, ...messages: string[]): Promise<void> =>
  void (await service
    .from('test_execution_logs')
    .insert(messages.map((message) => ({ test_run_id: run, message })))
    .throwOnError());

describe.each([
  ['pglite', '1.0.0'],
  ['pglite', '2.0.0'],
  ['postgres', '2.0.0'],
] as const)('on %s, in protocol %s', (engine, vsn) => {
  beforeAll(async () => await use(engine), 60_000);
  const admin = async (): Promise<SupabaseClient> => await using(adminClient(backend, { vsn }));

  it('the documented snippet receives the log of a run while it is written', async () => {
    const supabase = await admin();
    const testRunId = await newRun();
    const received: Change[] = [];
    await subscribed(
      supabase
        .channel(`test-execution-${testRunId}`)
        .on(
          'postgres_changes',
          { event: 'INSERT', schema: 'public', table: 'test_execution_logs', filter: `test_run_id=eq.${testRunId}` },
          (payload) => {
            received.push(payload);
          },
        ),
    );
    await log(await newRun(), 'of another run');
    await log(testRunId, 'one', 'two');
    await log(testRunId, 'three');
    await vi.waitFor(() => expect(received).toHaveLength(3));
    expect(received.map((change) => (change.new as Row)['message'])).toEqual(['one', 'two', 'three']);
    expect(received[0]).toMatchObject({
      schema: 'public',
      table: 'test_execution_logs',
      eventType: 'INSERT',
      errors: null,
      old: {},
      new: { test_run_id: testRunId, log_level: 'info', seq: expect.any(Number), timestamp: expect.stringMatching(/^\d{4}-.*T.*[+Z]/) },
    });
  });

  it('inserts, updates and deletes reach the bindings they are for', async () => {
    const supabase = await admin();
    const seen: [string, string, unknown][] = [];
    const channel = supabase.channel('runs');
    for (const event of ['INSERT', 'UPDATE', 'DELETE', '*'] as const) {
      channel.on(
        'postgres_changes' as never,
        { event, schema: 'public', table: 'test_execution_runs', ...(event === 'UPDATE' && { filter: 'status=in.(paused,failed)' }) },
        (change: Change) => {
          seen.push([event, change.eventType, change.eventType === 'DELETE' ? change.old['test_run_id'] : change.new['status']]);
        },
      );
    }
    await subscribed(channel);
    const run = await newRun();
    await service.from('test_execution_runs').update({ status: 'running' }).eq('test_run_id', run).throwOnError();
    // A row is told as it is when it is read: the next change waits until this one has been.
    await vi.waitFor(() => expect(seen).toContainEqual(['*', 'UPDATE', 'running']));
    await service.from('test_execution_runs').update({ status: 'paused' }).eq('test_run_id', run).throwOnError();
    await service.from('test_execution_runs').delete().eq('test_run_id', run).throwOnError();
    await vi.waitFor(() => expect(seen.at(-1)?.[1]).toBe('DELETE'));
    await vi.waitFor(() => expect(seen.filter(([, type]) => type === 'DELETE')).toHaveLength(2));
    expect(seen.filter(([binding]) => binding === 'INSERT')).toHaveLength(1);
    expect(seen.filter(([binding]) => binding === 'UPDATE')).toEqual([['UPDATE', 'UPDATE', 'paused']]);
    expect(seen.filter(([binding]) => binding === 'DELETE')).toEqual([['DELETE', 'DELETE', run]]);
    expect(seen.filter(([binding]) => binding === '*').map(([, type]) => type)).toEqual(['INSERT', 'UPDATE', 'UPDATE', 'DELETE']);
  });

  it('everything written after SUBSCRIBED arrives, once and in order', async () => {
    const supabase = await admin();
    const run = await newRun();
    const received: number[] = [];
    await subscribed(
      supabase
        .channel('all')
        .on(
          'postgres_changes',
          { event: 'INSERT', schema: 'public', table: 'test_execution_logs', filter: `test_run_id=eq.${run}` },
          (change) => received.push(change.new['seq'] as number),
        ),
    );
    await Promise.all(Array.from({ length: 40 }, async (_, at) => await log(run, `a ${at}`, `b ${at}`, `c ${at}`)));
    await vi.waitFor(() => expect(received).toHaveLength(120), { timeout: 10_000 });
    expect(received).toEqual(received.toSorted((left, right) => left - right));
    expect(new Set(received).size).toBe(120);
  });

  it('a user who may not read runs hears nothing of them', async () => {
    const [user, supabase] = [await using(userClient(backend, { vsn })), await admin()];
    const [run, heard, seen]: [string, Change[], Change[]] = [await newRun(), [], []];
    const binding = { event: '*', schema: 'public', table: 'test_execution_runs' } as const;
    await subscribed(user.channel('runs').on('postgres_changes', binding, (change) => void heard.push(change as Change)));
    await subscribed(supabase.channel('runs').on('postgres_changes', binding, (change) => void seen.push(change as Change)));
    await service.from('test_execution_runs').update({ notes: 'x' }).eq('test_run_id', run).throwOnError();
    await service.from('test_execution_runs').delete().eq('test_run_id', run).throwOnError();
    await vi.waitFor(() => expect(seen.map((change) => change.eventType).slice(-2)).toEqual(['UPDATE', 'DELETE']));
    expect(heard).toEqual([]);
  });

  it('joining says why not', async () => {
    const anon = await using(anonClient(backend, { vsn }));
    const supabase = await admin();
    const join = async (client: SupabaseClient, binding: object): Promise<unknown> =>
      await subscribed(
        client.channel(crypto.randomUUID()).on('postgres_changes' as never, { event: '*', schema: 'public', ...binding }, () => {}),
      );
    await expect(join(anon, { table: 'test_execution_runs' })).rejects.toThrow('permission denied for table test_execution_runs');
    await expect(join(supabase, { table: 'nope' })).rejects.toThrow('changes of table nope are not published');
    await expect(join(supabase, { table: 'test_execution_runs', filter: 'nope=eq.1' })).rejects.toThrow('invalid column for filter nope');
    await expect(join(supabase, { schema: 'auth', table: 'users' })).rejects.toThrow('changes of schema auth are not published');
    await expect(subscribed((await using(userClient(backend, { vsn }))).channel('run:1', { config: { private: true } }))).rejects.toThrow(
      'Unauthorized',
    );
  });

  it('broadcasts reach the others on the channel, the sender when asked, and acknowledge when asked', async () => {
    const [one, two] = [await using(anonClient(backend, { vsn })), await using(anonClient(backend, { vsn }))];
    const heard: [string, unknown][] = [];
    const first = one
      .channel('room', { config: { broadcast: { self: true, ack: true } } })
      .on('broadcast', { event: 'hello' }, ({ payload }) => void heard.push(['first', payload]));
    const second = two.channel('room').on('broadcast', { event: '*' }, ({ payload }) => void heard.push(['second', payload]));
    await subscribed(first);
    await subscribed(second);
    expect(await first.send({ type: 'broadcast', event: 'hello', payload: { text: 'grüße' } })).toBe('ok');
    await vi.waitFor(() =>
      expect(heard.toSorted(byName)).toEqual([
        ['first', { text: 'grüße' }],
        ['second', { text: 'grüße' }],
      ]),
    );
    heard.length = 0;
    await second.send({ type: 'broadcast', event: 'hello', payload: { text: 'back' } });
    await vi.waitFor(() => expect(heard).toEqual([['first', { text: 'back' }]]));
    heard.length = 0;
    const response = await fetch(`${backend.url}/realtime/v1/api/broadcast`, {
      method: 'POST',
      headers: { apikey: backend.keys.publishableKey, 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [{ topic: 'room', event: 'hello', payload: { text: 'by HTTP' } }] }),
    });
    expect(response.status).toBe(202);
    await vi.waitFor(() =>
      expect(heard.toSorted(byName)).toEqual([
        ['first', { text: 'by HTTP' }],
        ['second', { text: 'by HTTP' }],
      ]),
    );
  });

  it('presence tells who is there, who comes and who goes', async () => {
    const [one, two] = [await using(anonClient(backend, { vsn })), await using(anonClient(backend, { vsn }))];
    const events: string[] = [];
    const here = one.channel('desk', { config: { presence: { key: 'one' } } });
    here
      .on('presence', { event: 'join' }, ({ key }) => void events.push(`${key} came`))
      .on('presence', { event: 'leave' }, ({ key }) => void events.push(`${key} went`));
    await subscribed(here);
    const there = two.channel('desk', { config: { presence: { key: 'two' } } });
    await subscribed(there);
    expect(await there.track({ name: 'Ada' })).toBe('ok');
    await vi.waitFor(() => expect(here.presenceState()).toMatchObject({ two: [{ name: 'Ada' }] }));
    await two.removeChannel(there);
    await vi.waitFor(() => expect(events).toEqual(['two came', 'two went']));
  });

  it('leaving ends what is told', async () => {
    const supabase = await admin();
    const [run, left, stayed]: [string, Change[], Change[]] = [await newRun(), [], []];
    const binding = { event: 'INSERT', schema: 'public', table: 'test_execution_logs', filter: `test_run_id=eq.${run}` } as const;
    const gone = await subscribed(supabase.channel('gone').on('postgres_changes', binding, (change) => void left.push(change as Change)));
    await subscribed(supabase.channel('stays').on('postgres_changes', binding, (change) => void stayed.push(change as Change)));
    expect(await supabase.removeChannel(gone)).toBe('ok');
    await log(run, 'x');
    await vi.waitFor(() => expect(stayed).toHaveLength(1));
    expect(left).toEqual([]);
  });

  it('a run too fast to be told row by row says so, and nothing overtakes the word', async () => {
    const supabase = await admin();
    const run = await newRun();
    const heard: (number | 'missed')[] = [];
    await subscribed(
      supabase
        .channel('fast')
        .on(
          'postgres_changes',
          { event: 'INSERT', schema: 'public', table: 'test_execution_logs', filter: `test_run_id=eq.${run}` },
          (change) => void heard.push(change.new['seq'] as number),
        )
        .on(
          'system',
          {},
          ({ status, message }: { status: string; message: string }) =>
            status === 'error' && message === missedChanges.message && heard.push('missed'),
        ),
    );
    await log(run, 'before');
    await vi.waitFor(() => expect(heard).toHaveLength(1));
    // One statement, so that no machine is too slow to be too fast.
    await log(run, ...Array.from({ length: 1_200 }, (_, line) => `line ${line}`));
    await log(run, 'after');
    await vi.waitFor(() => expect(heard).toContain('missed'));
    const { data } = await supabase.rpc('run_changes', { run_id: run, after_seq: 0, max_rows: 1 });
    expect(data).toMatchObject({ complete: false });
    const word = heard.indexOf('missed');
    const before = heard.slice(0, word) as number[];
    // No hole before the word: what was left out is later than all that came.
    expect(before).toEqual(before.map((_, at) => before[0]! + at));
    expect(before.length).toBeLessThan(1_202);
  });
});
