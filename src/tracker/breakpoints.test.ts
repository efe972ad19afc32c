import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Backend } from '../client/backend.ts';
import { connectBackend } from '../client/connect-backend.ts';
import type { BreakpointDraft } from '../core/breakpoint-draft.ts';
import type { TestBackend } from '../server/testing.ts';
import { startTestBackend } from '../server/testing.ts';
import { configure } from './configure.ts';
import { ExecutionTracker } from './execution-tracker.ts';
import type { TrackerOptions } from './tracker-options.ts';

vi.setConfig({ testTimeout: 60_000 });

let server: TestBackend;
let backend: Backend;
let pipelines = 0;
const trackers: ExecutionTracker[] = [];

beforeAll(async () => {
  server = await startTestBackend();
  backend = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: server.admin });
  configure({ url: server.url, key: server.keys.secretKey });
}, 60_000);
afterEach(async () => {
  for (const tracker of trackers.splice(0)) await tracker.cleanup();
});
afterAll(async () => {
  // Other files share the process.
  configure({ url: undefined, key: undefined });
  await backend.close();
  await server.stop();
});

/** A run of a pipeline of its own that has these breakpoints. */
async function track(drafts: readonly Partial<BreakpointDraft>[], options: TrackerOptions = {}): Promise<ExecutionTracker> {
  const pipelineKey = `pipeline-${++pipelines}`;
  for (const draft of drafts) await backend.addBreakpoint({ pipelineKey, kind: 'step', target: null, ...draft });
  const tracker = new ExecutionTracker('flux', 'FLUX.1', 'replicate', 'prompt_to_image', null, { pipeline: pipelineKey, ...options });
  trackers.push(tracker);
  return tracker;
}

/** Where and why the run is held. */
const held = async (tracker: ExecutionTracker) =>
  await vi.waitFor(
    async () => {
      const run = await backend.run(tracker.testRunId);
      expect(run.status).toBe('paused');
      const step = (await backend.steps(run.test_run_id)).find((one) => one.step_key === run.current_step)!;
      return { reason: run.pause_reason, step: step.display, status: step.status };
    },
    { timeout: 20_000 },
  );
const goOn = async (tracker: ExecutionTracker, verb: 'continue' | 'next' = 'continue') => {
  const settled = await backend.settled(await backend.command(tracker.testRunId, verb));
  expect(settled).toMatchObject({ state: 'done' });
};
const messages = async (tracker: ExecutionTracker) => (await backend.logs(tracker.testRunId)).map((log) => log.message);

describe('breakpoints of a run', () => {
  it('hold it after a step with the outputs to see, when the condition holds', async () => {
    const tracker = await track([{ target: '*', moment: 'after', condition: 'outputs.width > 4000' }]);
    const done: string[] = [];
    const run = (async () => {
      for (const width of [1024, 4096, 512]) {
        await tracker.step(`Width ${width}`, () => {
          done.push(String(width));
          return { width };
        });
      }
    })();
    expect(await held(tracker)).toEqual({ reason: 'after 2, breakpoint #1: outputs.width = 4096', step: '2', status: 'completed' });
    expect(done).toEqual(['1024', '4096']);
    expect((await backend.snapshot(tracker.testRunId, 'width_4096'))?.outputs).toEqual({ width: 4096 });
    await goOn(tracker, 'next');
    expect(await vi.waitFor(async () => {
      const now = await held(tracker);
      expect(now.step).toBe('3');
      return now;
    })).toEqual({ reason: 'step', step: '3', status: 'held' });
    await goOn(tracker);
    await run;
    expect(done).toEqual(['1024', '4096', '512']);
    await tracker.complete();
    expect((await backend.steps(tracker.testRunId)).map((step) => step.attempt)).toEqual([1, 1, 1]);
  });

  it('hold it before the next step where the program cannot be held after one', async () => {
    const tracker = await track([{ target: '1', moment: 'after' }]);
    const [first, second] = [tracker.addStep({ stepName: 'One' }), tracker.addStep({ stepName: 'Two' })];
    await tracker.checkpoint(first);
    tracker.startStep(first.id);
    tracker.completeStep(first.id, {});
    const passed = tracker.checkpoint(second);
    expect(await held(tracker)).toEqual({ reason: 'breakpoint #1 on 1', step: '2', status: 'held' });
    await goOn(tracker);
    await passed;
  });

  it('hold it after a failure, at a bad line, at a cost, where the state changed, and in a step that is slow', async () => {
    const tracker = await track([
      { kind: 'level', level: 'warn' },
      { kind: 'cost', threshold: 5 },
      { kind: 'path', path: '/image/url' },
      { kind: 'slow', threshold: 30, target: 'slow' },
      { kind: 'error', condition: 'error.message.contains("quota")' },
    ]);
    let state: { image?: { url: string } } = { image: { url: 'a' } };
    const options = (stepName: string) => ({ stepName, inputs: {}, state: () => state });
    const reasons: (string | null)[] = [];
    const next = async () => {
      reasons.push((await held(tracker)).reason);
      await goOn(tracker);
    };
    const step = async (name: string, work: () => unknown) => await tracker.step(name, options(name), work);

    const quiet = step('Quiet', () => tracker.log({ message: 'fine' }));
    await quiet;
    const logged = step('Logged', () => tracker.log({ message: 'low memory', logLevel: 'warn' }));
    await next();
    await logged;
    await step('Cheap', () => tracker.charge(4));
    const dear = step('Dear', () => tracker.charge(1.5));
    await next();
    await dear;
    const changed = step('Changed', () => {
      state = { image: { url: 'b' } };
    });
    await next();
    await changed;
    // It spins: no timer fires before it has ended.
    const slow = step('Slow', () => {
      const until = performance.now() + 40;
      while (performance.now() < until);
    });
    await next();
    await slow;
    const failing = step('Failing', () => {
      throw new Error('no quota left');
    }).catch((error: Error) => error.message);
    await next();
    expect(await failing).toBe('no quota left');
    expect(reasons).toEqual([
      'after 2, breakpoint #1: warn "low memory"',
      'after 4, breakpoint #2: 5.5 credits charged',
      'after 5, breakpoint #3: /image/url changed, "a" → "b"',
      'after 6, breakpoint #4: 6 has run longer than 30 ms',
      'after 7, error breakpoint #5: error.message = "no quota left"; breakpoint #1: error "no quota left"',
    ]);
  });

  it('say in the log while a step is slow that the run will stop', async () => {
    const tracker = await track([{ kind: 'slow', threshold: 20 }]);
    const { promise: told, resolve } = Promise.withResolvers<string>();
    tracker.subscribeToLogs((log) => resolve(log.message));
    const run = tracker.step('Waits', async () => await told);
    expect(await told).toBe('breakpoint #1: 1 has run longer than 20 ms: the run stops at the next place where it can be held');
    expect(await held(tracker)).toMatchObject({ reason: 'after 1, breakpoint #1: 1 has run longer than 20 ms', status: 'completed' });
    await goOn(tracker);
    await run;
  });

  it('count, and write log points without stopping', async () => {
    const tracker = await track([
      { target: '*', hitCondition: '3' },
      { target: '*', moment: 'after', logMessage: '{step.display} gave {outputs.value}' },
      { target: '*', condition: 'inputs.nothing > 1' },
    ]);
    const run = (async () => {
      for (const name of ['One', 'Two', 'Three']) await tracker.step(name, () => name.length);
    })();
    expect(await held(tracker)).toEqual({ reason: 'breakpoint #1 on 3', step: '3', status: 'held' });
    await goOn(tracker);
    await run;
    await tracker.complete();
    expect(await messages(tracker)).toEqual(['breakpoint #3 is not met: inputs.nothing has no value', '1 gave 3', '2 gave 3', '3 gave 5']);
  });

  it('show secrets in no reason and no line', async () => {
    const tracker = await track([{ target: '*', moment: 'after', condition: 'outputs.api_key != ""' }, { target: '*', moment: 'after', logMessage: 'key {outputs.api_key}' }]);
    const run = tracker.step('Leaks', () => ({ api_key: 'sk-live-abcdefghijklmnop' }));
    expect((await held(tracker)).reason).toBe('after 1, breakpoint #1: outputs.api_key = "***mnop"');
    expect(await messages(tracker)).toEqual(['key ***mnop']);
    await goOn(tracker);
    await run;
  });

  it('follow what is changed while the run goes on, and tell what came too late to hold it', async () => {
    const tracker = await track([]);
    const key = `pipeline-${pipelines}`;
    await tracker.step('First', () => undefined);
    const row = await backend.addBreakpoint({ pipelineKey: key, kind: 'level', target: null, level: 'info' });
    await backend.setBreakpoint(row.id, { level: 'error', condition: 'log.message == "boom"' });
    // Nothing says when it has arrived: log until it does.
    await vi.waitFor(async () => {
      tracker.log({ message: 'boom', logLevel: 'error' });
      const passed = tracker.checkpoint(tracker.addStep({ stepName: 'Later' }));
      expect((await held(tracker)).reason).toContain('breakpoint #1: error "boom", log.message = "boom"');
      await goOn(tracker);
      await passed;
    }, { timeout: 30_000 });
    tracker.log({ message: 'boom', logLevel: 'error' });
    await tracker.complete();
    expect((await messages(tracker)).at(-1)).toBe('breakpoint #1: error "boom", log.message = "boom": the run ended before it could be held');
  });
});
