import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Peer } from '../core/session-peers.ts';
import { limits } from '../protocol/limits.ts';
import { anonClient, serviceClient, userClient } from '../server/testing-clients.ts';
import { startTestBackend } from '../server/testing.ts';
import type { TestBackend } from '../server/testing.ts';
import type { Backend } from './backend.ts';
import { connectBackend } from './connect-backend.ts';
import type { LiveSession, SessionHandle } from './debug-sessions.ts';

vi.setConfig({ testTimeout: 40_000 });

let server: TestBackend;
let ada: Backend;
let bob: Backend;
const runId = randomUUID();

beforeAll(async () => {
  server = await startTestBackend();
  await serviceClient(server).from('test_execution_runs').insert({ test_run_id: runId, status: 'completed' }).throwOnError();
  ada = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: server.admin });
  bob = await connectBackend({ url: server.url, key: server.keys.secretKey });
}, 60_000);
afterAll(async () => {
  await Promise.all([ada.close(), bob.close()]);
  await server.stop();
});

/** A terminal in a session, with what it was told last. */
async function join(backend: Backend, id: string): Promise<{ readonly handle: SessionHandle; readonly peers: () => readonly Peer[]; readonly ended: () => number }> {
  let peers: readonly Peer[] = [];
  let ended = 0;
  const handle = await backend.joinSession(await backend.session(id), { onPeers: (now) => (peers = now), onEnded: () => (ended += 1) });
  return { handle, peers: () => peers, ended: () => ended };
}

describe('a session', () => {
  it('tells each terminal who is there, who leads, and where they look', async () => {
    const session = await ada.startSession(runId, { name: 'the bad upload' });
    expect(session).toMatchObject({ session_name: 'the bad upload', test_run_id: runId, active: true, created_by: server.admin.id, created_by_name: server.admin.email });
    const [one, two] = [await join(ada, session.id), await join(bob, runId)];
    await vi.waitFor(() => expect(two.peers()).toHaveLength(2), 10_000);

    one.handle.moveTo({ run: runId, step: 'first' });
    for (let seq = 1; seq <= 50; seq++) one.handle.moveTo({ run: runId, step: 'last', tab: 'diff', logSeq: seq });
    await vi.waitFor(() => expect(two.peers()[0]).toMatchObject({ name: server.admin.email, leads: true, isMe: false, cursor: { run: runId, step: 'last', tab: 'diff', logSeq: 50 } }), 10_000);
    expect(two.peers()[1]).toMatchObject({ isMe: true, leads: false, cursor: null });
    await vi.waitFor(() => expect(one.peers().map((peer) => peer.isMe)).toEqual([true, false]), 10_000);

    await two.handle.leave();
    await two.handle.leave();
    await vi.waitFor(() => expect(one.peers()).toHaveLength(1), 10_000);
    await one.handle.leave();
  });

  it('ends for everybody, and cannot be joined afterwards', async () => {
    const session = await ada.startSession(runId);
    const two = await join(bob, session.id);
    await ada.endSession(session.id);
    await vi.waitFor(() => expect(two.ended()).toBe(1), 10_000);
    await expect(join(bob, session.id)).rejects.toMatchObject({ code: 'conflict' });
    expect((await bob.sessions({ active: true })).map(({ id }) => id)).not.toContain(session.id);
    expect((await bob.sessions({ active: false, runId })).map(({ id }) => id)).toContain(session.id);
  });

  it('goes on after a server that was away, with whoever is still there', async () => {
    const session = await ada.startSession(runId);
    const [one, two] = [await join(ada, session.id), await join(bob, session.id)];
    await vi.waitFor(() => expect(one.peers()).toHaveLength(2), 10_000);
    await server.restart(() => vi.waitFor(() => expect(one.peers()).toEqual([]), 10_000));
    two.handle.moveTo({ run: runId, step: 'after' });
    await vi.waitFor(() => expect(one.peers().map((peer) => peer.cursor?.step)).toContain('after'), 20_000);
    await Promise.all([one.handle.leave(), two.handle.leave()]);
  });

  it('is seen by whoever follows the list: who is there, by number where one person has two terminals, and that it ended', async () => {
    let seen: readonly LiveSession[] = [];
    const stop = bob.followSessions({ onSessions: (sessions) => (seen = sessions) });
    const session = await ada.startSession(runId, { name: 'watched from outside' });
    const labels = (): readonly string[] | undefined => seen.find((one) => one.session.id === session.id)?.peers?.map((peer) => peer.label);
    const again = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: server.admin });
    const [one, two] = [await join(ada, session.id), await join(again, session.id)];
    const name = server.admin.email.split('@', 1)[0]!;
    await vi.waitFor(() => expect(labels()).toEqual([name, `${name} 2`]), 15_000);
    // Who watches is not there; who joins what they watched is, and goes on seeing it.
    expect(one.peers()).toHaveLength(2);
    const third = await join(bob, session.id);
    await vi.waitFor(() => expect([one.peers().length, third.peers().length, labels()?.length]).toEqual([3, 3, 3]), 15_000);
    await third.handle.leave();
    await vi.waitFor(() => expect([one.peers().length, labels()?.length]).toEqual([2, 2]), 15_000);
    await ada.endSession(session.id);
    await vi.waitFor(() => expect(labels()).toBeUndefined(), 15_000);
    stop();
    await Promise.all([one.handle.leave(), two.handle.leave()]);
    await again.close();
  });

  it('is found by its id, the end of one, or a run; what is not there names what is', async () => {
    const session = await ada.startSession(runId, { name: 'found' });
    expect((await bob.session(session.id.slice(-8))).id).toBe(session.id);
    expect((await bob.session(runId.slice(0, 8))).id).toBe(session.id);
    await expect(bob.session('no-such')).rejects.toMatchObject({ code: 'not-found', hint: expect.stringContaining('"found"') });
  });

  it('can neither be joined, heard nor spoken to by a user without the role', async () => {
    const session = await ada.startSession(runId);
    const one = await join(ada, session.id);
    const account = await server.addUser();
    const eve = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: account });
    expect(await eve.sessions()).toEqual([]);
    await expect(eve.startSession(runId)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(eve.joinSession(session, { onPeers: () => undefined })).rejects.toMatchObject({ code: 'forbidden' });
    await eve.close();

    for (const client of [await userClient(server), anonClient(server)]) {
      const heard: unknown[] = [];
      const refused = await new Promise((resolve) => {
        client.channel(`session:${session.id}`, { config: { private: true, presence: { key: 'x', enabled: true } } }).subscribe((status) => resolve(status));
      });
      expect(refused).toBe('CHANNEL_ERROR');
      await client.removeAllChannels();
      // A public channel of the same name is another room.
      const beside = client.channel(`session:${session.id}`, { config: { presence: { key: 'eve', enabled: true } } });
      beside.on('presence', { event: 'sync' }, () => heard.push(...Object.values(beside.presenceState()).flat()));
      beside.on('broadcast', { event: '*' }, (message) => heard.push(message));
      await new Promise<void>((resolve) => void beside.subscribe((status) => status === 'SUBSCRIBED' && resolve()));
      await beside.track({ terminal: 'eve', name: 'eve', joinedAt: 0, leads: true, cursor: null });
      one.handle.moveTo({ run: runId, step: 'seen by none' });
      await vi.waitFor(() => expect(JSON.stringify(heard)).toContain('eve'), 10_000);
      expect(JSON.stringify(heard)).not.toContain(server.admin.email);
      expect(one.peers().map((peer) => peer.name)).toEqual([server.admin.email]);
      await client.removeAllChannels();
      await client.realtime.disconnect();
    }
    await one.handle.leave();
  });
});

describe('comments', () => {
  it('are signed, told to whoever follows the run, and settled', async () => {
    const told: string[][] = [];
    const stop = bob.followComments(runId, (comments) => told.push(comments.map((one) => `${one.body}${one.resolved ? ' ✓' : ''}`)));
    await vi.waitFor(() => expect(told.length).toBeGreaterThan(0), 10_000);
    const comment = await ada.addComment({ runId, stepKey: 'upload', body: '  why so slow?\n' });
    expect(comment).toMatchObject({ body: 'why so slow?', step_key: 'upload', author: server.admin.id, author_name: server.admin.email, resolved: false });
    await vi.waitFor(() => expect(told.at(-1)).toEqual(['why so slow?']), 10_000);
    await bob.resolveComment(comment.id);
    await vi.waitFor(() => expect(told.at(-1)).toEqual(['why so slow? ✓']), 10_000);
    stop();
    await expect(ada.addComment({ runId, body: ' ' })).rejects.toMatchObject({ code: 'usage' });
    await expect(ada.addComment({ runId, body: 'ä'.repeat(6_000) })).rejects.toMatchObject({ code: 'too-large' });
    await expect(ada.addComment({ runId: 'no-such-run', body: 'x' })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('keep the words and the name of their author', async () => {
    const service = serviceClient(server);
    const { data } = await service.from('comments').insert({ test_run_id: runId, body: 'I said this', author_name: 'bob' }).select('*').single().throwOnError();
    const { id } = data as { id: string };
    expect(await ada.resolveComment(id)).toMatchObject({ resolved: true, author_name: 'bob' });
    const admin = anonClient(server);
    await admin.auth.signInWithPassword(server.admin);
    expect((await admin.from('comments').update({ body: 'I never said this' }).eq('id', id)).error).toMatchObject({ code: '42501' });
    await admin.from('comments').update({ author_name: 'ada', resolved: false }).eq('id', id).throwOnError();
    expect((await ada.comments(runId)).find((one) => one.id === id)).toMatchObject({ body: 'I said this', author_name: 'bob', resolved: false });
  });
});

describe('marked lines of a log', () => {
  it('are signed by whoever wrote the note, told to whoever follows the run, and removed', async () => {
    const service = serviceClient(server);
    const lines = [{ test_run_id: runId, message: 'one' }, { test_run_id: runId, message: 'two' }];
    const { data } = await service.from('test_execution_logs').insert(lines).select('id, seq').order('seq').throwOnError();
    const [one, two] = data as { id: string; seq: number }[];
    const told: string[][] = [];
    const stop = bob.followLogBookmarks(runId, (marks) => told.push(marks.map(({ seq, note }) => `${seq} ${note}`)));
    await vi.waitFor(() => expect(told.length).toBeGreaterThan(0), 10_000);

    await bob.markLine(runId, two!.seq);
    const mark = await ada.markLine(runId, two!.seq, '  it begins here\n');
    expect(mark).toMatchObject({ log_id: two!.id, seq: two!.seq, note: 'it begins here', author: server.admin.id, author_name: server.admin.email });
    await ada.markLine(runId, one!.seq, 'or here');
    await vi.waitFor(() => expect(told.at(-1)).toEqual([`${one!.seq} or here`, `${two!.seq} it begins here`]), 10_000);
    expect(await bob.unmarkLine(runId, one!.seq)).toBe(true);
    expect(await bob.unmarkLine(runId, one!.seq)).toBe(false);
    await vi.waitFor(() => expect(told.at(-1)).toEqual([`${two!.seq} it begins here`]), 10_000);
    stop();
    await expect(ada.markLine(runId, 4711)).rejects.toMatchObject({ code: 'not-found' });
    await expect(ada.markLine(runId, one!.seq, 'ä'.repeat(1_001))).rejects.toMatchObject({ code: 'too-large' });

    const admin = anonClient(server);
    await admin.auth.signInWithPassword(server.admin);
    await admin.from('log_bookmarks').update({ author_name: 'bob', log_id: one!.id, seq: 1 }).eq('id', mark.id).throwOnError();
    expect(await ada.logBookmarks(runId)).toMatchObject([{ author_name: server.admin.email, log_id: two!.id, seq: two!.seq }]);
  });

  it('are so many and no more', async () => {
    const service = serviceClient(server);
    const many = Array.from({ length: limits.logBookmarks - 1 }, (_, n) => ({ test_run_id: runId, log_id: randomUUID(), seq: 1_000 + n }));
    await service.from('log_bookmarks').insert(many).throwOnError();
    const { data } = await service.from('test_execution_logs').insert({ test_run_id: runId, message: 'three' }).select('seq').single().throwOnError();
    await expect(ada.markLine(runId, (data as { seq: number }).seq)).rejects.toMatchObject({ code: 'conflict', hint: 'Remove some that nobody needs' });
    const [first] = await ada.logBookmarks(runId);
    expect(await ada.markLine(runId, first!.seq, 'another note')).toMatchObject({ note: 'another note' });
  });
});
