import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { differencesSummary, performanceDelta } from '../core/compare/summarise.ts';
import { recordedRun } from '../core/compare/testing.ts';
import { trendsOf } from '../core/performance/trends.ts';
import { DifferencesSummary, PerformanceDelta } from '../protocol/comparison.ts';
import type { TestBackend } from '../server/testing.ts';
import { startTestBackend } from '../server/testing.ts';
import type { Backend } from './backend.ts';
import { connectBackend } from './connect-backend.ts';
import { earlierHistory, historyUpTo } from './earlier-runs.ts';
import { connectHolder } from './connect-holder.ts';
import type { Holder } from './holder.ts';
import { loadComparison, loadDivergences, storedRun } from './load-comparison.ts';
import { storeRun } from './testing-runs.ts';

let server: TestBackend;
let backend: Backend;
let holder: Holder;

beforeAll(async () => {
  server = await startTestBackend();
  backend = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: server.admin });
  holder = connectHolder({ url: server.url, secretKey: server.keys.secretKey });
});
afterAll(async () => {
  await backend.close();
  await holder.close();
  await server.stop();
});

/** A state whose large part goes to a blob. */
const state = (width: number) => ({ width, picture: { pixels: 'x'.repeat(4_000), corner: width } });

describe('comparing stored runs', () => {
  it('puts them beside each other and finds the first value that differs, in contents too', async () => {
    const values = (width: number) => new Map([['load', { outputs: { ok: true }, stateAfter: state(512) }], ['call', { inputs: { n: 1 }, stateAfter: state(width) }]]);
    const ids = [await storeRun(holder, recordedRun('a', ['load', 'call', 'store']), values(512)), await storeRun(holder, recordedRun('b', ['load', 'call', 'save', 'store']), values(640))];
    const reader = backend.valueReader();
    const sources = await Promise.all(ids.map(async (id) => storedRun(backend, await backend.run(id), reader)));
    const comparison = await loadComparison(sources);
    const found = await loadDivergences(comparison, sources);
    expect(found[0]).toMatchObject({ index: 1, divergence: { step: 'call', kind: 'stateAfter', path: '/width', expected: 512, actual: 640 }, comparedSteps: 2 });
    const [other] = await loadDivergences(comparison, sources, { ignore: ['width'] });
    expect(other?.divergence).toMatchObject({ step: 'call', path: '/picture/corner', expected: 512, actual: 640 });

    const summary = differencesSummary(comparison, found);
    const saved = await backend.saveComparison({ name: 'wider', runIds: ids, differences: summary, performance: performanceDelta(comparison) });
    const [listed] = await backend.comparisons({ runId: ids[1] });
    expect(listed).toEqual(saved);
    expect(DifferencesSummary.parse(listed!.differences_summary)).toEqual(summary);
    expect(PerformanceDelta.parse(listed!.performance_delta).runs).toHaveLength(2);
    expect(await backend.comparisons({ runId: randomUUID() })).toEqual([]);
    await backend.removeComparison(saved.id);
    expect(await backend.comparisons()).toEqual([]);
  });

  it('reads the attempt that is asked for', async () => {
    const { run, steps } = recordedRun('a', ['call', { step_key: 'call', attempt: 2 }]);
    const id = await storeRun(holder, { run, steps }, new Map([['call', { outputs: { n: 1 } }]]));
    const read = await backend.valueReader()(id, [{ step_key: 'call', attempt: 2 }, { step_key: 'never', attempt: 1 }]);
    expect([...read]).toEqual([['call', { inputs: null, outputs: { n: 1 }, stateBefore: null, stateAfter: null }]]);
    expect(await backend.valueReader()(id, [{ step_key: 'call', attempt: 3 }])).toEqual(new Map());
  });

  it('gives contents that steps share as one value', async () => {
    const id = await storeRun(holder, recordedRun('a', ['load', 'call']), new Map([['load', { stateAfter: state(1) }], ['call', { stateBefore: state(1) }]]));
    const read = await backend.valueReader()(id, [{ step_key: 'load', attempt: 1 }, { step_key: 'call', attempt: 1 }]);
    expect(read.get('call')!.stateBefore!['picture']).toBe(read.get('load')!.stateAfter!['picture']);
  });

  it('refuses whoever may not see the runs', async () => {
    const stranger = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: await server.addUser() });
    expect(await stranger.comparisons()).toEqual([]);
    const nothing = { stepscope: 'comparison', version: 1, options: { ignore: [], tolerance: 0, ignoreVolatile: false }, runs: [] } as const;
    const kept = stranger.saveComparison({ name: 'mine', runIds: [], differences: { ...nothing, options: { ...nothing.options, ignore: [] }, runs: [] }, performance: { stepscope: 'performance', version: 1, runs: [], steps: [] } });
    await expect(kept).rejects.toMatchObject({ code: 'forbidden' });
    await stranger.close();
  });
});

describe('the history of a pipeline', () => {
  it('holds the times of its newest runs, more rows than one answer has', async () => {
    const pipeline = `history-${randomUUID()}`;
    const steps = Array.from({ length: 120 }, (_, i) => `step_${i}`);
    for (let i = 0; i < 12; i++) {
      const { run, steps: rows } = recordedRun('r', steps.map((step_key) => ({ step_key, duration_ms: 100 + i })), { pipeline_key: pipeline, git_commit: `c${i}` });
      await storeRun(holder, { run, steps: rows });
    }
    await storeRun(holder, recordedRun('r', ['step_0'], { pipeline_key: pipeline, status: 'failed' }));

    const whole = await backend.stepHistory(pipeline);
    expect(whole.runs.map((run) => run.steps.size)).toEqual([1, ...Array.from({ length: 12 }, () => 120)]);
    const [, first] = trendsOf(whole);
    expect(first!.series.map(({ gitCommit, ms }) => [gitCommit, ms])).toEqual(Array.from({ length: 12 }, (_, i) => [`c${i}`, 100 + i]));

    const newest = await backend.stepHistory(pipeline, { limit: 3, completed: true });
    expect(newest.runs.map((run) => run.gitCommit)).toEqual(['c11', 'c10', 'c9']);
    expect((await backend.stepHistory(pipeline, { since: new Date(Date.now() + 60_000).toISOString() })).runs).toEqual([]);
    expect((await backend.stepHistory('unknown')).runs).toEqual([]);

    const runs = await backend.runs({ pipeline, status: 'completed', limit: 2 });
    const history = await earlierHistory(backend, runs);
    expect(history!.steps.get('step_5')).toHaveLength(10);
    const judged = await loadComparison(runs.map((run) => storedRun(backend, run, backend.valueReader())), history);
    expect(judged.steps[5]!.times[0]).toMatchObject({ verdict: 'within-noise', earlier: 10 });

    // What was made later is no earlier run, however many of those there are.
    const [, , , , , , seventh] = await backend.runs({ pipeline, status: 'completed', limit: 7 });
    expect((await historyUpTo(backend, [seventh!], { limit: 4 }))!.runs.map((run) => run.gitCommit)).toEqual(['c5', 'c4', 'c3', 'c2']);
    expect((await earlierHistory(backend, [runs[0]!, seventh!]))!.steps.get('step_5')).toEqual([104, 103, 102, 101, 100]);
  });
});
