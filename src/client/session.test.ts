import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { UserError } from '../protocol/error.ts';
import { serviceClient } from '../server/testing-clients.ts';
import type { TestBackend } from '../server/testing.ts';
import { startTestBackend } from '../server/testing.ts';
import type { Backend } from './backend.ts';
import { connectBackend } from './connect-backend.ts';
import { isChange } from './door.ts';
import type { KeptSession, SessionStore } from './session.ts';
import { beginSession, endSession } from './supabase.ts';

let server: TestBackend;
const opened: Backend[] = [];
beforeAll(async () => {
  server = await startTestBackend();
}, 60_000);
afterAll(async () => {
  await Promise.all(opened.map((backend) => backend.close()));
  await server.stop();
});

const key = () => ({ url: server.url, key: server.keys.publishableKey });
const connect = async (connection: Partial<Parameters<typeof connectBackend>[0]>): Promise<Backend> => {
  const backend = await connectBackend({ ...key(), ...connection });
  opened.push(backend);
  return backend;
};

/** A store that two connections of this process share, as two programs share a file. */
async function storeOf(change: Partial<KeptSession> = {}): Promise<SessionStore & { kept: KeptSession; writes: number }> {
  let turn: Promise<unknown> = Promise.resolve();
  const store = {
    name: 'profile test',
    remedy: 'Sign in again: `stepscope login --profile test`',
    kept: { ...(await beginSession({ ...key(), ...server.admin })), ...change },
    writes: 0,
    read: () => store.kept,
    write(session: KeptSession) {
      store.kept = session;
      store.writes += 1;
    },
    async exclusively<T>(work: () => Promise<T>): Promise<T> {
      const mine = turn.then(work, work);
      turn = mine.catch(() => undefined);
      return await mine;
    },
  };
  return store;
}

const ended = {
  code: 'unauthorized',
  message: expect.stringContaining('the session of profile test has ended'),
  hint: expect.stringContaining('stepscope login --profile test'),
};

describe('a session that is kept', () => {
  it('is used without asking for a password, and renewed when its time is over', async () => {
    const store = await storeOf({ expiresAt: 0 });
    const before = store.kept;
    const backend = await connect({ session: { store } });
    expect(backend.identity).toBe(server.admin.email);
    expect(await backend.isAdmin()).toBe(true);
    expect(store.kept.refreshToken).not.toBe(before.refreshToken);
    expect(store.kept.expiresAt).toBeGreaterThan(Date.now() / 1000);
  });

  it('has ended when its user was removed, though its token is still good for a while', async () => {
    const user = await server.addUser();
    const store = await storeOf(await beginSession({ ...key(), ...user }));
    await connect({ session: { store } });
    await serviceClient(server).auth.admin.deleteUser(user.id);
    await expect(connect({ session: { store } })).rejects.toMatchObject(ended);
  });

  it('is renewed once when several programs find it over at the same time, and none is signed out', async () => {
    const store = await storeOf({ expiresAt: 0 });
    const backends = await Promise.all([1, 2, 3].map(async () => await connect({ session: { store } })));
    expect(await Promise.all(backends.map((backend) => backend.isAdmin()))).toEqual([true, true, true]);
    expect(store.writes).toBe(1);
  });

  it('that was ended elsewhere is a typed error with the command that mends it', async () => {
    const store = await storeOf({ expiresAt: 0, refreshToken: 'revoked' });
    await expect(connect({ session: { store } })).rejects.toMatchObject(ended);
  });

  it('that ends while it is in use says so, and does not go on as nobody', async () => {
    const store = await storeOf();
    const told = vi.fn<(why: UserError) => void>();
    const backend = await connect({ session: { store }, onEnded: told });
    expect(await backend.runs()).toEqual([]);
    expect(await endSession({ ...key(), session: store.kept })).toBe(true);
    await backend.diagnosis.refreshToken().catch(() => undefined);
    expect(told).toHaveBeenCalledExactlyOnceWith(expect.objectContaining(ended));
    await expect(backend.runs()).rejects.toMatchObject(ended);
  });

  it('with a password at hand is begun anew by itself', async () => {
    const backend = await connect({ session: server.admin });
    const service = serviceClient(server);
    await service.from('user_roles').select('*').throwOnError();
    // As when all sessions of a user are ended at the server.
    await server.database.asOwner((transaction) => transaction.query('delete from auth.refresh_tokens'));
    await backend.diagnosis.refreshToken();
    expect(await backend.isAdmin()).toBe(true);
  });
});

describe('a read-only connection', () => {
  const reads = [
    'isAdmin',
    'runs',
    'searchRuns',
    'run',
    'steps',
    'logs',
    'snapshot',
    'trace',
    'pipelines',
    'models',
    'runners',
    'settled',
    'breakpoints',
    'watches',
    'comments',
    'followComments',
    'logBookmarks',
    'followLogBookmarks',
    'sessions',
    'session',
    'joinSession',
    'followRun',
    'followLists',
    'verifyAudit',
    'comparisons',
    'stepHistory',
    'valueReader',
    'stepHints',
    'waits',
    'traceRows',
    'runDigest',
    'content',
    'recording',
    'previewFork',
    'family',
    'families',
    'tests',
    'lease',
    'followLease',
    'approvals',
    'recentLogs',
    'followLogs',
    'runCharges',
    'followSessions',
    'storedFile',
    'close',
  ];
  const writes: Partial<Record<keyof Backend, (backend: Backend, runId: string) => Promise<unknown>>> = {
    startRun: (backend) =>
      backend.startRun({
        pipeline: 'paint',
        inputs: {},
        mode: 'auto',
        billing: 'test',
        onLeaseEnd: 'hold',
        tags: [],
        options: { breakAt: [], repeatEffects: false },
      } as never),
    annotate: (backend, runId) => backend.annotate(runId, { bookmarked: true }),
    command: (backend, runId) => backend.command(runId, 'pause'),
    addBreakpoint: (backend) => backend.addBreakpoint({ pipelineKey: 'paint', kind: 'error', target: null }),
    setBreakpoint: (backend) => backend.setBreakpoint(crypto.randomUUID(), { enabled: true }),
    removeBreakpoint: (backend) => backend.removeBreakpoint(crypto.randomUUID()),
    addWatch: (backend) => backend.addWatch('paint', 'outputs.width'),
    addComment: (backend, runId) => backend.addComment({ runId, body: 'hm' }),
    resolveComment: (backend) => backend.resolveComment(crypto.randomUUID()),
    markLine: async (backend, runId) => await backend.markLine(runId, (await backend.logs(runId))[0]!.seq, 'mine'),
    unmarkLine: (backend, runId) => backend.unmarkLine(runId, 1),
    startSession: (backend, runId) => backend.startSession(runId),
    endSession: (backend) => backend.endSession(crypto.randomUUID()),
    removeWatch: (backend) => backend.removeWatch(crypto.randomUUID()),
    saveComparison: (backend, runId) => backend.saveComparison({ name: 'mine', runIds: [runId], differences: {} as never, performance: {} as never }),
    removeComparison: (backend) => backend.removeComparison(crypto.randomUUID()),
    importRun: (backend) => backend.importRun({ run: { test_run_id: 'imported' }, rows: async function* () {} }),
    promote: (backend) => backend.promote('ended'),
    keepLease: (backend, runId) => backend.keepLease(runId),
  };

  it('reads everything and changes nothing, whatever is asked of it', async () => {
    const service = serviceClient(server);
    await service.from('pipelines').upsert({ pipeline_key: 'paint', title: 'Paint' }).throwOnError();
    await service.from('test_execution_runs').upsert({ test_run_id: 'held', status: 'paused', pipeline_key: 'paint' }, { onConflict: 'test_run_id' }).throwOnError();
    await service.from('test_execution_logs').insert({ test_run_id: 'held', message: 'waiting' }).throwOnError();
    await service.from('test_execution_runs').upsert({ test_run_id: 'ended', status: 'completed', pipeline_key: 'paint' }, { onConflict: 'test_run_id' }).throwOnError();
    const backend = await connect({ session: server.admin, readOnly: true });

    const methods = Object.entries(backend)
      .filter(([, value]) => typeof value === 'function')
      .map(([name]) => name);
    expect(methods.filter((name) => !reads.includes(name) && !(name in writes))).toEqual([]);
    const state = async () =>
      JSON.stringify(await Promise.all([backend.trace('held').then(({ run }) => run), backend.breakpoints(), backend.runs()]));
    const before = await state();
    for (const [name, write] of Object.entries(writes)) {
      await expect(write(backend, 'held'), name).rejects.toMatchObject({
        code: 'forbidden',
        message: expect.stringContaining('the connection is read-only'),
      });
    }
    await expect(backend.diagnosis.mendSchema()).rejects.toMatchObject({ code: 'forbidden' });
    expect(await state()).toBe(before);
    expect([
      await backend.isAdmin(),
      (await backend.pipelines()).length,
      (await backend.models()).length > 0,
      await backend.runners(),
    ]).toEqual([true, 1, true, []]);
  });

  it.each([
    ['POST', '/rest/v1/test_execution_runs', true],
    ['PATCH', '/rest/v1/breakpoints', true],
    ['DELETE', '/rest/v1/breakpoints', true],
    ['POST', '/rest/v1/rpc/cleanup_old_test_runs', true],
    ['GET', '/rest/v1/rpc/ingest', true],
    ['POST', '/rest/v1/rpc/run_changes', false],
    ['HEAD', '/rest/v1/test_execution_runs', false],
    ['POST', '/storage/v1/object/outputs/a.png', true],
    ['POST', '/storage/v1/object/list/outputs', false],
    ['POST', '/storage/v1/object/sign/outputs/a.png', false],
    ['POST', '/realtime/v1/api/broadcast', true],
    ['POST', '/functions/v1/health', true],
    ['POST', '/auth/v1/admin/users', true],
    ['POST', '/auth/v1/token', false],
  ])('%s %s is a change: %s', (method, path, expected) => {
    expect(isChange(method, path)).toBe(expected);
  });
});
