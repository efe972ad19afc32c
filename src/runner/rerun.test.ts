import { createServer, type Server } from 'node:http';
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { familyLines, familyTrees } from '../core/family.ts';
import { fixture, startTestRunner, type EndedRun, type TestRunner } from './testing.ts';

/** What an address answers: two megabytes that pack badly. */
const answer = JSON.stringify({ text: randomBytes(1_500_000).toString('base64') });

let test: TestRunner;
let elsewhere: Server;
beforeAll(async () => {
  elsewhere = createServer((_request, response) => response.setHeader('content-type', 'application/json').end(answer));
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  test = await startTestRunner({ bundled: true, files: [fixture('nested.ts'), fixture('large-state.ts'), fixture('misbehaving.ts')] });
}, 60_000);
afterAll(async () => {
  await test.close();
  elsewhere.close();
});

const url = (): string => `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
const rows = async <Row>(text: string, ...parameters: unknown[]): Promise<readonly Row[]> =>
  await test.server.database.asOwner(async (transaction) => (await transaction.query<Row>(text, parameters)).rows);

/** Bytes of all that is stored of a run in those tables, as text. */
async function bytesOf(runId: string): Promise<number> {
  const [sum] = await rows<{ bytes: number }>(
    `select (select coalesce(sum(octet_length(b::text)), 0) from snapshot_blobs b where test_run_id = $1)
      + (select sum(octet_length(s::text)) from test_execution_snapshots s where test_run_id = $1)
      + (select sum(octet_length(s::text)) from test_execution_steps s where test_run_id = $1)
      + (select coalesce(sum(octet_length(e::text)), 0) from recorded_exchanges e where test_run_id = $1)
      + (select sum(octet_length(r::text)) from test_execution_runs r where test_run_id = $1) as bytes`,
    runId,
  );
  return Number(sum!.bytes);
}

describe('a state of two megabytes over fifteen steps', { timeout: 120_000 }, () => {
  it('costs less than 1.3 times itself in the database, with what was asked and answered', async () => {
    const ended = await test.run({ pipeline: 'large-state', inputs: { url: url() } });
    expect(ended.run).toMatchObject({ status: 'completed', completed_steps: 15 });
    const bytes = await bytesOf(ended.run.test_run_id);
    expect(bytes).toBeGreaterThan(answer.length * 0.5);
    expect(bytes / answer.length).toBeLessThan(1.3);

    // A fork takes over what it reuses without its passing through the runner, and costs as much again.
    const fork = await test.run({ pipeline: 'large-state', inputs: { url: url() }, fork: { parentRunId: ended.run.test_run_id, step: 'count_14', patch: [{ op: 'replace', path: '/counts/0', value: 2 }] } });
    expect(fork.run).toMatchObject({ status: 'completed', error_message: null });
    const [then, now] = await Promise.all([ended, fork].map(({ run }) => test.backend.snapshot(run.test_run_id, 'count_15')));
    expect(now!.stateAfter).toEqual(then!.stateAfter);
    expect((await bytesOf(fork.run.test_run_id)) / answer.length).toBeLessThan(1.3);
  });

  it('cannot be gone on from where its content is gone, and the nearest earlier step is named', async () => {
    const { run } = await test.run({ pipeline: 'large-state', inputs: { url: url() } });
    await rows('delete from snapshot_blobs where test_run_id = $1', run.test_run_id);
    const { preview } = await test.backend.previewFork(run.test_run_id, 'count_9');
    expect(preview.obstacle).toMatchObject({ why: 'the parent run has not recorded all inputs of 9 Count to 9: answer', nearest: { key: 'ask' } });
    await expect(test.run({ pipeline: 'large-state', inputs: { url: url() }, fork: { parentRunId: run.test_run_id, step: 'count_9', patch: [] } })).rejects.toMatchObject({
      code: 'usage',
      hint: expect.stringContaining('Fork from 1 Ask'),
    });
  });
});

describe('reruns', { timeout: 120_000 }, () => {
  const generate = (simulate: string): Promise<EndedRun> => test.run({ pipeline: 'generate-content', model: 'sdxl', options: { simulate: `latency=0,${simulate}` } });

  it('say before they begin what they reuse, execute, cost and do again', async () => {
    const { run } = await generate('ok');
    const early = await test.backend.previewFork(run.test_run_id, '4');
    expect(early.preview).toMatchObject({ charged: 0, wouldHaveCharged: 2, providerCalls: 1, obstacle: undefined });
    expect(early.preview.reused.map(({ display }) => display)).toEqual(['1', '2', '3']);
    expect(early.preview.repeated.map(({ display }) => display)).toEqual(['8e']);
    const late = await test.backend.previewFork(run.test_run_id, 'storage_upload');
    expect(late.preview).toMatchObject({ charged: 0, wouldHaveCharged: 0, providerCalls: 0, repeated: [] });
  });

  it('are shown as a family, from any of its runs', async () => {
    const parent = await test.run({ pipeline: 'order' });
    const fork = (of: EndedRun, step: string): Promise<EndedRun> => test.run({ pipeline: 'order', fork: { parentRunId: of.run.test_run_id, step, patch: [] } });
    const first = await fork(parent, 'ordering.confirm');
    const second = await fork(first, 'thank');
    const third = await fork(parent, 'thank');
    const ids = [parent, first, second, third].map(({ run }) => run.test_run_id);
    for (const { run } of [parent, second, third]) {
      const lines = familyLines(familyTrees(await test.backend.family(run.test_run_id)));
      expect(lines.map((line) => `${line.more.length} ${line.run.test_run_id}`)).toEqual([`0 ${ids[0]}`, `1 ${ids[1]}`, `2 ${ids[2]}`, `1 ${ids[3]}`]);
    }
  });

  it('can be kept as tests, each under a name of its own', async () => {
    const failed = await generate('fail:out of luck');
    const [first, second] = [await test.backend.promote(failed.run.test_run_id), await test.backend.promote(failed.run.test_run_id)];
    expect([first, second].map((one) => one.test_name)).toEqual(['regression_generate_content_provider_response', 'regression_generate_content_provider_response_2']);
    expect(first).toMatchObject({
      test_type: 'regression', pipeline_key: 'generate-content', source_run_id: failed.run.test_run_id, params: failed.run.inputs,
      expected_behavior: { status: 'failed', shouldNotFail: true, failedStep: 'provider_response', error: 'out of luck' },
    });
    expect(first.fingerprint).toBe(second.fingerprint);
    const order = await test.run({ pipeline: 'order' });
    expect(await test.backend.promote(order.run.test_run_id)).toMatchObject({ test_name: 'regression_order_ok', expected_behavior: { outputs: { thanked: true } } });
    await expect(test.backend.promote(order.run.test_run_id, { name: 'regression_order_ok' })).rejects.toMatchObject({ code: 'conflict' });
    expect((await test.backend.tests()).map((one) => one.test_name)).toEqual(expect.arrayContaining(['regression_order_ok']));
  });

  it('record what putting right asks too, when the thread of the run is gone', async () => {
    const { run } = await test.run({ pipeline: 'misbehave', inputs: { how: 'exits' } });
    const ordinals = await rows<{ ordinal: number }>('select ordinal from recorded_exchanges where test_run_id = $1 order by ordinal', run.test_run_id);
    expect(ordinals.map(({ ordinal }) => ordinal)).toEqual(ordinals.map((_, index) => index));
    expect(ordinals.length).toBeGreaterThan(1);
  });
});
