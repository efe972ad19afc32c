import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildProgram, installation } from './testing.ts';
import type { Started } from './testing.ts';

const pipelineFile = join(import.meta.dirname, '../../fixtures/pipelines/careful-steps.ts');

describe('a run that waits for an approval', { timeout: 60_000 }, () => {
  const here = installation();
  let folder: string;
  let runner: Started;
  beforeAll(async () => {
    buildProgram();
    folder = mkdtempSync(join(tmpdir(), 'stepscope-approve-'));
    await here.start('backend').says(/listening on/);
    runner = here.start('runner', pipelineFile);
    await runner.says(/Runs alone/);
  }, 120_000);
  afterAll(async () => {
    await here.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  async function waiting(name: string): Promise<{ readonly id: string; readonly run: Started; readonly executed: () => string }> {
    const file = join(folder, name);
    writeFileSync(file, '');
    const run = here.start('run', 'asking', '--input', `file=${file}`);
    const [, id] = await run.says(/approve ([0-9a-f-]{36})/);
    return { id: id!, run, executed: () => readFileSync(file, 'utf8') };
  }

  it('is listed, approved with a reason, and runs to its end', async () => {
    const { id, run, executed } = await waiting('approved');
    expect((await here.run('approvals', '--json')).json).toMatchObject([{ test_run_id: id, title: 'Charge the customer?', state: 'waiting' }]);
    expect(await here.run('resume', id)).toMatchObject({ status: 1, err: expect.stringContaining('waits for an approval: Charge the customer?') as string });
    expect(await here.run('approve', id, '--why', 'she asked for it')).toMatchObject({ status: 0, err: expect.stringContaining('Approved “Charge the customer?”') as string });
    expect(await run.outcome).toMatchObject({ status: 0 });
    expect(executed()).toContain('charge\n');
    expect((await here.run('approvals', '--all', '--json')).json).toMatchObject([{ test_run_id: id, state: 'approved', reason: 'she asked for it' }]);
  });

  it('fails when it is rejected, which takes a reason, and its runner may have been another one meanwhile', async () => {
    const { id, run, executed } = await waiting('rejected');
    expect(await here.run('reject', id)).toMatchObject({ status: 2 });
    runner.kill('SIGTERM');
    await runner.outcome;
    runner = here.start('runner', pipelineFile);
    await runner.says(/Runs alone/);
    expect(await here.run('take', id)).toMatchObject({ status: 0, err: expect.stringContaining('is yours') as string });
    expect(await here.run('reject', id, '--why', 'too dear')).toMatchObject({ status: 0, err: expect.stringContaining('failed') as string });
    expect(await run.outcome).toMatchObject({ status: 1, out: expect.stringContaining('too dear') as string });
    expect(executed()).not.toContain('charge\n');
    expect(await here.run('approve', id)).toMatchObject({ status: 1, err: expect.stringContaining('waits for no approval') as string });
  });
});
