import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Backend } from '../client/backend.ts';
import { connectBackend } from '../client/connect-backend.ts';
import { Trace } from '../protocol/trace.ts';
import type { TestBackend } from '../server/testing.ts';
import { startTestBackend } from '../server/testing.ts';
import { configure } from './configure.ts';
import { EnhancedExecutionTracker, ExecutionTracker } from './execution-tracker.ts';
import type { TrackerOptions } from './tracker-options.ts';
import { createStepConfig } from './flow.ts';
import { RunCancelled } from './gate-keeper.ts';

vi.setConfig({ testTimeout: 40_000 });

let server: TestBackend;
let backend: Backend;
const trackers: ExecutionTracker[] = [];
const troubles: string[] = [];

beforeAll(async () => {
  server = await startTestBackend();
  backend = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: server.admin });
  configure({ url: server.url, key: server.keys.secretKey, onTrouble: (what) => troubles.push(what) });
}, 60_000);
afterEach(async () => {
  for (const tracker of trackers.splice(0)) await tracker.cleanup();
});
afterAll(async () => {
  // Other files share the process.
  configure({ url: undefined, key: undefined, onTrouble: undefined });
  await backend.close();
  await server.stop();
  expect(troubles).toEqual([]);
});

function track(options: TrackerOptions = {}): ExecutionTracker {
  const tracker = new ExecutionTracker('flux-schnell', 'FLUX.1', 'replicate', 'prompt_to_image', null, { pipeline: 'traced', ...options });
  trackers.push(tracker);
  return tracker;
}

const heldStep = async (tracker: ExecutionTracker) =>
  await vi.waitFor(
    async () => {
      const held = (await backend.steps(tracker.testRunId)).find((step) => step.status === 'held');
      expect(held).toBeDefined();
      return held!;
    },
    { timeout: 15_000 },
  );

describe('a traced run', () => {
  it('is stored step by step as the seed documents use the tracker, each snapshot once and completed', async () => {
    const tracker = track({ testMode: true, skipBilling: true, mode: 'auto', persistenceEnabled: true });
    const step = tracker.addStep({
      stepName: 'Validate Inputs',
      description: 'Validate user inputs against schema',
      functionPath: 'src/lib/models/Model.ts',
      functionName: 'validate',
      inputs: { prompt: 'a lighthouse' },
      canEdit: true,
      canRerun: true,
      stepType: 'main',
      executionContext: 'client',
    });
    tracker.startStep(step.id, { phase: 1 });
    tracker.log({
      stepNumber: 1,
      stepType: 'log',
      logLevel: 'warning',
      message: 'Validation successful',
      data: { valid: true },
      executionContext: 'edge',
    });
    tracker.completeStep(step.id, { valid: true }, { phase: 2, when: new Date(0) }, { attempts: 1 });
    const failing = tracker.addStep(
      createStepConfig(
        'Call Provider',
        'Calls it',
        'src/a.ts',
        'call',
        { width: 512 },
        { executionContext: 'edge_function', sourceCode: 'call()' },
      ),
    );
    tracker.startStep(failing.id);
    tracker.failStep(failing.id, 'NSFW content detected', 'Error: NSFW content detected\n    at call (src/a.ts:3:1)');
    await tracker.cleanup();

    const run = await backend.run(tracker.testRunId);
    expect(run).toMatchObject({
      status: 'failed',
      failed_step: 'call_provider',
      failed_step_number: 2,
      error_message: 'NSFW content detected',
      total_steps: 2,
      completed_steps: 1,
      test_mode_enabled: true,
      skip_billing: true,
      billing: 'test',
      model_name: 'FLUX.1',
      log_counts: { warn: 1, error: 1 },
    });
    expect(run.error_stack).toContain('src/a.ts:3');
    const steps = await backend.steps(tracker.testRunId);
    expect(steps.map(({ display, status, execution_context }) => [display, status, execution_context])).toEqual([
      ['1', 'completed', 'client'],
      ['2', 'failed', 'edge_function'],
    ]);
    expect(steps[0]).toMatchObject({
      metadata: { attempts: 1 },
      cpu_ms: expect.any(Number),
      memory_bytes: expect.any(Number),
      duration_ms: expect.any(Number),
    });
    expect(await backend.snapshot(tracker.testRunId, 'validate_inputs')).toMatchObject({
      inputs: { prompt: 'a lighthouse' },
      outputs: { valid: true },
      stateBefore: { phase: 1 },
      stateAfter: { phase: 2, when: { $date: '1970-01-01T00:00:00.000Z' } },
    });
    expect((await backend.snapshot(tracker.testRunId, 'call_provider'))?.source).toMatchObject({ code: 'call()', filePath: 'src/a.ts' });
    const logs = await backend.logs(tracker.testRunId);
    expect(logs[0]).toMatchObject({
      message: 'Validation successful',
      log_level: 'warn',
      step_key: 'validate_inputs',
      step_number: 1,
      data: { valid: true },
      execution_context: 'edge_function',
    });
    expect(new Set(logs.map((log) => log.id)).size).toBe(logs.length);
  });

  it('numbers sub-steps under their step, gives log lines their step, and closes a step whose function throws', async () => {
    const tracker = track();
    const work = tracker.step('Outer', { inputs: {} }, async () => {
      await tracker.step('First', { inputs: { n: 1 } }, () => tracker.log({ message: 'inside' }));
      await tracker.step('Second', () => {
        throw new TypeError('broken');
      });
    });
    await expect(work).rejects.toThrow('broken');
    await tracker.cleanup();

    const steps = await backend.steps(tracker.testRunId);
    expect(steps.map(({ display, step_key, status }) => [display, step_key, status])).toEqual([
      ['1', 'outer', 'failed'],
      ['1a', 'outer.first', 'completed'],
      ['1b', 'outer.second', 'failed'],
    ]);
    expect((await backend.logs(tracker.testRunId)).map((log) => [log.step_key, log.message])).toEqual([
      ['outer.first', 'inside'],
      ['outer.second', 'broken'],
    ]);
    expect(await backend.run(tracker.testRunId)).toMatchObject({ status: 'failed', failed_step: 'outer.second', error_message: 'broken' });
  });

  it('is held before a step, shows what the step would start from, and runs on with edited inputs', async () => {
    const tracker = track({ mode: 'step' });
    const seen: unknown[] = [];
    const run = (async () => {
      await tracker.step('One', { inputs: { width: 512 }, state: () => ({ so: 'far' }) }, ({ inputs }) => void seen.push(inputs));
      await tracker.step('Two', { inputs: {} }, () => 2);
      await tracker.complete();
    })();

    const held = await heldStep(tracker);
    expect(held.step_key).toBe('one');
    expect(seen).toEqual([]);
    expect(await backend.run(tracker.testRunId)).toMatchObject({ status: 'paused', pause_reason: 'step', current_step: 'one' });
    expect(await backend.snapshot(tracker.testRunId, 'one')).toMatchObject({
      inputs: { width: 512 },
      stateBefore: { so: 'far' },
      outputs: null,
    });

    const refused = await backend.settled(await backend.command(tracker.testRunId, 'edit', { step: 'two', patch: [] }));
    expect(refused).toMatchObject({ state: 'refused', reason: 'the run is held before 1, not before two' });
    const edit = await backend.command(tracker.testRunId, 'edit', { step: 'one', patch: [{ op: 'replace', path: '/width', value: 1024 }] });
    expect((await backend.settled(edit)).state).toBe('done');
    // Who follows the run learns of a second edit as of the first: the step's row is a newer one each time.
    const edited = await vi.waitFor(async () => {
      const [step] = await backend.steps(tracker.testRunId);
      expect(step).toMatchObject({ status: 'held', is_edited: true });
      return step!;
    }, { timeout: 15_000 });
    await backend.settled(await backend.command(tracker.testRunId, 'edit', { step: 'one', patch: [{ op: 'replace', path: '/width', value: 2048 }] }));
    await vi.waitFor(async () => expect((await backend.steps(tracker.testRunId))[0]!.seq).toBeGreaterThan(edited.seq), { timeout: 15_000 });
    expect((await backend.snapshot(tracker.testRunId, 'one'))?.inputs).toEqual({ width: 2048 });
    expect((await backend.settled(await backend.command(tracker.testRunId, 'next'))).state).toBe('done');
    await vi.waitFor(
      async () => expect((await backend.steps(tracker.testRunId)).find((step) => step.status === 'held')?.step_key).toBe('two'),
      { timeout: 15_000 },
    );
    await backend.settled(await backend.command(tracker.testRunId, 'continue'));
    await run;

    expect(seen).toEqual([{ width: 2048 }]);
    expect((await backend.steps(tracker.testRunId))[0]).toMatchObject({
      is_edited: true,
      status: 'completed',
      held_ms: expect.any(Number),
    });
    expect(await backend.run(tracker.testRunId)).toMatchObject({ status: 'completed', pause_reason: null });
    const late = backend.command(tracker.testRunId, 'continue');
    await expect(late).rejects.toMatchObject({ code: 'conflict' });
  });

  it('stops at a stored breakpoint of its pipeline, before the step', async () => {
    const breakpoint = await backend.addBreakpoint({ pipelineKey: 'stopping', kind: 'step', target: 'second' });
    const tracker = track({ pipeline: 'stopping' });
    const done: string[] = [];
    const run = (async () => {
      await tracker.step('First', () => void done.push('first'));
      await tracker.step('Second', () => void done.push('second'));
    })();
    await heldStep(tracker);
    expect(done).toEqual(['first']);
    expect((await backend.run(tracker.testRunId)).pause_reason).toBe(`breakpoint #${breakpoint.number} on 2`);
    await backend.settled(await backend.command(tracker.testRunId, 'continue'));
    await run;
    expect(done).toEqual(['first', 'second']);
  });

  it('is cancelled while it is held: the step never happens and the program learns who it was', async () => {
    const tracker = track({ mode: 'paused' });
    const happened = vi.fn();
    const run = tracker.step('Never', happened);
    const rejected = expect(run).rejects.toMatchObject({ name: 'RunCancelled', by: server.admin.email });
    await heldStep(tracker);
    expect((await backend.settled(await backend.command(tracker.testRunId, 'cancel'))).state).toBe('done');
    await rejected;
    await tracker.cleanup();
    expect(happened).not.toHaveBeenCalled();
    expect((await backend.run(tracker.testRunId)).status).toBe('cancelled');
    expect((await backend.steps(tracker.testRunId))[0]!.status).toBe('cancelled');
  });

  it('obeys a command once, though it is delivered again', async () => {
    const tracker = track({ mode: 'step' });
    const run = (async () => {
      for (const name of ['A', 'B', 'C']) await tracker.step(name, () => undefined);
    })();
    await heldStep(tracker);
    const command = await backend.command(tracker.testRunId, 'next');
    await backend.settled(command);
    // Announce the row once more, as a server does after a lost link.
    await server.database.asOwner((sql) =>
      sql.query('update test_execution_commands set sender_name = sender_name where id = $1', [command.id]),
    );
    await vi.waitFor(
      async () => expect((await backend.steps(tracker.testRunId)).find((step) => step.status === 'held')?.step_key).toBe('b'),
      { timeout: 15_000 },
    );
    tracker.stepForward();
    await vi.waitFor(
      async () => expect((await backend.steps(tracker.testRunId)).find((step) => step.status === 'held')?.step_key).toBe('c'),
      { timeout: 15_000 },
    );
    tracker.resume();
    await run;
  });

  it('lets no secret leave: not in inputs, states, errors, logs, keys, names, or the export', async () => {
    const canary = `r8_${'Zq9'.repeat(12)}`;
    const mail = 'grace.hopper@example.org';
    const tracker = track({ inputs: { apiKey: canary } });
    await tracker.bookmark(`run with ${canary}`, [canary], `asked by ${mail}`);
    tracker.setGenerationId('g-1');
    await tracker
      .step(
        `Call ${canary}`,
        {
          inputs: { nested: { token: 'swordfish-1', [canary]: mail } },
          state: () => ({ url: `https://x.y/?token=${canary}`, big: `${'pad '.repeat(1000)}${canary}` }),
        },
        () => {
          tracker.log({
            message: `using ${canary} of ${mail}`,
            data: { headers: { Authorization: `Bearer ${canary}` }, text: JSON.stringify({ password: 'hunter2x' }) },
          });
          throw Object.assign(new Error(`refused ${canary}`), { stack: `Error: ${canary}\n at x` });
        },
      )
      .catch(() => undefined);
    const exported = tracker.export();
    await tracker.cleanup();

    const trace = JSON.stringify(await backend.trace(tracker.testRunId));
    const blobs = await server.database.asOwner((sql) => sql.query('select body, encoding from snapshot_blobs'));
    const everything = exported + trace + JSON.stringify(blobs.rows);
    const secrets = [canary, canary.toLowerCase(), mail, 'hunter2x', 'swordfish-1'];
    expect(secrets.filter((secret) => everything.includes(secret))).toEqual([]);
    expect(everything.split('***').length).toBeGreaterThan(20);
    expect(() => Trace.parse(JSON.parse(exported))).not.toThrow();
  });

  it('is loaded as it was: ids, numbers, contexts, statuses, mode, breakpoints and states', async () => {
    const tracker = track({ mode: 'auto' });
    tracker.toggleBreakpoint('99');
    await tracker.step(
      'Outer',
      { inputs: { n: 1n }, executionContext: 'database' },
      async () => await tracker.step('Inner', () => ({ deep: [1] })),
    );
    const failing = tracker.addStep({ stepName: 'Failing' });
    tracker.startStep(failing.id);
    tracker.failStep(failing.id, 'no');
    await tracker.cleanup();
    const before = tracker.getFlow();

    const loaded = await EnhancedExecutionTracker.loadFromDatabase(tracker.testRunId);
    const flow = loaded!.getFlow();
    const facts = (steps: typeof flow.steps) =>
      steps.map(({ id, parentId, display, status, executionContext, stepType, inputs }) => ({
        id,
        parentId,
        display,
        status,
        executionContext,
        stepType,
        inputs: inputs ?? {},
      }));
    expect(facts(flow.steps)).toEqual(facts(before.steps));
    expect(flow).toMatchObject({ testRunId: tracker.testRunId, status: 'failed', mode: 'auto', breakpoints: ['99'] });
    expect(flow.steps[1]!.outputs).toEqual({ deep: [1] });
    expect(await EnhancedExecutionTracker.loadFromDatabase('0197f3a1-7c1e-7b52-8d8e-2f3a4b5c6d7e')).toBeUndefined();
  });

  it('keeps every one of many lines, once and in order', async () => {
    const tracker = track();
    for (let i = 0; i < 3_000; i++) tracker.log({ message: `line ${i}` });
    await tracker.complete();
    const logs = await backend.logs(tracker.testRunId);
    expect(logs.map((log) => log.message)).toEqual(Array.from({ length: 3_000 }, (_, i) => `line ${i}`));
  }, 60_000);
});

describe('a tracker within its process', () => {
  const local = () => track({ persistenceEnabled: false });

  it('holds where it is told to, also at the very next step, and goes on', async () => {
    const tracker = local();
    tracker.pause(0);
    const done: string[] = [];
    const run = (async () => {
      for (const name of ['One', 'Two', 'Three']) await tracker.step(name, () => void done.push(name));
    })();
    await vi.waitFor(() => expect(tracker.getFlow()).toMatchObject({ status: 'paused', currentStepIndex: 0 }));
    expect(done).toEqual([]);
    tracker.pause('3');
    tracker.resume();
    await vi.waitFor(() => expect(done).toEqual(['One', 'Two']));
    await vi.waitFor(() => expect(tracker.getFlow().status).toBe('paused'));
    tracker.resume();
    await run;
    expect(done).toEqual(['One', 'Two', 'Three']);
  });

  it('tells of changes and of each line once, until unsubscribed', async () => {
    const tracker = local();
    const flows: string[] = [];
    const lines: string[] = [];
    tracker.subscribe((flow) => flows.push(flow.status));
    const unsubscribe = tracker.subscribeToLogs((log) => lines.push(log.message));
    await tracker.step('One', () => tracker.log({ message: 'a' }));
    unsubscribe();
    tracker.log({ message: 'b', logLevel: 'error' });
    await tracker.complete();
    expect(lines).toEqual(['a']);
    expect(flows.at(-1)).toBe('completed');
    expect(tracker.getLogs({ level: 'ERROR' }).map((log) => log.message)).toEqual(['b']);
    expect(tracker.getLogs().length).toBe(2);
  });

  it('rejects a held step when it is cancelled', async () => {
    const tracker = local();
    tracker.pause();
    const run = tracker.step('One', () => undefined);
    await vi.waitFor(() => expect(tracker.getFlow().status).toBe('paused'));
    tracker.cancel();
    await expect(run).rejects.toBeInstanceOf(RunCancelled);
    expect(tracker.getFlow().status).toBe('cancelled');
  });

  it('changes the inputs of a step that is to come', async () => {
    const tracker = local();
    const step = tracker.addStep({ stepName: 'Later', inputs: { a: 1 } });
    tracker.updateStepInputs(step.id, { a: 2 });
    expect(await tracker.checkpoint(step)).toEqual({ a: 2 });
    expect(tracker.getStep(step.id)).toMatchObject({ isEdited: true, inputs: { a: 2 } });
  });

  it('exports what is circular', () => {
    const tracker = local();
    const state: Record<string, unknown> = {};
    state['self'] = state;
    const step = tracker.addStep({ stepName: 'One', inputs: state });
    tracker.startStep(step.id, state);
    expect(() => Trace.parse(JSON.parse(tracker.export()))).not.toThrow();
  });
});
