import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { BreakpointRow, CommandRow } from '../protocol/rows.ts';
import type { TestBackend } from '../server/testing.ts';
import { startTestBackend } from '../server/testing.ts';
import type { Backend, LinkState } from './backend.ts';
import { connectBackend } from './connect-backend.ts';
import { connectHolder } from './connect-holder.ts';
import type { Holder } from './holder.ts';

vi.setConfig({ testTimeout: 40_000 });

let server: TestBackend;
let backend: Backend;
let holder: Holder;

const pipeline = {
  pipeline_key: 'paint',
  version: '1',
  title: 'Paint',
  description: null,
  example_inputs: {},
  file_path: null,
  resumable: false,
  models: [],
  step_tree: [
    {
      key: 'mix',
      display: '1',
      number: 1,
      name: 'Mix',
      effect: 'none' as const,
      context: 'server' as const,
      canEdit: true,
      canRerun: true,
      steps: [],
    },
  ],
  inputs_schema: {
    type: 'object',
    properties: { prompt: { type: 'string', minLength: 1 }, width: { type: 'integer', minimum: 64, default: 512 } },
    required: ['prompt'],
  },
};

beforeAll(async () => {
  server = await startTestBackend();
  backend = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: server.admin });
  holder = connectHolder({ url: server.url, secretKey: server.keys.secretKey });
  await holder.registerRunner({ id: 'runner-1', name: 'test', host: 'here', pid: 1, pipelines: ['paint'] }, [pipeline]);
}, 60_000);
afterAll(async () => {
  await backend.close();
  await holder.close();
  await server.stop();
});

describe('a backend, for people', () => {
  it('starts a run that a runner claims, with defaults filled in and the person named', async () => {
    const run = await backend.startRun({
      pipeline: 'paint',
      inputs: { prompt: 'sea' },
      mode: 'step',
      billing: 'test',
      onLeaseEnd: 'hold',
      tags: ['a'],
      options: { provider: 'simulator', breakAt: ['1'], repeatEffects: false },
    });
    expect(run).toMatchObject({
      status: 'pending',
      mode: 'step',
      inputs: { prompt: 'sea', width: 512 },
      admin_user_id: server.admin.id,
      tags: ['a'],
      total_steps: 1,
      execution_data: { options: { breakAt: ['mix'] } },
    });
    expect(await holder.claimRun('runner-1', ['other'])).toBeUndefined();
    expect(await holder.claimRun('runner-1', ['paint'])).toMatchObject({
      test_run_id: run.test_run_id,
      holder_id: 'runner-1',
      status: 'running',
    });
    expect(await holder.claimRun('runner-2', ['paint'])).toBeUndefined();
    expect(await holder.heartbeat(run.test_run_id, 'runner-1')).toBe(true);
    expect(await holder.heartbeat(run.test_run_id, 'runner-2')).toBe(false);
    expect((await backend.runners()).map((runner) => runner.id)).toEqual(['runner-1']);
  });

  it.each([
    [{ pipeline: 'pait', inputs: { prompt: 'x' } }, 'no pipeline "pait"', 'Did you mean `paint`?'],
    [{ pipeline: 'paint', inputs: { prompt: 'x', width: -1 } }, 'the inputs do not fit paint: width: must be at least 64', undefined],
    [{ pipeline: 'paint', inputs: {} }, 'the inputs do not fit paint: prompt: is missing', undefined],
    [{ pipeline: 'paint', inputs: { prompt: 'x' }, model: 'flux-shnell' }, 'no model "flux-shnell"', 'Did you mean `flux-schnell`?'],
    [{ pipeline: 'paint', inputs: { prompt: 'x' }, options: { breakAt: ['mx'] } }, 'no step "mx"', expect.stringContaining('mix')],
  ])('refuses %j in words', async (wanted, message, hint) => {
    const request = backend.startRun({ mode: 'auto', billing: 'test', onLeaseEnd: 'hold', tags: [], ...wanted } as unknown as Parameters<
      Backend['startRun']
    >[0]);
    await expect(request).rejects.toMatchObject({ name: 'UserError', message, ...(hint === undefined ? {} : { hint }) });
  });

  it('finds a run by id, head, tail and `last`, and names the closest otherwise', async () => {
    const ids = ['aaaa1111', 'aaaa2222'].map((tail) => `${randomUUID().slice(0, 24)}zz${tail}`);
    for (const id of ids) await holder.ingest({ run_id: id, holder_id: 'x', run: { status: 'completed' } });
    expect((await backend.run(ids[0]!)).test_run_id).toBe(ids[0]);
    expect((await backend.run('zzaaaa1111')).test_run_id).toBe(ids[0]);
    expect((await backend.run(ids[1]!.slice(0, 12))).test_run_id).toBe(ids[1]);
    expect((await backend.run('last')).test_run_id).toBe(ids[1]);
    await expect(backend.run('aaaa2223')).rejects.toMatchObject({ code: 'not-found', hint: expect.stringContaining('aa2222') });
    expect((await backend.runs({ status: 'completed', limit: 1 })).map((run) => run.test_run_id)).toEqual([ids[1]]);
    const [newest] = await backend.runs({ limit: 1 });
    expect((await backend.runs({ limit: 1, before: newest }))[0]!.test_run_id).toBe(ids[0]);
  });

  it('marks a run, and finds it by its marks', async () => {
    const id = randomUUID();
    await holder.ingest({ run_id: id, holder_id: 'x', run: { status: 'failed', error_message: 'it said "no, (never)"' } });
    await backend.annotate(id, { bookmarked: true, bookmarkName: 'the bad one', tags: ['red'], notes: null });
    for (const filter of [{ bookmarked: true }, { tag: 'red' }, { search: 'BAD never' }, { search: '"no,' }]) {
      expect((await backend.runs(filter)).map((run) => run.test_run_id)).toEqual([id]);
    }
    expect(await backend.runs({ search: 'nothing like it' })).toEqual([]);
  });

  it('numbers breakpoints, gives an existing one again, and tells followers of one that is removed', async () => {
    const rows: BreakpointRow[] = [];
    const removed: string[] = [];
    const links: LinkState['state'][] = [];
    const stop = backend.followLists({
      onRows: (some) => {
        rows.push(...(some.breakpoints ?? []));
        removed.push(...(some.removed?.ids ?? []));
      },
      onLink: ({ state }) => links.push(state),
    });
    await vi.waitFor(() => expect(links.at(-1)).toBe('live'), { timeout: 15_000 });
    const first = await backend.addBreakpoint({ pipelineKey: 'paint', kind: 'step', target: 'mix' });
    const second = await backend.addBreakpoint({ pipelineKey: 'paint', kind: 'error', target: null });
    expect([first.number, second.number]).toEqual([1, 2]);
    await backend.setBreakpoint(first.id, { enabled: false });
    expect(await backend.addBreakpoint({ pipelineKey: 'paint', kind: 'step', target: 'mix' })).toMatchObject({
      id: first.id,
      enabled: true,
    });
    await backend.removeBreakpoint(second.id);
    await vi.waitFor(() => expect(removed).toEqual([second.id]), { timeout: 15_000 });
    expect(new Set(rows.map((row) => row.id))).toEqual(new Set([first.id, second.id]));
    stop();
  });

  it('lets a command be taken once, and tells the sender how it ended', async () => {
    const id = randomUUID();
    await holder.ingest({ run_id: id, holder_id: 'h', run: { status: 'running', pipeline_key: 'paint' } });
    const heard: CommandRow[] = [];
    const early = await backend.command(id, 'pause');
    const stop = await holder.followControl(id, 'paint', { onCommand: (command) => heard.push(command), onBreakpoints: () => undefined });
    const late = await backend.command(id, 'cancel');
    await vi.waitFor(() => expect(heard.map((command) => command.id)).toEqual([early.id, late.id]), { timeout: 15_000 });
    expect(early).toMatchObject({ state: 'pending', sender_name: server.admin.email });

    expect(await holder.settleCommand(early.id, 'another', 'accepted')).toBe(false);
    expect(await Promise.all([holder.settleCommand(early.id, 'h', 'accepted'), holder.settleCommand(early.id, 'h', 'accepted')])).toContain(
      false,
    );
    const settled = backend.settled(early);
    await holder.settleCommand(early.id, 'h', 'refused', 'not now');
    expect(await settled).toMatchObject({ state: 'refused', reason: 'not now' });
    stop();
  });

  it('shows nothing to somebody without the role, and says no in words', async () => {
    const stranger = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: await server.addUser() });
    expect(await stranger.runs()).toEqual([]);
    const [run] = await backend.runs({ limit: 1 });
    await expect(stranger.annotate(run!.test_run_id, { notes: 'x' })).rejects.toMatchObject({ name: 'UserError' });
    await stranger.close();
  });

  it('says who is wrong when it cannot connect', async () => {
    const nobody = connectBackend({ url: 'http://127.0.0.1:1', key: 'k', session: server.admin });
    await expect(nobody).rejects.toMatchObject({ code: 'unavailable', message: 'no backend answers at http://127.0.0.1:1' });
    const wrong = connectBackend({ url: server.url, key: server.keys.publishableKey, session: { ...server.admin, password: 'wrong' } });
    await expect(wrong).rejects.toMatchObject({ code: 'unauthorized' });
    const keyless = await connectBackend({ url: server.url, key: 'sb_publishable_wrong' });
    await expect(keyless.runs()).rejects.toMatchObject({ code: 'unauthorized' });
    await keyless.close();
  });
});
