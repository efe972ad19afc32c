import { once } from 'node:events';
import {
  postgresChangesFilter,
  REALTIME_SUBSCRIBE_STATES,
  type RealtimePostgresChangesPayload,
  type SupabaseClient,
} from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { adminClient, anonClient, serviceClient, userClient } from '../testing-clients.ts';
import { startTestBackend, type TestBackend } from '../testing.ts';

/*
 * The protocol frame by frame, in both versions, and what supabase-js offers beyond the ordinary.
 */

type Row = Record<string, unknown>;
type Change = RealtimePostgresChangesPayload<Row>;

let backend: TestBackend;
let service: SupabaseClient;
const toClose: { close(): unknown }[] = [];
beforeAll(async () => {
  backend = await startTestBackend();
  service = serviceClient(backend);
}, 60_000);
afterAll(async () => {
  for (const one of toClose) await one.close();
  await backend.stop();
});

/** Frames of both versions, as `[join_ref, ref, topic, event, payload]`; bytes as they are. */
async function open(vsn: '1.0.0' | '2.0.0', key = backend.keys.secretKey) {
  const query = new URLSearchParams({ apikey: key, vsn });
  const socket = new WebSocket(`${backend.url.replace('http', 'ws')}/realtime/v1/websocket?${query}`);
  toClose.push(socket);
  const frames: (readonly unknown[] | Buffer)[] = [];
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) return frames.push(data);
    const frame = JSON.parse(data.toString()) as unknown[] & Record<string, unknown>;
    return frames.push(vsn === '2.0.0' ? frame : [frame['join_ref'], frame['ref'], frame['topic'], frame['event'], frame['payload']]);
  });
  await once(socket, 'open');
  const send = (joinRef: string | null, ref: string | null, topic: string, event: string, payload: unknown): void =>
    socket.send(
      JSON.stringify(vsn === '2.0.0' ? [joinRef, ref, topic, event, payload] : { join_ref: joinRef, ref, topic, event, payload }),
    );
  let beats = 0;
  return {
    socket,
    send,
    /** All frames up to the answer of a heartbeat sent now. */
    async heard() {
      const ref = `beat ${(beats += 1)}`;
      send(null, ref, 'phoenix', 'heartbeat', {});
      const isEnd = (frame: readonly unknown[] | Buffer): boolean => Array.isArray(frame) && frame[1] === ref;
      await vi.waitFor(() => expect(frames.some(isEnd)).toBe(true));
      return frames.splice(0, frames.findIndex(isEnd) + 1).slice(0, -1);
    },
  };
}

async function using(client: SupabaseClient | Promise<SupabaseClient>): Promise<SupabaseClient> {
  const opened = await client;
  toClose.push({ close: async () => await opened.realtime.disconnect() });
  return opened;
}

async function listen(client: SupabaseClient, binding: object): Promise<Change[]> {
  const changes: Change[] = [];
  await new Promise<void>((resolve, reject) => {
    client
      .channel(crypto.randomUUID())
      .on('postgres_changes' as never, { event: '*', schema: 'public', ...binding }, (change: Change) => void changes.push(change))
      .subscribe((status, error) => (status === REALTIME_SUBSCRIBE_STATES.SUBSCRIBED ? resolve() : reject(error ?? new Error(status))));
  });
  return changes;
}

describe.each(['1.0.0', '2.0.0'] as const)('the frames of version %s', (vsn) => {
  it('of a channel, from its join to its close', async () => {
    const client = await open(vsn);
    const entry = { event: 'INSERT', schema: 'public', table: 'pipelines', filter: 'title=eq.frames' };
    client.send('1', '1', 'realtime:a', 'phx_join', { config: { postgres_changes: [entry], broadcast: { replication_ready: true } } });
    const joined = (await client.heard()) as unknown[][];
    expect(joined).toEqual([
      ['1', '1', 'realtime:a', 'phx_reply', { status: 'ok', response: { postgres_changes: [{ ...entry, id: expect.any(Number) }] } }],
      [
        null,
        null,
        'realtime:a',
        'system',
        { extension: 'postgres_changes', status: 'ok', message: 'Subscribed to PostgreSQL', channel: 'a' },
      ],
      [
        null,
        null,
        'realtime:a',
        'system',
        { extension: 'system', status: 'ok', message: 'Replication connection established', channel: 'a' },
      ],
    ]);
    const { id } = (joined[0]![4] as { response: { postgres_changes: { id: number }[] } }).response.postgres_changes[0]!;
    await service
      .from('pipelines')
      .insert({ pipeline_key: `frames ${vsn}`, title: 'frames' })
      .throwOnError();
    await vi.waitFor(async () =>
      expect(await client.heard()).toEqual([
        [
          null,
          null,
          'realtime:a',
          'postgres_changes',
          {
            ids: [id],
            data: {
              type: 'INSERT',
              schema: 'public',
              table: 'pipelines',
              commit_timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
              columns: expect.arrayContaining([
                { name: 'pipeline_key', type: 'text' },
                { name: 'models', type: '_text' },
                { name: 'created_at', type: 'timestamptz' },
              ]),
              record: expect.objectContaining({ pipeline_key: `frames ${vsn}`, title: 'frames', models: [] }),
              errors: null,
            },
          },
        ],
      ]),
    );
    client.send('1', '2', 'realtime:a', 'phx_leave', {});
    expect(await client.heard()).toEqual([
      ['1', '2', 'realtime:a', 'phx_reply', { status: 'ok', response: {} }],
      ['1', '2', 'realtime:a', 'phx_close', {}],
    ]);
  });

  it('of a leave that comes late do not end the channel that was joined since', async () => {
    const client = await open(vsn);
    client.send('1', '1', 'realtime:a', 'phx_join', {});
    client.send('2', '2', 'realtime:a', 'phx_join', { config: { broadcast: { ack: true } } });
    client.send('1', '3', 'realtime:a', 'phx_leave', {});
    client.send('1', '4', 'realtime:a', 'broadcast', { type: 'broadcast', event: 'x', payload: {} });
    client.send('2', '5', 'realtime:a', 'broadcast', { type: 'broadcast', event: 'x', payload: {} });
    const replies = ((await client.heard()) as unknown[][]).map(([joinRef, ref, , event, payload]) => [
      joinRef,
      ref,
      event,
      (payload as Row)['status'],
    ]);
    expect(replies).toEqual([
      ['1', '1', 'phx_reply', 'ok'],
      ['1', '1', 'phx_close', undefined],
      ['2', '2', 'phx_reply', 'ok'],
      ['1', '3', 'phx_reply', 'ok'],
      ['1', '4', 'phx_reply', 'error'],
      ['2', '5', 'phx_reply', 'ok'],
    ]);
  });

  it('of presence tell who tracks first who is there, and give everybody without a key one of their own', async () => {
    const [one, two] = [await open(vsn), await open(vsn)];
    const topic = `realtime:desk ${vsn}`;
    one.send('1', '1', topic, 'phx_join', { config: { presence: { key: 'one', enabled: true } } });
    one.send('1', '2', topic, 'presence', { type: 'presence', event: 'track', payload: { at: 1 } });
    await one.heard();
    two.send('1', '1', topic, 'phx_join', {});
    two.send('1', '2', topic, 'presence', { type: 'presence', event: 'TRACK', payload: { at: 2 } });
    two.send('1', '3', topic, 'presence', { type: 'presence', event: 'dance', payload: {} });
    two.send('1', '4', topic, 'presence', { type: 'presence', event: 'track', payload: { fill: 'x'.repeat(70_000) } });
    const frames = (await two.heard()) as [string, string, string, string, Row][];
    const meta = (at: number) => ({ metas: [{ at, phx_ref: expect.any(String) }] });
    expect(frames.map(([, , , event, payload]) => [event, payload])).toEqual([
      ['phx_reply', { status: 'ok', response: { postgres_changes: [] } }],
      ['presence_state', { one: meta(1) }],
      ['presence_diff', { joins: { [Object.keys(frames[2]![4]['joins'] as Row)[0]!]: meta(2) }, leaves: {} }],
      ['phx_reply', { status: 'ok', response: {} }],
      ['phx_reply', { status: 'error', response: { reason: 'presence knows track and untrack, not dance' } }],
      ['phx_reply', { status: 'error', response: { reason: expect.stringContaining('presence of more than') } }],
    ]);
    two.send('1', '5', topic, 'presence', { type: 'presence', event: 'untrack' });
    await two.heard();
    const diffs = ((await one.heard()) as unknown[][])
      .filter(([, , , event]) => event === 'presence_diff')
      .map(([, , , , diff]) => diff as Row);
    expect(diffs.map(({ joins, leaves }) => [Object.values(joins as Row), Object.values(leaves as Row)])).toEqual([
      [[meta(2)], []],
      [[], [meta(2)]],
    ]);
  });

  it('that cannot be answered as asked are answered with the reason', async () => {
    const client = await open(vsn);
    const bindings = (count: number, more: object = {}) =>
      Array.from({ length: count }, () => ({ event: '*', schema: 'public', table: 'test_execution_runs', ...more }));
    const joins: [object, string][] = [
      [{ broadcast: { replay: { since: 0 } } }, 'none can be replayed'],
      [{ postgres_changes: bindings(101) }, 'config.postgres_changes'],
      [{ postgres_changes: bindings(1, { select: 'id' }) }, 'select'],
      [{ postgres_changes: bindings(1, { select: ['nope'] }) }, 'invalid column for select nope'],
      [{ postgres_changes: bindings(1, { table: '*', select: ['id'] }) }, 'a column selection needs a schema and a table'],
      [{ postgres_changes: bindings(1, { table: undefined, filter: 'id=eq.1' }) }, 'a filter needs a table'],
      [{ postgres_changes: bindings(1, { filter: 'id=eq.7' }) }, 'the filter id=eq.7 does not work: invalid input syntax for type uuid'],
      [{ postgres_changes: bindings(1, { filter: 'seq=in.(1,x)' }) }, 'the filter seq=in.1,x does not work: invalid input syntax'],
      [{ postgres_changes: bindings(1, { filter: 'seq=like.1%' }) }, 'the filter seq=like.1% does not work: operator does not exist'],
      [{ postgres_changes: bindings(1, { filter: 'notes=is.true' }) }, 'the filter notes=is.true does not work'],
      [{ postgres_changes: bindings(1, { filter: 'notes=match.[a' }) }, 'not a regular expression'],
      [{ presence: { key: 'x'.repeat(256) } }, 'config.presence.key'],
    ];
    for (const [config, reason] of joins) {
      client.send('1', '1', 'realtime:x', 'phx_join', { config });
      expect(await client.heard()).toEqual([
        ['1', '1', 'realtime:x', 'phx_reply', { status: 'error', response: { reason: expect.stringContaining(reason) } }],
      ]);
    }
    for (let at = 0; at <= 100; at += 1) client.send('1', `${at}`, `realtime:${at}`, 'phx_join', {});
    const replies = (await client.heard()) as unknown[][];
    expect(replies.at(-1)![4]).toEqual({ status: 'error', response: { reason: 'more than 100 channels on one connection' } });
    expect(replies.filter(([, , , , payload]) => (payload as Row)['status'] === 'ok')).toHaveLength(100);
  });

  it('of a token that may no longer use a private channel end it', async () => {
    const [user, admin] = [await userClient(backend), await adminClient(backend)];
    const tokenOf = async (one: SupabaseClient): Promise<string> => (await one.auth.getSession()).data.session!.access_token;
    const client = await open(vsn, backend.keys.publishableKey);
    const config = { private: true };
    client.send('1', '1', 'realtime:p', 'phx_join', { config, access_token: await tokenOf(user) });
    expect(((await client.heard()) as unknown[][])[0]![4]).toMatchObject({
      status: 'error',
      response: { reason: expect.stringContaining('Unauthorized') },
    });
    client.send('2', '2', 'realtime:p', 'phx_join', { config, access_token: await tokenOf(admin) });
    client.send('2', '3', 'realtime:p', 'access_token', { access_token: 'sb_publishable_whatever' });
    client.send('2', '4', 'realtime:p', 'access_token', { access_token: await tokenOf(user) });
    const frames = (await client.heard()) as unknown[][];
    expect(frames.map(([, , , event, payload]) => [event, (payload as Row)['status'] ?? null])).toEqual([
      ['phx_reply', 'ok'],
      ['system', 'error'],
      ['phx_close', null],
    ]);
  });
});

describe('broadcast', () => {
  it('carries bytes between clients of version 2, and text to everybody whatever its name is long', async () => {
    const [sender, two, one] = [await open('2.0.0'), await open('2.0.0'), await open('1.0.0')];
    for (const client of [sender, two, one]) {
      client.send('1', '1', 'realtime:b', 'phx_join', { config: { broadcast: { ack: true } } });
      await client.heard();
    }
    const header = (encoding: number): Buffer => Buffer.concat([Buffer.from([3, 1, 1, 10, 1, 0, encoding]), Buffer.from('12realtime:be')]);
    sender.socket.send(Buffer.concat([header(0), Buffer.from([0, 255, 7])]));
    sender.socket.send(Buffer.concat([header(1), Buffer.from('{"text":1}')]));
    expect(await sender.heard()).toEqual(
      Array.from({ length: 2 }, () => ['1', '2', 'realtime:b', 'phx_reply', { status: 'ok', response: {} }]),
    );
    const name = 'n'.repeat(300);
    const answer = await fetch(`${backend.url}/realtime/v1/api/broadcast`, {
      method: 'POST',
      headers: { apikey: backend.keys.secretKey, 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [{ topic: 'b', event: name, payload: { text: 2 } }] }),
    });
    expect(answer.status).toBe(202);
    const binary = (encoding: number, body: Buffer | string): Buffer =>
      Buffer.concat([Buffer.from([4, 10, 1, 0, encoding]), Buffer.from('realtime:be'), Buffer.from(body)]);
    const long = [null, null, 'realtime:b', 'broadcast', { type: 'broadcast', event: name, payload: { text: 2 } }];
    expect(await two.heard()).toEqual([binary(0, Buffer.from([0, 255, 7])), binary(1, '{"text":1}'), long]);
    expect(await one.heard()).toEqual([
      [null, null, 'realtime:b', 'broadcast', { type: 'broadcast', event: 'e', payload: { text: 1 } }],
      long,
    ]);
  });
});

describe('supabase-js', () => {
  it('builds filters whose values are quoted, and hears of the rows they mean', async () => {
    const admin = await using(adminClient(backend));
    const title = String.raw`a, "b" (c) \ d`;
    const changes = await listen(admin, {
      table: 'pipelines',
      filter: postgresChangesFilter().eq('title', title).not('version', 'in', ['8', '9,9']),
    });
    await service
      .from('pipelines')
      .insert(['7', '8', '9,9'].map((version) => ({ pipeline_key: `quoted ${version}`, title, version })))
      .throwOnError();
    await service.from('pipelines').insert({ pipeline_key: 'last', title, version: '10' }).throwOnError();
    await vi.waitFor(() => expect(changes.map((change) => (change.new as Row)['version'])).toEqual(['7', '10']));
  });

  it('is told the columns it selects, and of an old row its key', async () => {
    const admin = await using(adminClient(backend));
    const [some, all] = [
      await listen(admin, { table: 'pipelines', select: ['title', 'version'], filter: 'title=like.selected%' }),
      await listen(admin, { table: 'pipelines', filter: 'title=like.selected%' }),
    ];
    await service.from('pipelines').insert({ pipeline_key: 's', title: 'selected' }).throwOnError();
    await vi.waitFor(() => expect(all).toHaveLength(1));
    await service.from('pipelines').update({ title: 'selected too' }).eq('pipeline_key', 's').throwOnError();
    await service.from('pipelines').delete().eq('pipeline_key', 's').throwOnError();
    await vi.waitFor(() => expect(some.map(({ eventType }) => eventType)).toEqual(['INSERT', 'UPDATE', 'DELETE'].slice(0, some.length)));
    await vi.waitFor(() => expect(some.at(-1)?.eventType).toBe('DELETE'));
    expect(some[0]!.new).toEqual({ title: 'selected', version: '1' });
    expect(some.at(-1)!.old).toEqual({ pipeline_key: 's' });
    expect(all[0]!.new).toMatchObject({ pipeline_key: 's', title: 'selected', step_tree: [] });
  });

  it('misses none of a thousand rows that are written right after SUBSCRIBED', async () => {
    const admin = await using(adminClient(backend));
    await service.from('test_execution_runs').insert({ test_run_id: 'thousand' }).throwOnError();
    const changes = await listen(admin, { event: 'INSERT', table: 'test_execution_logs', filter: 'test_run_id=eq.thousand' });
    await Promise.all(
      Array.from({ length: 20 }, async (_, part) =>
        service
          .from('test_execution_logs')
          .insert(Array.from({ length: 50 }, (_line, line) => ({ test_run_id: 'thousand', message: `${part} ${line}` })))
          .throwOnError(),
      ),
    );
    await vi.waitFor(() => expect(changes).toHaveLength(1_000), { timeout: 10_000 });
    const numbers = changes.map((change) => (change.new as Row)['seq'] as number);
    expect(numbers).toEqual(Array.from({ length: 1_000 }, (_, at) => numbers[0]! + at));
  });

  it('without anybody signed in is let into no table, not even by a wildcard', async () => {
    const anon = await using(anonClient(backend));
    await expect(listen(anon, { table: '*' })).rejects.toThrow('permission denied for tables of schema public');
    await expect(listen(anon, {})).rejects.toThrow('permission denied for tables of schema public');
  });
});
