import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Backend } from '../client/backend.ts';
import { connectBackend } from '../client/connect-backend.ts';
import { connectHolder } from '../client/connect-holder.ts';
import type { Holder } from '../client/holder.ts';
import { createMasker } from '../core/mask.ts';
import type { CommandRow } from '../protocol/rows.ts';
import type { TestBackend } from '../server/testing.ts';
import { startTestBackend } from '../server/testing.ts';
import { configure, findTarget } from './configure.ts';
import { newId } from './ids.ts';
import { keepRun } from './keep-run.ts';
import { logRow } from './make-rows.ts';
import { createRowsBuffer } from './rows-buffer.ts';
import { linkThroughPort, serveRun } from './run-port.ts';
import { openSpool, spooledRuns } from './spool.ts';
import { createSnapshotWriter } from './snapshot-writer.ts';

vi.setConfig({ testTimeout: 40_000 });

let server: TestBackend;
let backend: Backend;
let holder: Holder;
const directory = mkdtempSync(join(tmpdir(), 'stepscope-spool-'));

beforeAll(async () => {
  server = await startTestBackend();
  backend = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: server.admin });
  holder = connectHolder({ url: server.url, secretKey: server.keys.secretKey });
}, 60_000);
afterAll(async () => {
  await backend.close();
  await holder.close();
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

const masker = createMasker();
const line = (runId: string, message: string) => logRow(runId, null, { message }, undefined, masker);
const expected = (count: number) => Array.from({ length: count }, (_, i) => `line ${i}`);
const stored = async (runId: string) => (await backend.logs(runId)).map((log) => log.message);

describe('writing behind', () => {
  it('stores every line once and in order through a restart of the server', async () => {
    const runId = randomUUID();
    const link = keepRun({ holder, runId, holderId: 'h', pipelineKey: null, spool: openSpool(directory, runId) });
    link.sink.write({ run: { status: 'running' } });
    for (let i = 0; i < 300; i++) link.sink.write({ logs: [line(runId, `line ${i}`)] });
    await link.sink.flush();
    await server.restart(async () => {
      for (let i = 300; i < 600; i++) link.sink.write({ logs: [line(runId, `line ${i}`)] });
      await link.sink.flush();
      expect(spooledRuns(directory)).toEqual([runId]);
    });
    link.sink.write({ run: { status: 'completed' } });
    await link.sink.close();
    expect(spooledRuns(directory)).toEqual([]);
    expect(await stored(runId)).toEqual(expected(600));
    expect((await backend.run(runId)).status).toBe('completed');
  });

  it('keeps on disk what nobody takes, and sends it before what comes later', async () => {
    const runId = randomUUID();
    const nobody = connectHolder({ url: 'http://127.0.0.1:9', secretKey: 'none' });
    const told: string[] = [];
    const down = keepRun({
      holder: nobody,
      runId,
      holderId: 'h',
      pipelineKey: null,
      spool: openSpool(directory, runId),
      onTrouble: (what) => told.push(what),
    });
    down.sink.write({ run: { status: 'running' }, logs: [line(runId, 'line 0'), line(runId, 'line 1')] });
    await down.sink.close();
    await nobody.close();
    expect(told).toEqual([expect.stringContaining('kept on disk')]);
    expect(statSync(join(directory, `${runId}.ndjson`)).mode & 0o777).toBe(0o600);

    const up = keepRun({ holder, runId, holderId: 'h', pipelineKey: null, spool: openSpool(directory, runId) });
    up.sink.write({ logs: [line(runId, 'line 2')] });
    await up.sink.close();
    expect(await stored(runId)).toEqual(expected(3));
    expect(spooledRuns(directory)).toEqual([]);
  });

  it('stops when somebody else holds the run', async () => {
    const runId = randomUUID();
    await holder.ingest({ run_id: runId, holder_id: 'first', run: { status: 'running' } });
    const lost = vi.fn();
    const link = keepRun({ holder, runId, holderId: 'second', pipelineKey: null, onHolderLost: lost, onTrouble: () => undefined });
    link.sink.write({ logs: [line(runId, 'stray')] });
    await link.sink.close();
    expect(lost).toHaveBeenCalled();
    expect(await stored(runId)).toEqual([]);
  });

  it('brings a state of megabytes whole, compressed, and the same state only once', async () => {
    const runId = randomUUID();
    const writer = createSnapshotWriter(runId, masker);
    const state = { big: Array.from({ length: 40_000 }, (_, i) => `item ${i} ${'x'.repeat(40)}`), small: 1 };
    const first = writer.state(state);
    const again = writer.state({ ...state, small: 2 });
    expect([first.blobs.length, again.blobs.length]).toEqual([1, 0]);
    expect(again.manifest.blobs).toEqual(first.manifest.blobs);
    const link = keepRun({ holder, runId, holderId: 'h', pipelineKey: null });
    const snapshot = {
      id: newId(),
      test_run_id: runId,
      step_key: 's',
      step_number: 1,
      step_name: 's',
      attempt: 1,
      state_before: first.manifest,
      state_after: again.manifest,
      inputs: null,
      outputs: null,
      source_code: null,
      source_line: null,
      highlight_from: null,
      highlight_to: null,
      function_name: null,
      file_path: null,
      can_edit: true,
      can_rerun: true,
      is_edited: false,
      started_at: null,
      completed_at: null,
      duration_ms: null,
    };
    link.sink.write({ run: { status: 'running' }, snapshots: [snapshot], blobs: [...first.blobs] });
    await link.sink.close();
    expect(await backend.snapshot(runId, 's')).toMatchObject({ stateBefore: state, stateAfter: { ...state, small: 2 } });
  });

  it('works the same through a port between threads', async () => {
    const runId = randomUUID();
    const { port1, port2 } = new MessageChannel();
    const seen: number[] = [];
    serveRun(port2, keepRun({ holder, runId, holderId: 'h', pipelineKey: 'p' }), (rows) => seen.push(rows.logs?.length ?? 0));
    const link = linkThroughPort(port1);
    link.sink.write({ run: { status: 'running', pipeline_key: 'p' }, logs: [line(runId, 'line 0')] });
    await link.sink.flush();
    expect(await stored(runId)).toEqual(['line 0']);
    expect(seen).toEqual([1]);

    const heard: CommandRow[] = [];
    await link.controls.follow({ onCommand: (command) => heard.push(command), onBreakpoints: () => undefined });
    const command = await backend.command(runId, 'pause');
    await vi.waitFor(() => expect(heard.map(({ id }) => id)).toEqual([command.id]), { timeout: 10_000 });
    expect(await link.controls.settle(command.id, 'accepted')).toBe(true);
    expect(await link.controls.settle(command.id, 'accepted')).toBe(false);
    await link.sink.close();
    port1.close();
  });
});

describe('the rows that wait', () => {
  it('are sent once in their latest form, steps before logs, the run with the last', () => {
    const buffer = createRowsBuffer();
    buffer.add({ run: { status: 'running' }, logs: Array.from({ length: 1_500 }, (_, i) => line('r', `line ${i}`)) });
    buffer.add({ run: { status: 'completed', notes: 'n' } });
    const first = buffer.take()!;
    expect([first.rows.logs?.length, first.rows.run]).toEqual([999, undefined]);
    buffer.putBack(first);
    buffer.add({ logs: [line('r', 'line 1500')] });
    const messages: string[] = [];
    let run;
    for (let parcel = buffer.take(); parcel !== undefined; parcel = buffer.take()) {
      messages.push(...(parcel.rows.logs ?? []).map((log) => log.message));
      run = parcel.rows.run;
    }
    expect(messages).toEqual(expected(1_501));
    expect(run).toEqual({ status: 'completed', notes: 'n' });
    expect(buffer.size()).toBe(0);
  });

  it('never exceed what one request may carry', () => {
    const buffer = createRowsBuffer();
    buffer.add({ logs: Array.from({ length: 50 }, () => line('r', 'x'.repeat(30_000))) });
    const sizes: number[] = [];
    for (let parcel = buffer.take(); parcel !== undefined; parcel = buffer.take()) sizes.push(JSON.stringify(parcel.rows).length);
    expect(sizes.length).toBeGreaterThan(1);
    expect(Math.max(...sizes)).toBeLessThan(1024 * 1024);
  });
});

describe('the spool', () => {
  it('leaves out a line that a crash cut off, and follows no link', () => {
    const spool = openSpool(directory, 'cut');
    spool.append('h', { run: { status: 'running' } });
    const file = join(directory, 'cut.ndjson');
    writeFileSync(file, `${readFileSync(file, 'utf8')}{"holder_id":"h","bat`);
    expect(openSpool(directory, 'cut').read()).toHaveLength(1);
    spool.clear();

    const target = join(directory, 'elsewhere');
    writeFileSync(target, 'mine');
    symlinkSync(target, join(directory, 'linked.ndjson'));
    expect(openSpool(directory, 'linked').append('h', {})).toBe(false);
    expect(readFileSync(target, 'utf8')).toBe('mine');
    rmSync(join(directory, 'linked.ndjson'));
  });
});

describe('finding the backend to record to', () => {
  it('takes the environment, then the private state file of the local backend, then nothing, with the reason', () => {
    const env = { STEPSCOPE_DATA_DIR: directory };
    expect(findTarget({ ...env, STEPSCOPE_URL: 'http://x:1', STEPSCOPE_KEY: 'k' })).toEqual({ url: 'http://x:1', secretKey: 'k' });
    expect(findTarget({ ...env, STEPSCOPE_URL: 'http://x:1' })).toEqual({ missing: 'STEPSCOPE_URL is set, but STEPSCOPE_KEY is not' });
    expect(findTarget(env)).toEqual({ missing: 'no local backend is running' });

    const file = join(directory, 'backend.json');
    const state = {
      version: 1,
      url: 'http://127.0.0.1:5',
      pid: process.pid,
      startedAt: '',
      engine: 'pglite',
      mode: 'detached',
      stepscope: '0',
      schemaVersion: 1,
      publishableKey: 'p',
      secretKey: 's',
      localUser: { email: 'e', password: 'p' },
    };
    writeFileSync(file, JSON.stringify(state), { mode: 0o600 });
    expect(findTarget(env)).toEqual({ url: 'http://127.0.0.1:5', secretKey: 's' });
    writeFileSync(file, JSON.stringify({ ...state, pid: 2 ** 22 - 1 }));
    expect(findTarget(env)).toEqual({ missing: 'no local backend is running' });
    chmodSync(file, 0o644);
    expect(findTarget(env)).toMatchObject({ missing: expect.stringContaining('not private') });
    expect(() => configure({ url: 'nonsense' })).toThrow('is not a URL');
  });
});
