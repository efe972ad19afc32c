import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkSchema } from '../core/json-schema.ts';
import { flattenSteps } from '../core/step-reference.ts';
import { startTestRunner, type EndedRun, type TestRunner } from './testing.ts';

let test: TestRunner;
beforeAll(async () => {
  test = await startTestRunner({ bundled: true });
}, 60_000);
afterAll(() => test.close());

const generate = (simulate: string, more: Partial<Parameters<TestRunner['run']>[0]> = {}): Promise<EndedRun> =>
  test.run({ pipeline: 'generate-content', options: { simulate: `latency=0,${simulate}` }, ...more });
const said = ({ logs }: EndedRun): string[] => logs.map((line) => line.message);
const rows = <Row>(text: string, ...parameters: unknown[]): Promise<readonly Row[]> =>
  test.server.database.asOwner(async (transaction) => (await transaction.query<Row>(text, parameters)).rows);
const ledgerOf = (runId: string): Promise<readonly unknown[]> =>
  rows('select kind, amount::float8, would_have_charged::float8 from credit_ledger where run_id = $1 order by created_at, id', runId);

describe.concurrent('generate-content', { timeout: 60_000 }, () => {
  it('runs its fifteen steps and their sub-steps, to an image in the storage', async () => {
    const ended = await generate('ok');
    expect(ended.run).toMatchObject({ status: 'completed', total_steps: 15, completed_steps: 15, error_message: null, generation_id: expect.any(String), job_id: expect.any(String) });
    expect(ended.steps.map((step) => step.display).join(' ')).toBe('1 2 3 4 5 6 7 8 8a 8b 8c 8d 8e 9 9a 10 11 11a 11b 11c 11d 11e 12 13 13b 14 15');
    expect(ended.steps.map((step) => step.status)).toEqual(Array(27).fill('completed'));

    const { outputs } = (await test.backend.snapshot(ended.run.test_run_id, 'ui_update'))!;
    const [path] = (outputs!['result'] as { paths: string[] }).paths;
    const response = await fetch(`${test.server.url}/storage/v1/object/${path}`, { headers: { apikey: test.server.keys.secretKey, authorization: `Bearer ${test.server.keys.secretKey}` } });
    const image = Buffer.from(await response.arrayBuffer());
    expect([image.subarray(1, 4).toString(), image.readUInt32BE(16), image.readUInt32BE(20)]).toEqual(['PNG', 768, 512]);
    expect(await rows('select status, output_path from jobs where id = $1', ended.run.job_id)).toEqual([{ status: 'succeeded', output_path: path }]);
  });

  it('charges nothing in test mode, and says what it would have charged', async () => {
    const { run } = await generate('ok', { model: 'sdxl' });
    expect(await ledgerOf(run.test_run_id)).toEqual([{ kind: 'debit', amount: 0, would_have_charged: 2 }]);
  });

  it('charges what is there, once, and refuses to charge what is not there', async () => {
    const poor = await generate('ok', { billing: 'enforced' });
    expect(poor.run).toMatchObject({ status: 'failed', failed_step: 'reserve_credits', error_message: 'the run costs 1 credit and the ledger holds 0' });
    expect(await ledgerOf(poor.run.test_run_id)).toEqual([
      { kind: 'debit', amount: -1, would_have_charged: 1 },
      { kind: 'refund', amount: 1, would_have_charged: -1 },
    ]);
    await rows("insert into credit_ledger (user_id, kind, amount, reason) values ($1, 'grant', 5, 'test')", test.server.admin.id);
    const { run } = await generate('ok', { billing: 'enforced' });
    expect(run.status).toBe('completed');
    expect(await ledgerOf(run.test_run_id)).toEqual([{ kind: 'debit', amount: -1, would_have_charged: 1 }]);
  });

  it('fails with the provider\'s words, marks its job and gives the credits back', async () => {
    const ended = await generate('fail:NSFW content detected in the prompt');
    expect(ended.run).toMatchObject({ status: 'failed', failed_step: 'provider_response', failed_step_number: 10, error_message: 'NSFW content detected in the prompt' });
    expect(await ledgerOf(ended.run.test_run_id)).toEqual([
      { kind: 'debit', amount: 0, would_have_charged: 1 },
      { kind: 'refund', amount: 0, would_have_charged: -1 },
    ]);
    expect(await rows('select status, error from jobs where id = $1', ended.run.job_id)).toEqual([{ status: 'failed', error: 'NSFW content detected in the prompt' }]);
  });

  const failures: readonly (readonly [simulate: string, step: string, message: RegExp])[] = [
    ['create-422', 'call_edge_function.provider_api_call', /simulator answered 422: Input validation failed/],
    ['create-500', 'call_edge_function.provider_api_call', /simulator answered 500/],
    ['webhook-bad-signature', 'webhook_processing.verify_signature', /its signature does not match the secret/],
    ['webhook-old', 'webhook_processing.verify_signature', /signed more than five minutes ago/],
  ];
  for (const [simulate, step, message] of failures) {
    it(`fails at ${step} when the simulator behaves as ${simulate}`, async () => {
      const { run } = await generate(simulate);
      expect(run).toMatchObject({ status: 'failed', failed_step: step, error_message: expect.stringMatching(message) });
    });
  }

  it('counts a webhook that comes twice once', async () => {
    // Held before 11e until both have surely come.
    const run = await test.start({ pipeline: 'generate-content', options: { simulate: 'webhook-twice,latency=0', breakAt: ['11e'] } });
    await test.reach(run.test_run_id, ({ status }) => status === 'paused');
    await test.backend.command(run.test_run_id, 'continue');
    const ended = await test.ended(run.test_run_id);
    expect(ended.run.status).toBe('completed');
    expect(said(ended)).toEqual(expect.arrayContaining([expect.stringMatching(/^The provider sent webhook \S+ 2 times; only the first counts$/)]));
  });

  it('goes on without a webhook that never comes', async () => {
    const run = await test.start({ pipeline: 'generate-content', options: { simulate: 'webhook-lost,latency=0', breakAt: ['11'] } });
    await test.reach(run.test_run_id, ({ status }) => status === 'paused');
    await test.backend.settled(await test.backend.command(run.test_run_id, 'edit', { step: 'webhook_processing', patch: [{ op: 'replace', path: '/withinMs', value: 100 }] }));
    await test.backend.command(run.test_run_id, 'continue');
    const ended = await test.ended(run.test_run_id);
    expect(ended.run.status).toBe('completed');
    expect(ended.steps.filter((step) => step.status === 'skipped').map((step) => step.display)).toEqual(['11a', '11b', '11c', '11d', '11e']);
    expect(said(ended)).toContain('No webhook within 0.1 s: going on with what polling saw');
  });

  it('cancels the prediction with the run', async () => {
    const run = await test.start({ pipeline: 'generate-content', options: { simulate: 'stuck,latency=0' } });
    await test.reach(run.test_run_id, ({ current_step }) => current_step === 'provider_response');
    await test.backend.command(run.test_run_id, 'cancel');
    const ended = await test.ended(run.test_run_id);
    expect(ended.run.status).toBe('cancelled');
    expect(ended.steps.at(-1)).toMatchObject({ step_key: 'provider_response', status: 'cancelled' });
    expect(said(ended)).toEqual(expect.arrayContaining([expect.stringMatching(/^Prediction \w+ is canceled$/)]));
    expect(await rows('select status from jobs where id = $1', ended.run.job_id)).toEqual([{ status: 'canceled' }]);
  });

  it('refuses a size the model cannot make, naming it', async () => {
    const { run } = await generate('ok', { inputs: { prompt: 'a lighthouse', width: 64 } });
    expect(run).toMatchObject({ status: 'failed', failed_step: 'validate_inputs', error_message: expect.stringMatching(/width: must be at least 256/) });
  });

  it('is not asked with a name that it does not know', async () => {
    await expect(generate('ok', { inputs: { prompt: 'a lighthouse', widht: 512 } })).rejects.toMatchObject({ code: 'usage', message: 'no input "widht"', hint: 'Did you mean `width`?' });
  });

  it('tells what may be edited, so that no edit out of range reaches a model', async () => {
    const { step_tree } = (await test.backend.pipelines()).find((one) => one.pipeline_key === 'generate-content')!;
    const steps = flattenSteps(step_tree).filter(({ display }) => ['2', '3', '6', '7', '8', '8c', '8e'].includes(display));
    expect(steps.map(({ inputSchema }) => JSON.stringify(inputSchema).includes('2048'))).toEqual(steps.map(() => true));
    const prepare = steps.find(({ display }) => display === '7')!.inputSchema!;
    expect(checkSchema({ model: 'a/b', parameters: { prompt: 'x', width: -8, num_outputs: 9 } }, prepare).map(({ path }) => path)).toEqual(['parameters.width', 'parameters.num_outputs']);
    expect(checkSchema({ model: 'a/b', parameters: { prompt: 'x', width: 512, of_this_model: 1 } }, prepare)).toEqual([]);
  });

  it('answers an unknown behaviour before anything runs', async () => {
    const ended = await test.run({ pipeline: 'generate-content', options: { simulate: 'webhook-lots' } });
    expect(ended.run).toMatchObject({ status: 'failed', error_message: expect.stringContaining('Did you mean `webhook-lost`') });
    expect(ended.steps).toEqual([]);
  });

  it('runs on from step 7 with another prompt, on the same job', async () => {
    const parent = await generate('ok');
    const ended = await generate('ok', {
      fork: { parentRunId: parent.run.test_run_id, step: 'prepare_api_payload', patch: [{ op: 'replace', path: '/parameters/prompt', value: 'a lightship' }] },
      options: { simulate: 'latency=0', repeatEffects: true },
    });
    expect(ended.run).toMatchObject({ status: 'completed', completed_steps: 15, error_message: null });
    expect(ended.steps.slice(0, 7).map((step) => step.status)).toEqual([...Array(6).fill('reused'), 'completed']);
    const [was, is] = await Promise.all([parent, ended].map(async ({ run }) => (await test.backend.snapshot(run.test_run_id, 'storage_upload'))!.outputs!['files'] as { sha256: string }[]));
    expect(is![0]!.sha256).not.toBe(was![0]!.sha256);
  });
});
