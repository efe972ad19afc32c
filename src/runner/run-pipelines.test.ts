import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { PatchOperation } from '../protocol/json.ts';
import { fixture, startTestRunner, type EndedRun, type TestRunner } from './testing.ts';

let test: TestRunner;
beforeAll(async () => {
  test = await startTestRunner({ files: [fixture('greet.js'), fixture('nested.ts'), fixture('misbehaving.ts')], onFailureMs: 1_000 });
}, 60_000);
afterAll(() => test.close());

const shown = ({ steps }: EndedRun): string[] => steps.map((step) => `${step.display} ${step.step_key} ${step.status}`);
const said = ({ logs }: EndedRun): string[] => logs.map((line) => `${line.log_level} ${line.step_key}: ${line.message}`);
/** `file:line` of the first line of a fixture that holds the words. */
const placeOf = (file: string, words: string): string => `${fixture(file)}:${readFileSync(fixture(file), 'utf8').split('\n').findIndex((line) => line.includes(words)) + 1}`;
const misbehave = (how: string): Promise<EndedRun> => test.run({ pipeline: 'misbehave', inputs: { how } });

describe.concurrent('a runner', { timeout: 60_000 }, () => {
  it('registers what its files define', async () => {
    const pipelines = await test.backend.pipelines();
    expect(pipelines.map((one) => one.pipeline_key).toSorted()).toEqual(['greet', 'misbehave', 'order']);
    const { step_tree } = pipelines.find((one) => one.pipeline_key === 'order')!;
    const [check, ordering, thank] = step_tree;
    expect([check, ordering, ...ordering!.steps, thank].map((step) => `${step!.display} ${step!.key} ${step!.effect}`)).toEqual([
      '1 check none',
      '2 ordering none',
      '2a ordering.place external',
      '2b ordering.confirm none',
      '4 thank none',
    ]);
    expect((await test.backend.runners()).map((one) => one.id)).toContain(test.runner.id);
  });

  it('executes a pipeline written in JavaScript, with inputs, outputs and state around every step', async () => {
    const ended = await test.run({ pipeline: 'greet', inputs: { name: 'Grace' } });
    expect(ended.run).toMatchObject({ status: 'completed', total_steps: 2, completed_steps: 2, error_message: null });
    expect(shown(ended)).toEqual(['1 greet completed', '2 shout completed']);
    expect(said(ended)).toContain('info greet: Greeting Grace');
    expect(await test.backend.snapshot(ended.run.test_run_id, 'shout')).toMatchObject({
      inputs: { text: 'Hello Grace' },
      outputs: { shouted: 'HELLO GRACE' },
      stateBefore: { greeting: 'Hello Grace' },
      stateAfter: { greeting: 'Hello Grace', shouted: 'HELLO GRACE' },
    });
  });

  it('shows the source of a step as it stands in its file', async () => {
    const { run } = await test.run({ pipeline: 'order' });
    const { source } = (await test.backend.snapshot(run.test_run_id, 'ordering.confirm'))!;
    const firstLine = Number(placeOf('nested.ts', 'run: ({ id, year }, { log }) => {').split(':').at(-1));
    expect(source).toMatchObject({ firstLine, highlightFrom: firstLine, highlightTo: firstLine + 3, filePath: fixture('nested.ts'), functionName: 'confirm.run' });
    expect(source!.code).toBe("({ id, year }, { log }) => {\n  log.info(`Order ${id} of ${year} is confirmed`);\n  return { confirmed: id };\n}");
  });

  it('is not asked to run what does not fit', async () => {
    await expect(test.run({ pipeline: 'greet', inputs: { name: '' } })).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('name: must not be empty') });
  });
});

describe.concurrent('a pipeline that misbehaves', { timeout: 60_000 }, () => {
  const declaration = 'run: ({ how }, { log }) => {';
  const cases: readonly (readonly [how: string, message: string, line: string])[] = [
    ['throws', 'the provider sent nonsense', 'new TypeError'],
    ['hangs', 'step 2 did not end within 400 ms', declaration],
    ['spins', 'the step ran for 400 ms without letting go of its thread, which was ended', 'for (;;);'],
    ['exits', 'the pipeline called process.exit(3)', 'process.exit(3)'],
    ['circular', 'step 2 returned a circular structure: /inner/self is the whole of it again', declaration],
    ['throws-later', 'thrown in a timer', 'new RangeError'],
    ['rejects-unheard', 'nobody handled this', 'nobody handled this'],
  ];
  for (const [how, message, line] of cases) {
    it(`and ${how} is a failed step with its stack, and what it logged before is kept`, async () => {
      const ended = await misbehave(how);
      expect(ended.run).toMatchObject({ status: 'failed', failed_step: 'misbehave', failed_step_number: 2, error_message: message });
      expect(shown(ended)).toEqual(['1 before completed', '2 misbehave failed']);
      expect(ended.steps[1]!.error_message).toBe(message);
      expect(ended.steps[1]!.error_stack).toContain(placeOf('misbehaving.ts', line));
      expect(ended.steps[1]!.error_stack).not.toMatch(/src\/runner|node:internal/);
      expect(said(ended).filter((words) => words.includes('giving'))).toEqual([expect.stringContaining('giving 5 back after misbehave failed')]);
      expect(said(ended)).toEqual(expect.arrayContaining(['info before: still well', `info misbehave: about to: ${how}`]));
    });
  }

  it('and throws what is no error is told by it', async () => {
    expect((await misbehave('throws-text')).run).toMatchObject({ status: 'failed', error_message: 'only words' });
  });

  it('and uses up its memory ends alone', async () => {
    const ended = await misbehave('runs-out-of-memory');
    expect(ended.run).toMatchObject({ status: 'failed', failed_step: 'misbehave' });
    expect(said(ended)).toContain('info null: giving 5 back after misbehave failed');
    expect(await test.run({ pipeline: 'greet' })).toMatchObject({ run: { status: 'completed' } });
  });

  it('and does so again while it is put right ends all the same, and says so', async () => {
    const ended = await misbehave('spins-on');
    expect(ended.run).toMatchObject({ status: 'failed', error_message: 'the step ran for 400 ms without letting go of its thread, which was ended' });
    expect(said(ended)).toEqual(expect.arrayContaining([expect.stringMatching(/giving 5 back/), expect.stringMatching(/error null: Putting the run right failed: .* 1 s /)]));
  });

  it('and prints has it in the log of its step', async () => {
    const ended = await misbehave('prints');
    expect(ended.run.status).toBe('completed');
    expect(said(ended)).toEqual(expect.arrayContaining(['info misbehave: printed by the pipeline', 'warn misbehave: a complaint']));
    expect(said(ended)).toContain('info misbehave: and without an end of line');
    expect(ended.logs.filter((line) => line.message === 'and without an end of line')).toHaveLength(1);
  });

  it('and returns more than can be kept completes, and says once what is not kept', async () => {
    const ended = await misbehave('returns-too-much');
    expect(ended.run.status).toBe('completed');
    const [warning, ...others] = ended.logs.filter((line) => line.metadata['truncated'] !== undefined);
    expect(others).toEqual([]);
    expect(warning).toMatchObject({ log_level: 'warn', step_key: 'misbehave', message: expect.stringMatching(/^files\[0\]\.body is too large to be recorded \(20,971,520\)/) });
  });

  it('and leaks a timer ends all the same', async () => {
    const ended = await misbehave('leaks-a-timer');
    expect(ended.run).toMatchObject({ status: 'completed', completed_steps: 3 });
  });
});

describe.concurrent('a run that a person steers', { timeout: 60_000 }, () => {
  it('holds before a step, takes an edit of its inputs, and goes on with it', async () => {
    const run = await test.start({ pipeline: 'greet', options: { breakAt: ['2'] } });
    await test.reach(run.test_run_id, ({ status }) => status === 'paused');
    const held = await test.backend.snapshot(run.test_run_id, 'shout');
    expect(held).toMatchObject({ inputs: { text: 'Hello Ada' }, outputs: null });
    const edit = async (patch: PatchOperation[]) => await test.backend.settled(await test.backend.command(run.test_run_id, 'edit', { step: 'shout', patch }));
    expect(await edit([{ op: 'add', path: '/txet', value: 'edited' }])).toMatchObject({ state: 'refused', reason: 'no input "txet". Did you mean `text`?' });
    await edit([{ op: 'replace', path: '/text', value: 'edited' }]);
    await test.backend.command(run.test_run_id, 'continue');
    const ended = await test.ended(run.test_run_id);
    expect(ended.steps[1]).toMatchObject({ step_key: 'shout', status: 'completed', is_edited: true });
    expect(await test.backend.snapshot(run.test_run_id, 'shout')).toMatchObject({ outputs: { shouted: 'EDITED' } });
  });

  it('is not limited in time while it is held', async () => {
    const run = await test.start({ pipeline: 'misbehave', inputs: { how: 'prints' }, options: { breakAt: ['2'] } });
    await test.reach(run.test_run_id, ({ status }) => status === 'paused');
    // Longer than the step may run: the limit is 400 ms.
    const heldAt = performance.now();
    await vi.waitFor(() => expect(performance.now() - heldAt).toBeGreaterThan(600));
    await test.backend.command(run.test_run_id, 'continue');
    expect((await test.ended(run.test_run_id)).run.status).toBe('completed');
  });

  it('is cancelled while it is held', async () => {
    const run = await test.start({ pipeline: 'greet', mode: 'step' });
    await test.reach(run.test_run_id, ({ status }) => status === 'paused');
    await test.backend.command(run.test_run_id, 'cancel');
    const ended = await test.ended(run.test_run_id);
    expect(ended.run.status).toBe('cancelled');
    expect(ended.steps.map((step) => step.status)).toEqual(['cancelled']);
  });
});
