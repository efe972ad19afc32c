import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundledPipelines } from './bundled-pipelines.ts';
import { fileURLToPath } from 'node:url';
import { replayRun, type ReplayReport } from './replay.ts';
import { fixture, startTestRunner, type EndedRun, type TestRunner } from './testing.ts';

let test: TestRunner;
let folder: string;
/** An address elsewhere, and what it was asked. */
let elsewhere: Server;
let heard: string[];
const bundled = fileURLToPath(new URL('generate-content.ts', bundledPipelines));
beforeAll(async () => {
  process.env['ASKING_TOKEN'] = 'a token for tests';
  elsewhere = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      heard.push(`${request.method} ${request.url}`);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ heard: text.length, large: 'x'.repeat(3_000), times: heard.length }));
    });
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  heard = [];
  test = await startTestRunner({ bundled: true, files: [fixture('nested.ts'), fixture('asking.ts')] });
  folder = await mkdtemp(join(tmpdir(), 'stepscope-replay-'));
}, 60_000);
afterAll(async () => {
  delete process.env['ASKING_TOKEN'];
  elsewhere.close();
  await test.close();
  await rm(folder, { recursive: true, force: true });
});

const generate = (simulate: string): Promise<EndedRun> => test.run({ pipeline: 'generate-content', options: { simulate: `latency=0,${simulate}` } });
const replay = async ({ run }: EndedRun, options: { readonly file?: string; readonly all?: boolean } = {}): Promise<ReplayReport> =>
  await replayRun(await test.backend.recording(run.test_run_id), { file: options.file ?? bundled, all: options.all ?? false });

/** The bundled pipeline with some of its text changed. */
async function changed(name: string, file: string, from: string, to: string): Promise<string> {
  const copy = join(folder, name);
  await cp(dirname(bundled), copy, { recursive: true });
  const path = join(copy, file);
  const text = await readFile(path, 'utf8');
  expect(text).toContain(from);
  await writeFile(path, text.replace(from, to));
  return join(copy, 'generate-content.ts');
}

describe('a replay', { timeout: 120_000 }, () => {
  it('of a run by the same code does not differ, and asks nobody', async () => {
    const ended = await generate('ok');
    expect(ended.run.status).toBe('completed');
    const jobs = async (): Promise<unknown> => await test.server.database.asOwner(async (transaction) => (await transaction.query('select count(*) from jobs')).rows);
    const before = await jobs();
    const report = await replay(ended, { all: true });
    expect(report).toMatchObject({ divergences: [], changed: [], endedEarly: undefined, steps: 27 });
    expect(await jobs()).toEqual(before);
  });

  // Each waits for what its provider leaves it waiting for.
  it.concurrent.each(['webhook-lost', 'fail:NSFW content', 'create-500', 'rate-limit', 'webhook-bad-signature'])('of a run that met %s does not differ', async (simulate) => {
    expect(await replay(await generate(simulate), { all: true })).toMatchObject({ divergences: [], changed: [] });
  });

  it('by other code says where it first differs, and whose source changed', async () => {
    const ended = await generate('ok');
    const file = await changed('cost', 'generate-content/preparation.ts', 'const credits = creditsPerImage * images;', 'const credits = 2 * creditsPerImage * images;');
    const report = await replay(ended, { file });
    expect(report.divergences).toEqual([{ step: { key: 'calculate_cost', display: '4', name: 'Calculate Cost' }, what: 'outputs', path: '/cost/credits', expected: 1, actual: 2 }]);
    expect(report.changed.map(({ display }) => display)).toEqual(['4']);
    const all = await replay(ended, { file, all: true });
    expect(all.divergences.length).toBeGreaterThan(1);
    expect(all.divergences[0]).toEqual(report.divergences[0]);
  });

  it('by code that asks for something else never sends it', async () => {
    const ended = await generate('ok');
    const file = await changed('asks', 'generate-content/preparation.ts', "db.from('models').select('*')", "db.from('jobs').select('*')");
    const [divergence] = (await replay(ended, { file })).divergences;
    expect(divergence).toMatchObject({ what: 'request', step: { key: 'load_model' }, expected: expect.stringContaining('/rest/v1/models'), actual: expect.stringContaining('/rest/v1/jobs') });
  });

  const ask = (how: string): Promise<EndedRun> => test.run({ pipeline: 'asking', inputs: { url: `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`, how } });

  it.each(['context', 'global'])('answers for an address elsewhere that was asked by the %s, with the ids, times and secrets of then', async (how) => {
    const ended = await ask(how);
    expect(ended.run).toMatchObject({ status: 'completed' });
    const asked = heard.length;
    expect(await replay(ended, { file: fixture('asking.ts'), all: true })).toMatchObject({ divergences: [] });
    expect(heard).toHaveLength(asked);
    const stored = await test.server.database.asOwner(async (transaction) => (await transaction.query<{ row: string }>('select e::text as row from recorded_exchanges e where test_run_id = $1', [ended.run.test_run_id])).rows);
    expect(stored.map(({ row }) => row).join()).not.toContain('a token for tests');
  });

  it('lets nothing out past the context either', async () => {
    const ended = await ask('past');
    expect(ended.run).toMatchObject({ status: 'completed' });
    const asked = heard.length;
    const [divergence] = (await replay(ended, { file: fixture('asking.ts') })).divergences;
    expect(divergence).toMatchObject({ what: 'request', step: { key: 'ask' }, actual: 'a connection' });
    expect(heard).toHaveLength(asked);
  });

  it('of a run that was cancelled ends where it was, without a difference', async () => {
    const started = await test.start({ pipeline: 'generate-content', options: { simulate: 'stuck,latency=0' } });
    await test.reach(started.test_run_id, ({ current_step }) => current_step === 'provider_response');
    await test.backend.command(started.test_run_id, 'cancel');
    const ended = await test.ended(started.test_run_id);
    expect(await replay(ended, { all: true })).toMatchObject({ divergences: [], endedEarly: 'the recorded run was cancelled at 10 Provider Response' });
  });

  it('of a run in which a person edited the inputs of a step takes the edited ones', async () => {
    const started = await test.start({ pipeline: 'generate-content', options: { simulate: 'latency=0', breakAt: ['7'] } });
    await test.reach(started.test_run_id, ({ status }) => status === 'paused');
    await test.backend.settled(await test.backend.command(started.test_run_id, 'edit', { step: 'prepare_api_payload', patch: [{ op: 'replace', path: '/parameters/width', value: 512 }] }));
    await test.backend.command(started.test_run_id, 'continue');
    const ended = await test.ended(started.test_run_id);
    expect(ended.run.status).toBe('completed');
    expect(await replay(ended, { all: true })).toMatchObject({ divergences: [], steps: 27 });
  });

  it('of a run that recorded nothing is refused, with the reason', async () => {
    const ended = await test.run({ pipeline: 'order', options: { recordExchanges: false } });
    await expect(replay(ended, { file: fixture('nested.ts') })).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('were not recorded') });
  });

  it('of a fork begins where the fork began', async () => {
    const parent = await test.run({ pipeline: 'order' });
    const fork = await test.run({
      pipeline: 'order',
      fork: { parentRunId: parent.run.test_run_id, step: 'ordering.confirm', patch: [{ op: 'replace', path: '/id', value: 7 }] },
    });
    expect(await replay(fork, { file: fixture('nested.ts'), all: true })).toMatchObject({ divergences: [], steps: 3 });
  });
});

describe('a fork that takes recorded answers', { timeout: 120_000 }, () => {
  it('does not ask again, and says so', async () => {
    const url = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
    const parent = await test.run({ pipeline: 'asking', inputs: { url, how: 'context' } });
    const asked = heard.length;
    const fork = { parentRunId: parent.run.test_run_id, step: 'ask', patch: [] };
    const ended = await test.run({ pipeline: 'asking', inputs: { url, how: 'context' }, fork, options: { effects: 'recorded' } });
    expect(ended.run).toMatchObject({ status: 'completed' });
    expect(heard).toHaveLength(asked);
    expect(ended.logs.map(({ message }) => message)).toEqual(expect.arrayContaining([expect.stringMatching(/is answered from the recording of run .*, though it differs at \/body\/at, \/body\/id$/)]));
    const [then, now] = await Promise.all([parent, ended].map(({ run }) => test.backend.snapshot(run.test_run_id, 'ask')));
    expect(now!.outputs!['answer']).toEqual(then!.outputs!['answer']);
  });

  it('makes no picture again, and stores and books what follows for real', async () => {
    const parent = await generate('ok');
    const fork = { parentRunId: parent.run.test_run_id, step: '8e', patch: [] };
    const ended = await test.run({ pipeline: 'generate-content', fork, options: { effects: 'recorded', simulate: 'latency=0' } });
    expect(ended.run).toMatchObject({ status: 'completed', error_message: null });
    const [then, now] = await Promise.all([parent, ended].map(({ run }) => test.backend.snapshot(run.test_run_id, 'provider_response')));
    expect(now!.outputs!['prediction']).toEqual(then!.outputs!['prediction']);
  });

  it('is refused where there is no recorded answer', async () => {
    const parent = await test.run({ pipeline: 'order' });
    const fork = { parentRunId: parent.run.test_run_id, step: 'ordering.place', patch: [] };
    await expect(test.run({ pipeline: 'order', fork, options: { effects: 'recorded' } })).rejects.toMatchObject({ code: 'usage', message: 'the parent run has no recorded answer for 2a Place the order' });
  });
});
