import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { connectBackend } from '../client/connect-backend.ts';
import type { Backend } from '../client/backend.ts';
import type { CommandVerb, RunRow } from '../protocol/rows.ts';
import { RunRequest } from '../protocol/run-request.ts';
import { startTestBackend, type TestBackend } from '../server/testing.ts';
import { fixture, reach } from './testing.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let server: TestBackend;
let backend: Backend;
let folder: string;
beforeAll(async () => {
  server = await startTestBackend();
  backend = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: { email: server.admin.email, password: server.admin.password } });
  folder = mkdtempSync(join(tmpdir(), 'stepscope-resume-'));
});
afterEach(async () => {
  for (const runner of runners.splice(0)) await runner.kill();
});
afterAll(async () => {
  await backend?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface RunnerProcess {
  readonly id: string;
  /** Ends it as a crash does, and sees to it that the backend has noticed. */
  kill(): Promise<void>;
  /** Ends it in order. */
  stop(): Promise<void>;
}
const runners: RunnerProcess[] = [];

async function startRunnerProcess(...files: readonly string[]): Promise<RunnerProcess> {
  const program = fileURLToPath(new URL('runner-process-testing.ts', import.meta.url));
  const child = spawn(process.execPath, [program, server.url, server.keys.secretKey, ...(files.length > 0 ? files : [fixture('careful-steps.ts')])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const id = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const [, said] = /ready (\S+)/.exec(text) ?? [];
      if (said !== undefined) resolve(said);
    });
    void ended.then(() => reject(new Error('the runner ended')));
  });
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await ended;
    // As after 30 seconds of silence.
    await server.database.asOwner((transaction) => transaction.query(`select interrupt_lost_runs('0', $1)`, [id]));
  };
  const runner = { id, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
  runners.push(runner);
  return runner;
}

let files = 0;
async function start(pipeline: string, wanted: Partial<RunRequest> & { readonly breakAt?: readonly string[]; readonly waitMs?: number } = {}) {
  const file = join(folder, `executions-${(files += 1)}`);
  writeFileSync(file, '');
  const { breakAt = [], waitMs = 0, ...request } = wanted;
  const run = await backend.startRun(RunRequest.parse({ pipeline, inputs: { file, waitMs }, options: { breakAt }, ...request }));
  return {
    id: run.test_run_id,
    executed: () => readFileSync(file, 'utf8').split('\n').filter(Boolean),
    heldAt: (step: string, holder?: RunnerProcess) =>
      reach(backend, run.test_run_id, (row: RunRow) => row.status === 'paused' && row.current_step === step && (holder === undefined || row.holder_id === holder.id)),
    is: (status: RunRow['status']) => reach(backend, run.test_run_id, (row: RunRow) => row.status === status),
    tell: async (verb: CommandVerb, payload = {}) => {
      const settled = await backend.settled(await backend.command(run.test_run_id, verb, payload));
      expect(settled, settled.reason ?? '').toMatchObject({ state: 'done' });
    },
  };
}

describe('a held run whose runner is killed', () => {
  it('stays paused, is held at the same step by the next runner, and runs each step once', async () => {
    const first = await startRunnerProcess();
    const run = await start('careful', { breakAt: ['two.b'] });
    const before = await run.heldAt('two.b', first);
    await run.tell('edit', { patch: [{ op: 'replace', path: '/plus', value: 100 }] });
    await first.kill();
    expect(await backend.run(run.id)).toMatchObject({ status: 'paused', holder_id: null, pause_reason: 'breakpoint at 2b' });

    const second = await startRunnerProcess();
    const after = await run.heldAt('two.b', second);
    expect(after).toMatchObject({ pause_reason: before.pause_reason, paused_at: before.paused_at, started_at: before.started_at });
    expect(run.executed()).toEqual(['one', 'two', 'two.a']);
    await run.tell('continue');
    const end = await run.is('completed');
    expect(end).toMatchObject({ completed_steps: 4, error_message: null });
    expect(run.executed()).toEqual(['one', 'two', 'two.a', 'two.b 100', 'three 1970-01-02T00:00:00.000Z 12', 'four']);
    // The rows it had go on.
    const steps = await backend.steps(run.id);
    expect(steps.map(({ step_key, attempt, status }) => `${step_key} ${attempt} ${status}`)).toEqual(
      ['one', 'two', 'two.a', 'two.b', 'three', 'four'].map((key) => `${key} 1 completed`),
    );
    expect(steps.find(({ step_key }) => step_key === 'two.b')).toMatchObject({ is_edited: true });
    expect((await backend.snapshot(run.id, 'four'))?.stateBefore).toMatchObject({ count: { $bigint: '12' }, sum: 100 });
  });

  it('is given away by one that is stopped in order, also in the middle of a step', async () => {
    const first = await startRunnerProcess();
    const held = await start('careful', { mode: 'step' });
    await held.heldAt('one', first);
    const working = await start('careful', { waitMs: 700 });
    await reach(backend, working.id, (row) => row.current_step === 'three');
    await first.stop();
    expect(await backend.run(held.id)).toMatchObject({ status: 'paused', holder_id: null });
    expect(await backend.run(working.id)).toMatchObject({ status: 'paused', holder_id: null, current_step: 'four', pause_reason: 'pause', paused_by: 'its runner, which was stopped' });

    const second = await startRunnerProcess();
    await held.heldAt('one', second);
    await working.heldAt('four', second);
    await working.tell('continue');
    await held.tell('continue');
    await working.is('completed');
    await held.is('completed');
    for (const run of [held, working]) expect(run.executed()).toHaveLength(new Set(run.executed()).size);
  });

  it('obeys a command that came while nobody held it, once', async () => {
    const first = await startRunnerProcess();
    const run = await start('careful', { mode: 'step' });
    await run.heldAt('one', first);
    await first.kill();
    const commands = [await backend.command(run.id, 'next'), await backend.command(run.id, 'next')];
    await startRunnerProcess();
    for (const command of commands) expect(await backend.settled(command)).toMatchObject({ state: 'done' });
    await run.heldAt('three');
    expect(run.executed()).toEqual(['one', 'two', 'two.a', 'two.b 13']);
  });

  it('keeps the places at which it was to be held', async () => {
    const first = await startRunnerProcess();
    const run = await start('careful', { breakAt: ['two'] });
    await run.heldAt('two', first);
    await run.tell('pause', { step: 'four' });
    await first.kill();
    await startRunnerProcess();
    await run.tell('continue');
    expect(await run.heldAt('four')).toMatchObject({ pause_reason: 'pause at 4' });
  });

  it('is interrupted where another process could not go on, and its log says why', async () => {
    const first = await startRunnerProcess();
    const lossy = await start('lossy', { breakAt: ['two'] });
    await lossy.heldAt('two', first);
    const alone = await start('alone', { breakAt: ['two'] });
    await alone.heldAt('two', first);
    await first.kill();
    expect(await backend.run(lossy.id)).toMatchObject({ status: 'interrupted' });
    expect(await backend.run(alone.id)).toMatchObject({ status: 'interrupted' });
    expect((await backend.logs(lossy.id)).map(({ message }) => message)).toContain('Held here the run ends with its program: state.connection.send is a function');
  });

  it('is interrupted in the middle of a step, which nobody runs again', async () => {
    const first = await startRunnerProcess();
    const run = await start('careful', { waitMs: 30_000, breakAt: ['three'] });
    await run.heldAt('three', first);
    await run.tell('continue');
    await reach(backend, run.id, (row) => row.status === 'running');
    await first.kill();
    expect(await backend.run(run.id)).toMatchObject({ status: 'interrupted' });
    expect(run.executed().filter((line) => line.startsWith('three')).length).toBeLessThanOrEqual(1);
  });

  it('fails with a reason where its pipeline has lost the step', async () => {
    const first = await startRunnerProcess();
    const run = await start('careful', { breakAt: ['four'] });
    await run.heldAt('four', first);
    await first.kill();
    const other = join(folder, 'careful.ts');
    writeFileSync(other, readFileSync(fixture('careful-steps.ts'), 'utf8').replaceAll("key: 'four'", "key: 'fourth'"));
    await startRunnerProcess(other);
    expect(await run.is('failed')).toMatchObject({ error_message: expect.stringContaining('its pipeline has no step four any more') as string });
  });
});

describe('a step that asks for an approval', () => {
  it('waits for a yes, refuses to be stepped over, and asks again after its runner was killed', async () => {
    const first = await startRunnerProcess();
    const run = await start('asking');
    expect(await run.heldAt('charge', first)).toMatchObject({ pause_reason: 'waiting for approval: Charge the customer?' });
    expect(await backend.approvals({ state: 'waiting', runId: run.id })).toMatchObject([{ step_key: 'charge', title: 'Charge the customer?' }]);
    for (const verb of ['continue', 'next', 'runTo'] as const) {
      const refused = await backend.settled(await backend.command(run.id, verb, verb === 'runTo' ? { step: 'four' } : {}));
      expect(refused).toMatchObject({ state: 'refused', reason: 'the run waits for an approval: Charge the customer? Any admin can approve or reject it' });
    }
    await first.kill();
    const second = await startRunnerProcess();
    await run.heldAt('charge', second);
    await run.tell('approve', { why: 'she asked for it' });
    await run.is('completed');
    expect(run.executed().filter((line) => line === 'charge')).toHaveLength(1);
    expect(await backend.approvals({ runId: run.id })).toMatchObject([{ state: 'approved', decided_by: server.admin.id, decided_by_name: server.admin.email, reason: 'she asked for it' }]);
  });

  it('fails with the reason of a rejection, and the pipeline puts right what it did', async () => {
    await startRunnerProcess();
    const run = await start('asking');
    await run.heldAt('charge');
    await run.tell('reject', { why: 'too dear' });
    const failed = await run.is('failed');
    expect(failed).toMatchObject({ failed_step: 'charge', error_message: `rejected by ${server.admin.email}: too dear` });
    expect(run.executed()).toEqual(['one', `put right: rejected by ${server.admin.email}: too dear`]);
    expect(await backend.approvals({ runId: run.id })).toMatchObject([{ state: 'rejected', reason: 'too dear' }]);
  });

  it('is asked no more when the run is cancelled', async () => {
    await startRunnerProcess();
    const run = await start('asking');
    await run.heldAt('charge');
    await run.tell('cancel');
    await run.is('cancelled');
    expect(await backend.approvals({ runId: run.id })).toMatchObject([{ state: 'withdrawn' }]);
  });
});

describe('a held run whose server goes and comes back', () => {
  it('is held all the time, and goes on then', async () => {
    const runner = await startRunnerProcess();
    const run = await start('careful', { breakAt: ['three'] });
    const before = await run.heldAt('three', runner);
    await server.restart();
    await run.tell('continue');
    await run.is('completed');
    expect(run.executed()).toHaveLength(6);
    expect(before.holder_id).toBe(runner.id);
  });
});

// Each waits for a heartbeat to notice a lease that has lapsed; they do so together, on one runner.
describe.concurrent('a pause that a terminal holds', () => {
  let runner: RunnerProcess;
  beforeAll(async () => {
    runner = await startRunnerProcess();
    // It is there for all of them, and not ended after the first.
    runners.splice(0);
  });
  afterAll(() => runner.kill());

  const silent = (id: string) => server.database.asOwner((transaction) => transaction.query(`update run_leases set expires_at = now() - interval '1 second' where test_run_id = $1`, [id]));
  const deeds = async (id: string) => {
    const { rows } = await server.database.asOwner((transaction) => transaction.query<{ action: string }>(`select action from audit_log where target_table = 'run_leases' and target_id = $1 order by id`, [id]));
    return rows.map(({ action }) => action);
  };
  const said = async (id: string) => (await backend.logs(id)).map(({ message }) => message).filter((message) => message.startsWith('The terminal of'));

  it.each([
    ['continue', 'completed', 'it goes on'],
    ['cancel', 'cancelled', 'it is cancelled'],
  ] as const)('ends with the terminal, and the run does what it was told to: %s', async (onLeaseEnd, status, words) => {
    const run = await start('careful', { breakAt: ['three'], onLeaseEnd });
    await run.heldAt('three');
    await backend.keepLease(run.id);
    expect(await backend.lease(run.id)).toMatchObject({ owner_name: server.admin.email });
    await silent(run.id);
    await run.is(status);
    expect(await said(run.id)).toEqual([expect.stringContaining(words) as string]);
    expect(await deeds(run.id)).toEqual(['lease.hold', 'lease.end']);
    expect(run.executed().filter((line) => line.startsWith('three'))).toHaveLength(status === 'completed' ? 1 : 0);
  });

  it('is steered by its owner alone, until another takes it', async () => {
    const run = await start('careful', { breakAt: ['three'], onLeaseEnd: 'hold' });
    await run.heldAt('three');
    const mine = await backend.keepLease(run.id);
    const other = await connectBackend({ url: server.url, key: server.keys.secretKey });
    const second = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: server.admin });
    try {
      const told = async (who: Backend, verb: CommandVerb, payload = {}) => await who.settled(await who.command(run.id, verb, payload));
      const leave = expect.stringContaining(`${server.admin.email} holds this pause`) as string;
      expect(await told(other, 'next')).toMatchObject({ state: 'refused', reason: leave });
      expect(await told(other, 'edit', { patch: [] })).toMatchObject({ state: 'refused', reason: leave });
      expect(await backend.run(run.id)).toMatchObject({ status: 'paused', current_step: 'three' });
      // The owner, wherever they are.
      expect(await told(second, 'next')).toMatchObject({ state: 'done' });
      await run.heldAt('four');
      const taken = await other.keepLease(run.id, { take: true });
      expect(await told(backend, 'next')).toMatchObject({ state: 'refused', reason: expect.stringContaining('service_role holds this pause') as string });
      expect(await told(backend, 'cancel')).toMatchObject({ state: 'done' });
      await taken.release();
      await mine.release();
    } finally {
      await Promise.all([other.close(), second.close()]);
    }
  });

  it('is told once where the run stays held, and goes to who takes it', async () => {
    const run = await start('careful', { breakAt: ['three'] });
    await run.heldAt('three');
    const first = await backend.keepLease(run.id);
    const other = await connectBackend({ url: server.url, key: server.keys.secretKey });
    try {
      await expect(other.keepLease(run.id)).rejects.toMatchObject({ code: 'conflict' });
      const second = await other.keepLease(run.id, { take: true });
      await reach(backend, run.id, (row) => row.paused_by === 'service_role');
      await first.release();
      expect(await backend.lease(run.id)).toMatchObject({ owner_name: 'service_role' });
      await silent(run.id);
      await expect.poll(() => said(run.id), { timeout: 20_000 }).toEqual([expect.stringContaining('service_role') as string]);
      expect(await backend.run(run.id)).toMatchObject({ status: 'paused' });
      await second.release();
      expect(await deeds(run.id)).toEqual(['lease.hold', 'lease.take', 'lease.end']);
    } finally {
      await other.close();
    }
    await run.tell('cancel');
  });
});
