import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DifferencesSummary, PerformanceDelta } from '../protocol/comparison.ts';
import { buildProgram, installation } from './testing.ts';

describe('comparing on the command line', { timeout: 60_000 }, () => {
  const here = installation();
  /** Two runs of one pipeline with other inputs. */
  const ids: string[] = [];
  beforeAll(async () => {
    buildProgram();
    await here.start('backend').says(/listening on/);
    for (const prompt of ['a lighthouse', 'a steamer']) {
      const { json } = await here.run('run', 'generate-content', '--input', `prompt=${prompt}`, '--json');
      ids.push(String(json[0]!['run']));
    }
  }, 120_000);
  afterAll(here.remove);

  it('says first where two runs part, with step, path and both values, on 80 columns', async () => {
    const { status, out } = await here.run('compare', ...ids);
    expect(status).toBe(0);
    expect(out).toMatch(/^A {2}\w{6} .*completed.*\nB {2}\w{6} .*completed.*\n\nFirst divergence: 1 .*, \S+ .*\/prompt\n {2}A {2}"a lighthouse"\n {2}B {2}"a steamer"\n/);
    expect(out).toContain('Times  not judged');
    for (const line of out.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  });

  it('compares the last run with the one before it when none is named', async () => {
    const { status, json } = await here.run('compare', '--json');
    expect(status).toBe(0);
    expect(json).toHaveLength(1);
    expect(json[0]).toMatchObject({ runs: ids });
    expect(DifferencesSummary.parse(json[0]!['differences']).runs[0]).toMatchObject({ runId: ids[1], firstDivergence: { kind: 'stateBefore', expected: 'a lighthouse', actual: 'a steamer' } });
    expect(PerformanceDelta.parse(json[0]!['performance']).runs).toHaveLength(2);
  });

  it('shows all that differs in one step, and leaves out what it is told to', async () => {
    const { out } = await here.run('compare', ...ids, '--step', '1');
    expect(out).toMatch(/ {2}- \/\S*prompt "a lighthouse"\n {2}\+ \/\S*prompt "a steamer"/);
    const ignoring = await here.run('compare', ...ids, '--step', '1', '--ignore', 'prompt');
    expect(ignoring.out).not.toContain('lighthouse');
    expect(await here.run('compare', ...ids, '--step', '99')).toMatchObject({ status: 2 });
  });

  it('fails on a divergence only when asked to', async () => {
    expect((await here.run('compare', ...ids, '--fail-on-divergence')).status).toBe(1);
    expect((await here.run('compare', ids[0]!, ids[0]!, '--fail-on-divergence')).status).toBe(0);
  });

  it('keeps a comparison, lists it and removes it', async () => {
    expect(await here.run('compare', ...ids, '--save', 'other prompt')).toMatchObject({ status: 0 });
    const { json } = await here.run('compare', '--list', ids[1]!, '--json');
    expect(json).toMatchObject([{ comparison_name: 'other prompt', run_ids: ids }]);
    expect((await here.run('compare', '--list')).out).toMatch(/other prompt .*prompt/);
    expect(await here.run('compare', '--remove', 'other prompt')).toMatchObject({ status: 0 });
    expect(await here.run('compare', '--remove', 'other prompt')).toMatchObject({ status: 2 });
  });

  it('compares traces in files with each other, and with stored runs', async () => {
    const file = join(here.dataDir, 'trace.ndjson');
    writeFileSync(file, (await here.run('export', ids[0]!)).out);
    expect((await here.run('compare', file, file, '--fail-on-divergence')).out).toMatch(/^A .*\nB .*\n\nNo divergence/);
    const { status, out } = await here.run('compare', file, ids[1]!);
    expect(status).toBe(0);
    expect(out).toMatch(/First divergence: .*\/prompt/);
  });

  it('refuses what makes no sense', async () => {
    expect(await here.run('compare', ...ids, '--tolerance', 'much')).toMatchObject({ status: 2, err: expect.stringContaining('is not a number') });
    expect(await here.run('compare', ids[0]!, 'nowhere')).toMatchObject({ status: 2 });
    expect(await here.run('compare', ...ids, '--ignore', '')).toMatchObject({ status: 2 });
    expect(await here.run('perf', 'nowhere')).toMatchObject({ status: 2 });
    expect(await here.run('perf', '--since', 'yesterday')).toMatchObject({ status: 2 });
  });

  it('tells where the time of a run went, and of a pipeline', async () => {
    const run = await here.run('perf', ids[1]!);
    expect(run.status).toBe(0);
    expect(run.out).toMatch(/^Run \w{6} of generate-content\nran /);
    expect(run.out).toMatch(/\n\* +8 +/);
    expect(run.out).toContain('too few earlier runs to judge (1 of 5)');
    const pipeline = await here.run('perf', 'generate-content');
    expect(pipeline.out).toMatch(/^generate-content: 2 completed runs of the newest 2\n/);
    expect((await here.run('perf', 'generate-content', '--json')).json[0]).toMatchObject({ stepKey: null, series: [{ runId: ids[0] }, { runId: ids[1] }] });
    for (const line of [...run.out.split('\n'), ...pipeline.out.split('\n')]) expect(line.length, line).toBeLessThanOrEqual(80);
  });
});
