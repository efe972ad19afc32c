import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixture, startTestRunner, type EndedRun, type TestRunner } from './testing.ts';

let test: TestRunner;
let parent: EndedRun;
beforeAll(async () => {
  test = await startTestRunner({ files: [fixture('nested.ts'), fixture('misbehaving.ts')] });
  parent = await test.run({ pipeline: 'order', inputs: { amount: 21 } });
}, 60_000);
afterAll(() => test.close());

const fork = (step: string, repeatEffects: boolean, patch: readonly { op: 'replace'; path: string; value: number }[] = []): Promise<EndedRun> =>
  test.run({
    pipeline: 'order',
    inputs: { amount: 21 },
    fork: { parentRunId: parent.run.test_run_id, step, patch: [...patch] },
    options: { repeatEffects },
    tags: repeatEffects ? [] : ['careful'],
  });
const shown = ({ steps }: EndedRun): string[] => steps.map((step) => `${step.display} ${step.step_key} ${step.status}`);

describe.concurrent('a fork', { timeout: 60_000 }, () => {
  it('reuses what came before, goes into the steps around, and runs on with the edit', async () => {
    const ended = await fork('ordering.confirm', false, [{ op: 'replace', path: '/id', value: 7 }]);
    expect(ended.run).toMatchObject({ status: 'completed', parent_run_id: parent.run.test_run_id, forked_from_step: 'ordering.confirm', total_steps: 3, completed_steps: 3 });
    expect(shown(ended)).toEqual(['1 check reused', '2 ordering completed', '2a ordering.place reused', '2b ordering.confirm completed', '4 thank completed']);
    const confirm = ended.steps.find((step) => step.step_key === 'ordering.confirm');
    expect(confirm).toMatchObject({ is_edited: true });
    // The date and the map of the parent's state were themselves again: the step reads them.
    expect(ended.logs.map((line) => line.message)).toContain('Order 7 of 2026 is confirmed');
    expect(ended.logs.map((line) => line.message)).not.toContain('Placed for 21');
  });

  it('shows the results it reuses, and whose they are', async () => {
    const ended = await fork('thank', false);
    expect(ended.steps.slice(0, 4).map((step) => `${step.status} ${step.reused_from_run_id}`)).toEqual(Array(4).fill(`reused ${parent.run.test_run_id}`));
    const [own, theirs] = await Promise.all([ended, parent].map(({ run }) => test.backend.snapshot(run.test_run_id, 'ordering.place')));
    expect(own).toMatchObject({ outputs: theirs!.outputs!, stateAfter: theirs!.stateAfter! });
  });

  it('leaves the parent as it was', async () => {
    const before = await test.backend.steps(parent.run.test_run_id);
    await fork('check', true);
    expect(await test.backend.steps(parent.run.test_run_id)).toEqual(before);
  });

  it('does not repeat an effect on the outside world without leave', async () => {
    for (const step of ['check', 'ordering', 'ordering.place']) {
      await expect(fork(step, false), step).rejects.toMatchObject({
        code: 'usage',
        message: expect.stringContaining('would repeat what the parent run did to the outside world: 2a Place the order'),
        hint: expect.stringContaining('--repeat-effects'),
      });
    }
    const stored = await test.backend.runs({ tag: 'careful' });
    expect(stored.map((run) => run.forked_from_step)).not.toContain('ordering.place');
    const allowed = await fork('ordering.place', true, [{ op: 'replace', path: '/amount', value: 5 }]);
    expect(allowed.run.status).toBe('completed');
    expect(allowed.logs.map((line) => line.message)).toContain('Order 10 of 2026 is confirmed');
  });

  it('with an edit that does not fit fails at its step, which never ran', async () => {
    const ended = await fork('check', true, [{ op: 'replace', path: '/amount', value: -1 }]).catch((error: Error) => error);
    if (ended instanceof Error) return expect(ended.message).toContain('amount');
    expect(ended.run).toMatchObject({ status: 'failed', failed_step: 'check', error_message: expect.stringContaining('amount') });
  });

  it('of a fork reuses what the fork reused', async () => {
    const first = await fork('ordering.confirm', false, [{ op: 'replace', path: '/id', value: 8 }]);
    const second = await test.run({ pipeline: 'order', inputs: { amount: 21 }, fork: { parentRunId: first.run.test_run_id, step: 'thank', patch: [] } });
    expect(second.run.status).toBe('completed');
    expect(second.steps.find((step) => step.step_key === 'ordering.place')).toMatchObject({ status: 'reused', reused_from_run_id: parent.run.test_run_id });
    expect(second.steps.find((step) => step.step_key === 'ordering.confirm')).toMatchObject({ status: 'reused', reused_from_run_id: first.run.test_run_id });
  });

  it('from behind a step that failed is refused', async () => {
    const failed = await test.run({ pipeline: 'misbehave', inputs: { how: 'throws' } });
    await expect(
      test.run({ pipeline: 'misbehave', inputs: { how: 'throws' }, fork: { parentRunId: failed.run.test_run_id, step: 'after', patch: [] } }),
    ).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('the parent run has no result of 2 Misbehave') });
  });

  it('that somebody stored without asking is refused by the runner, and nothing of it runs', async () => {
    const id = crypto.randomUUID();
    await test.server.database.asOwner((transaction) =>
      transaction.query(
        `insert into test_execution_runs (test_run_id, pipeline_key, pipeline_version, step_tree, inputs, status, parent_run_id, forked_from_step)
         select $1, pipeline_key, pipeline_version, step_tree, inputs, 'pending', test_run_id, 'ordering.place' from test_execution_runs where test_run_id = $2`,
        [id, parent.run.test_run_id],
      ),
    );
    const refused = await test.ended(id);
    expect(refused.run).toMatchObject({ status: 'failed', error_message: expect.stringContaining('would repeat what the parent run did to the outside world') });
    expect(refused.steps).toEqual([]);
  });
});
