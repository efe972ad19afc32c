import { once } from 'node:events';
import { REALTIME_SUBSCRIBE_STATES } from '@supabase/supabase-js';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket, type ClientOptions } from 'ws';
import { missedChanges } from '../../protocol/realtime.ts';
import { adminClient, serviceClient } from '../testing-clients.ts';
import { startTestBackend, type TestBackend } from '../testing.ts';
import { maxBufferedBytes } from './outbox.ts';

/*
 * Sockets below supabase-js: what it never sends, and what it only meets after an hour.
 */

let backend: TestBackend;
beforeAll(async () => {
  backend = await startTestBackend();
});
afterAll(async () => await backend.stop());

interface Client {
  readonly socket: WebSocket;
  readonly frames: unknown[][];
  send(...frame: unknown[]): void;
  /** The next frame of that event. */
  next(event: string): Promise<unknown[]>;
}

function address(query: Record<string, string> = { apikey: backend.keys.publishableKey, vsn: '2.0.0' }): string {
  return `${backend.url.replace('http', 'ws')}/realtime/v1/websocket?${new URLSearchParams(query)}`;
}

async function open(options: ClientOptions = {}): Promise<Client> {
  const socket = new WebSocket(address(), options);
  const frames: unknown[][] = [];
  socket.on('message', (data) => frames.push(JSON.parse((data as Buffer).toString()) as unknown[]));
  await once(socket, 'open');
  return {
    socket,
    frames,
    send: (...frame) => socket.send(JSON.stringify(frame)),
    next: async (event) => {
      await vi.waitFor(() => expect(frames.map((frame) => frame[3])).toContain(event), { timeout: 5_000 });
      return frames.splice(
        frames.findIndex((frame) => frame[3] === event),
        1,
      )[0]!;
    },
  };
}

/** Status of the answer when the upgrade is refused. */
async function refusal(url: string, options: ClientOptions = {}): Promise<number | undefined> {
  const socket = new WebSocket(url, options);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode?: number }];
  return response.statusCode;
}

async function token(expiresInS: number): Promise<string> {
  const claims = { sub: backend.admin.id, role: 'authenticated', aud: 'authenticated' };
  const expires = Math.ceil(Date.now() / 1000) + expiresInS;
  return await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(expires)
    .sign(new TextEncoder().encode(backend.keys.jwtSecret));
}

const runs = { config: { postgres_changes: [{ event: '*', schema: 'public', table: 'test_execution_runs' }] } };

describe('an upgrade', () => {
  it('needs a key, a protocol version we know, and to come from here', async () => {
    expect(await refusal(address({ vsn: '2.0.0' }))).toBe(401);
    expect(await refusal(address({ apikey: 'sb_secret_guess' }))).toBe(401);
    expect(await refusal(address({ apikey: backend.keys.publishableKey, vsn: '3.0.0' }))).toBe(400);
    expect(await refusal(address(), { origin: 'https://evil.example' })).toBe(403);
    expect(await refusal(address(), { headers: { host: 'evil.example' } })).toBe(403);
    expect(await refusal(address().replace('websocket', 'elsewhere'))).toBe(404);
  });
});

// Side by side: they wait for clocks.
describe.concurrent('a token', () => {
  it('that runs out ends the channel, with the reason', async () => {
    const client = await open();
    client.send('1', '1', 'realtime:a', 'phx_join', { ...runs, access_token: await token(1) });
    expect((await client.next('phx_reply'))[4]).toMatchObject({ status: 'ok' });
    await client.next('system');
    expect((await client.next('system'))[4]).toMatchObject({
      extension: 'system',
      status: 'error',
      message: expect.stringContaining('Token has expired'),
    });
    expect(await client.next('phx_close')).toEqual(['1', '1', 'realtime:a', 'phx_close', {}]);
    client.socket.close();
  });

  it('that is renewed in time keeps it', async () => {
    const client = await open();
    const runsOut = Date.now() + 2_000;
    client.send('1', '1', 'realtime:a', 'phx_join', { ...runs, access_token: await token(1) });
    await client.next('phx_reply');
    client.send('1', '2', 'realtime:a', 'access_token', { access_token: await token(3_600) });
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(runsOut + 100), { timeout: 5_000 });
    client.send('1', '3', 'realtime:a', 'phx_leave', {});
    expect((await client.next('phx_reply'))[4]).toMatchObject({ status: 'ok' });
    expect(client.frames.some((frame) => JSON.stringify(frame).includes('expired'))).toBe(false);
    client.socket.close();
  });

  it('that is forged gets nobody in, and ends who sends it later', async () => {
    const client = await open();
    const forged = `${(await token(3_600)).slice(0, -4)}AAAA`;
    client.send('1', '1', 'realtime:a', 'phx_join', { ...runs, access_token: forged });
    expect((await client.next('phx_reply'))[4]).toMatchObject({ status: 'error', response: { reason: expect.stringContaining('JWT') } });
    client.send('2', '2', 'realtime:a', 'phx_join', { ...runs, access_token: await token(3_600) });
    expect((await client.next('phx_reply'))[4]).toMatchObject({ status: 'ok' });
    client.send('2', '3', 'realtime:a', 'access_token', { access_token: forged });
    await client.next('phx_close');
    client.socket.close();
  });
});

describe('frames', () => {
  it('that are none close the socket', async () => {
    for (const nonsense of ['', '{}', '[', 'null', '[1,2,3,4,5]', Buffer.from([9]), '['.repeat(100_000)]) {
      const { socket } = await open();
      socket.send(nonsense);
      const [code] = (await once(socket, 'close')) as [number];
      expect([nonsense.slice(0, 5), code]).toEqual([nonsense.slice(0, 5), 1003]);
    }
  });

  it('of more than a megabyte close the socket', async () => {
    const { socket } = await open();
    socket.send('x'.repeat(1024 * 1024 + 1));
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(1009);
  });

  it.each<[string, unknown[], string]>([
    ['for a topic nobody joined', ['1', '1', 'realtime:nobody', 'broadcast', {}], 'unmatched topic'],
    ['for a topic that is none', ['1', '1', 'elsewhere', 'phx_join', {}], 'unmatched topic'],
    ['with a config that is none', ['1', '1', 'realtime:x', 'phx_join', { config: 7 }], 'config'],
    ['with bindings that are none', ['1', '1', 'realtime:x', 'phx_join', { config: { postgres_changes: [{}] } }], 'postgres_changes'],
    [
      'with a filter that is none',
      [
        '1',
        '1',
        'realtime:x',
        'phx_join',
        { config: { postgres_changes: [{ event: '*', schema: 'public', table: 'test_execution_runs', filter: '(' }] } },
      ],
      'column=operator.value',
    ],
  ])('%s are answered with the reason', async (_, frame, reason) => {
    const client = await open();
    const [joinRef, ref, topic, event, payload] = frame;
    client.send(joinRef, ref, topic, event, { ...(payload as object), ...(event === 'phx_join' && { access_token: await token(60) }) });
    expect((await client.next('phx_reply'))[4]).toMatchObject({ status: 'error', response: { reason: expect.stringContaining(reason) } });
    client.socket.close();
  });

  it('joining a topic again replaces the first', async () => {
    const client = await open();
    client.send('1', '1', 'realtime:a', 'phx_join', {});
    await client.next('phx_reply');
    client.send('2', '2', 'realtime:a', 'phx_join', {});
    expect(await client.next('phx_close')).toEqual(['1', '1', 'realtime:a', 'phx_close', {}]);
    expect((await client.next('phx_reply')).slice(0, 2)).toEqual(['2', '2']);
    client.send(null, '3', 'phoenix', 'heartbeat', {});
    expect(await client.next('phx_reply')).toEqual([null, '3', 'phoenix', 'phx_reply', { status: 'ok', response: {} }]);
    client.socket.close();
  });
});

describe('a database that is lost', () => {
  it('and comes back is told to everybody who listens, and goes on telling', { timeout: 60_000 }, async () => {
    const [admin, service] = [await adminClient(backend, { vsn: '2.0.0' }), serviceClient(backend)];
    const heard: string[] = [];
    await service.from('test_execution_runs').insert({ test_run_id: 'survives' }).throwOnError();
    await new Promise<void>((resolve) => {
      admin
        .channel('survivor')
        .on(
          'postgres_changes',
          { event: 'INSERT', schema: 'public', table: 'test_execution_logs' },
          (change) => void heard.push(change.new['message'] as string),
        )
        .on('system', {}, ({ status, message }: { status: string; message: string }) => status === 'error' && heard.push(message))
        .subscribe((status) => status === REALTIME_SUBSCRIBE_STATES.SUBSCRIBED && resolve());
    });
    const stuck = backend.database.asOwner(async (transaction) => await transaction.query('select pg_sleep(30)'), { timeoutMs: 300 });
    await expect(stuck).rejects.toThrow('took longer');
    await vi.waitFor(() => expect(heard).toContain(missedChanges.message), { timeout: 15_000 });
    await service.from('test_execution_logs').insert({ test_run_id: 'survives', message: 'after' }).throwOnError();
    await vi.waitFor(() => expect(heard.at(-1)).toBe('after'), { timeout: 10_000 });
    await admin.realtime.disconnect();
  });
});

describe('a reader that does not read', () => {
  it('is cut off and, once it reads again, told why; the others go on', async () => {
    const stalled = await open();
    stalled.send('1', '1', 'realtime:room', 'phx_join', {});
    await stalled.next('phx_reply');
    stalled.socket.removeAllListeners('message');
    const closed = once(stalled.socket, 'close');
    stalled.socket.pause();

    const admin = await adminClient(backend, { vsn: '2.0.0' });
    const heard: unknown[] = [];
    await new Promise<void>((resolve) => {
      admin
        .channel('room')
        .on('broadcast', { event: 'big' }, ({ payload }) => void heard.push(payload.at))
        .subscribe((status) => status === REALTIME_SUBSCRIBE_STATES.SUBSCRIBED && resolve());
    });
    // What the kernel takes on loopback, and what we keep.
    const messages = Math.ceil((maxBufferedBytes * 4) / 500_000);
    for (let at = 0; at < messages; at += 1) {
      const body = JSON.stringify({ messages: [{ topic: 'room', event: 'big', payload: { at, fill: 'x'.repeat(500_000) } }] });
      await fetch(`${backend.url}/realtime/v1/api/broadcast`, {
        method: 'POST',
        body,
        headers: { apikey: backend.keys.publishableKey, 'content-type': 'application/json' },
      });
    }
    await vi.waitFor(() => expect(heard).toEqual(Array.from({ length: messages }, (_, at) => at)));
    stalled.socket.resume();
    const [code, reason] = (await closed) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([1013, 'too slow: read after your last seq']);
    await admin.realtime.disconnect();
    expect((await serviceClient(backend).from('models').select('model_name').limit(1)).error).toBeNull();
  }, 60_000);
});
