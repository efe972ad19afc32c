import { describe, expect, it } from 'vitest';
import type { StepRow } from '../../protocol/rows.ts';
import { recordedRun } from '../compare/testing.ts';
import { changePoints } from './change-points.ts';
import { profileRun } from './profile-run.ts';
import type { RunDurations } from './performance.ts';
import { findRegressions, historyWithout, runDurations, trendsOf } from './trends.ts';

const start = Date.parse('2026-01-01T00:00:00.000Z');
const at = (ms: number): string => new Date(start + ms).toISOString();
/** A step from one millisecond of the run to another. */
const step = (key: string, from: number, to: number, more: Partial<StepRow> = {}) => ({ step_key: key, started_at: at(from), completed_at: at(to), duration_ms: to - from, ...more });

describe('the profile of a run', () => {
  it('takes sub-steps from the time of a step, those that ran at once only one time', () => {
    const { run, steps } = recordedRun('a', [step('call', 0, 1_000), step('call.x', 100, 600), step('call.y', 300, 800), step('store', 1_000, 1_200)]);
    const profile = profileRun(run, steps);
    expect(profile.steps.map(({ stepKey, durationMs, selfMs, depth }) => [stepKey, durationMs, selfMs, depth])).toEqual([
      ['call', 1_000, 300, 0], ['call.x', 500, 500, 1], ['call.y', 500, 500, 1], ['store', 200, 200, 0],
    ]);
    expect(profile.providerMs).toBeNull();
  });

  it('names the steps that decided when the run ended', () => {
    const { run, steps } = recordedRun('a', [step('load', 0, 100), step('fast', 100, 300), step('slow', 100, 900), step('slow.part', 150, 850), step('end', 900, 1_000)]);
    expect(profileRun(run, steps).criticalPath).toEqual(['load', 'slow', 'slow.part', 'end']);
  });

  it('adds attempts up, and leaves results of another run and time at the gate out', () => {
    const { run, steps } = recordedRun('a', [
      step('load', 0, 0, { status: 'reused', duration_ms: 5_000 }),
      step('call', 0, 100, { status: 'failed' }), step('call', 200, 500, { attempt: 2 }),
      step('store', 500, 9_500), step('store.write', 9_000, 9_400, { held_ms: 8_400 }),
    ], { total_duration_ms: 9_500 });
    const profile = profileRun(run, steps);
    expect(profile.steps.map(({ stepKey, durationMs, selfMs, attempts }) => [stepKey, durationMs, selfMs, attempts])).toEqual([
      ['call', 400, 400, 2], ['store', 600, 200, 1], ['store.write', 400, 400, 1],
    ]);
    expect([profile.totalMs, profile.heldMs]).toEqual([1_100, 8_400]);
  });

  it('tells waiting for the provider from work of our own', () => {
    const { run, steps } = recordedRun('a', [step('call', 0, 1_000), step('call.send', 100, 900), step('store', 1_000, 1_100)]);
    const exchange = (key: string, from: number, ms: number) => ({ kind: 'provider' as const, step_key: key, started_at: at(from), duration_ms: ms });
    const profile = profileRun(run, steps, { exchanges: [exchange('call.send', 200, 300), exchange('call.send', 400, 300), { ...exchange('store', 1_000, 50), kind: 'database' }] });
    expect(profile.steps.map(({ stepKey, providerMs, ownMs }) => [stepKey, providerMs, ownMs])).toEqual([['call', 500, 500], ['call.send', 500, 300], ['store', 0, 100]]);
    const logged = profileRun(run, steps, { logs: [{ execution_context: 'provider', step_key: 'call.send', timestamp: at(600), duration_ms: 400 }] });
    expect(logged.steps.map(({ providerMs }) => providerMs)).toEqual([400, 400, 0]);
  });
});

describe('change points', () => {
  /** Noise that is the same in every test. */
  const noise = (i: number): number => ((i * 7919) % 41) - 20;
  const series = (...parts: readonly (readonly [count: number, ms: number])[]): readonly number[] => parts.flatMap(([count, ms]) => Array.from({ length: count }, () => ms)).map((ms, i) => ms + noise(i));

  it('are found where a series changed for good', () => {
    const [one, ...others] = changePoints(series([20, 1_000], [20, 1_500]));
    expect(others).toEqual([]);
    expect(one).toMatchObject({ index: 20 });
    expect(one!.ratio).toBeCloseTo(1.5, 1);
    expect(one!.p).toBeLessThan(0.001);
  });

  it('are found one by one when there are several', () => {
    expect(changePoints(series([20, 1_000], [20, 1_500], [20, 800])).map(({ index }) => index)).toEqual([20, 40]);
  });

  it('are not what chance makes of a wild series', () => {
    const wild = [720, 1_310, 560, 1_240, 980, 610, 1_420, 890, 1_150, 640, 1_010, 1_380, 590, 1_270, 930, 1_330, 760, 1_450, 680, 1_190];
    expect(changePoints(wild)).toEqual([]);
  });

  it('are not noise, one outlier, or what nobody would notice', () => {
    expect(changePoints(series([60, 1_000]))).toEqual([]);
    expect(changePoints(series([20, 1_000], [1, 60_000], [20, 1_000]))).toEqual([]);
    expect(changePoints(series([20, 1_000], [20, 1_060]))).toEqual([]);
    expect(changePoints(series([4, 1_000], [4, 9_000]))).toEqual([]);
    expect(changePoints([])).toEqual([]);
  });
});

describe('times over many runs', () => {
  const run = (index: number, ms: number, status: 'completed' | 'failed' = 'completed'): RunDurations => {
    const { run, steps } = recordedRun(`run ${index}`, [step('load', 0, 100), step('call', 100, 100 + ms)], { started_at: at(index * 1_000), git_commit: `c${index}`, status, total_duration_ms: 100 + ms });
    return runDurations(run, steps);
  };
  const newestFirst = (...times: readonly number[]) => times.map((ms, i) => run(i, ms)).toReversed();

  it('are a series by step, oldest first, with commits', () => {
    const history = { pipelineKey: 'p', runs: [run(3, 9_000, 'failed'), ...newestFirst(200, 210, 220)], isCut: false };
    const [whole, first, second] = trendsOf(history);
    expect([whole, first, second].map((trend) => [trend!.name, trend!.p50, trend!.series.length])).toEqual([['the whole run', 310, 3], ['call', 210, 3], ['load', 100, 3]]);
    expect(first!.series.map(({ gitCommit, ms }) => [gitCommit, ms])).toEqual([['c0', 200], ['c1', 210], ['c2', 220]]);
  });

  it('judge a run by the completed ones beside it', () => {
    const history = historyWithout({ pipelineKey: 'p', runs: [run(3, 9_000, 'failed'), ...newestFirst(200, 210, 220)], isCut: false }, ['run 2']);
    expect(history.steps.get('call')).toEqual([210, 200]);
    expect(history.runs).toEqual([310, 300]);
  });

  it('do not count what was held below a step', () => {
    const held = recordedRun('h', [step('call', 0, 9_200), step('call.send', 9_000, 9_100, { held_ms: 8_900 })], { total_duration_ms: 9_200 });
    const { steps, totalMs } = runDurations(held.run, held.steps);
    expect([totalMs, steps.get('call'), steps.get('call.send')]).toMatchObject([300, { durationMs: 300, selfMs: 200 }, { durationMs: 100, selfMs: 100 }]);
  });

  it('find what became slower than a baseline, the whole run first', () => {
    const baseline = newestFirst(200, 210, 190, 205, 195, 200);
    expect(findRegressions([run(9, 800)], baseline).map(({ stepKey, judgement }) => [stepKey, judgement.verdict, judgement.ratio])).toEqual([[null, 'slower', 3], ['call', 'slower', 4]]);
    expect(findRegressions([run(9, 205)], baseline)).toEqual([]);
    expect(findRegressions([run(9, 800)], baseline.slice(0, 3))).toEqual([]);
  });
});
