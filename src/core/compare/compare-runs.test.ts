import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../protocol/json.ts';
import { UserError } from '../../protocol/error.ts';
import { compareRuns, rowOf } from './compare-runs.ts';
import type { CompareOptions, RecordedRun, StepValues } from './comparison.ts';
import { firstDivergence } from './first-divergence.ts';
import { recordedRun } from './testing.ts';

const values = (given: Partial<StepValues>): StepValues => ({ inputs: null, outputs: null, stateBefore: null, stateAfter: null, ...given });

/** The first divergence of the second run in words, and the steps whose values were read for it. */
async function diverges(runs: readonly RecordedRun[], stored: Readonly<Record<string, Partial<StepValues>>>, options?: CompareOptions): Promise<{ readonly told: string; readonly read: readonly string[] }> {
  const read: string[] = [];
  const comparison = compareRuns(runs);
  const { divergence } = await firstDivergence(comparison, 1, async (index, steps) => {
    const named = steps.map(({ step_key: key }) => [key, `${runs[index]!.run.id}:${key}`] as const);
    read.push(...named.map(([, name]) => name));
    return new Map(named.filter(([, name]) => stored[name] !== undefined).map(([key, name]) => [key, values(stored[name]!)]));
  }, options);
  const told = divergence === undefined ? 'none' : `${divergence.step} ${divergence.kind} ${divergence.path} ${JSON.stringify(divergence.expected)} -> ${JSON.stringify(divergence.actual)}`;
  return { told, read };
}

describe('a comparison of runs', () => {
  it('counts what is the same, different, renamed, added, removed and moved', () => {
    const a = recordedRun('a', ['load', 'call_provider', 'check', 'store', 'end']);
    const b = recordedRun('b', ['end', 'load', 'call_the_provider', { step_key: 'store', status: 'failed', error_message: 'full' }, 'alert']);
    expect(compareRuns([a, b]).counts[1]).toEqual({ same: 3, different: 1, renamed: 1, added: 1, removed: 1, moved: 1 });
  });

  it('puts a step that two later runs have added on one line', () => {
    const runs = [recordedRun('a', ['load', 'store']), recordedRun('b', ['load', 'load.extra', 'audit', 'store']), recordedRun('c', ['load', 'load.extra', 'audit', 'store'])];
    const { steps } = compareRuns(runs);
    expect(steps.map((line) => [rowOf(line).step_key, line.steps.map((step) => step?.test_run_id ?? '-').join('')])).toEqual([
      ['load', 'abc'], ['load.extra', '-bc'], ['audit', '-bc'], ['store', 'abc'],
    ]);
  });

  it('does not call a reused step of a fork different from its parent', () => {
    const fork = recordedRun('b', [{ step_key: 'load', status: 'reused' }, 'store']);
    expect(compareRuns([recordedRun('a', ['load', 'store']), fork]).counts[1]).toMatchObject({ same: 2, different: 0 });
  });

  it('judges times by earlier runs, and says when there are too few', () => {
    const runs = [recordedRun('a', ['load']), recordedRun('b', [{ step_key: 'load', duration_ms: 300 }])];
    const history = { runs: [100, 101, 99], steps: new Map([['load', [100, 101, 99, 102, 98, 100]]]) };
    const { steps, times } = compareRuns(runs, { history });
    expect(steps[0]!.times.map((time) => time?.verdict)).toEqual(['within-noise', 'slower']);
    expect(times.map((time) => time?.verdict)).toEqual(['unknown', 'unknown']);
  });

  it('refuses fewer than two runs and more than eight', () => {
    const run = recordedRun('a', ['x']);
    expect(() => compareRuns([run])).toThrow(UserError);
    expect(() => compareRuns(Array.from({ length: 9 }, () => run))).toThrow(/at most 8/);
  });
});

describe('the first divergence', () => {
  const pair = (b: Parameters<typeof recordedRun>[1] = ['load', 'call', 'call.send', 'store']) => [recordedRun('a', ['load', 'call', 'call.send', 'store']), recordedRun('b', b)];
  const state = (change: JsonObject): JsonObject => ({ size: 1, ...change });

  it('names step, path, expected and actual', async () => {
    const { told } = await diverges(pair(), { 'a:store': { outputs: { width: 512 } }, 'b:store': { outputs: { width: 640 } } });
    expect(told).toBe('store outputs /width 512 -> 640');
  });

  it('goes by the order in which things happened: a sub-step ends before the step around it', async () => {
    const stored = {
      'a:call': { outputs: { n: 1 } }, 'b:call': { outputs: { n: 2 } },
      'a:call.send': { inputs: { n: 1 } }, 'b:call.send': { inputs: { n: 2 } },
    };
    expect((await diverges(pair(), stored)).told).toBe('call.send inputs /n 1 -> 2');
    const before = { ...stored, 'a:call': { stateBefore: state({}) }, 'b:call': { stateBefore: state({ size: 2 }) } };
    expect((await diverges(pair(), before)).told).toBe('call stateBefore /size 1 -> 2');
  });

  it('is a status, an error, or a step that is missing', async () => {
    expect((await diverges(pair(['load', 'call', { step_key: 'call.send', status: 'failed', error_message: 'no' }, 'store']), {})).told).toBe('call.send status  "completed" -> "failed"');
    expect((await diverges(pair(['load', 'call', 'store']), {})).told).toBe('call.send presence  "completed" -> undefined');
    expect((await diverges(pair(['load', 'begin', 'call', 'call.send', 'store']), {})).told).toBe('begin presence  undefined -> "completed"');
  });

  it('is not what only one of the runs has recorded', async () => {
    expect((await diverges(pair(), { 'a:load': { outputs: { a: 1 } }, 'b:load': { outputs: null } })).told).toBe('none');
  });

  it('is not what a fork has in its state already when it goes into the step around its fork point', async () => {
    const fork = recordedRun('b', [{ step_key: 'load', status: 'reused' }, 'call', { step_key: 'call.build', status: 'reused' }, 'call.send'], { parent_run_id: 'a', forked_from_step: 'call.send' });
    const runs = [recordedRun('a', ['load', 'call', 'call.build', 'call.send']), fork];
    const stored = { 'a:call': { stateBefore: state({}) }, 'b:call': { stateBefore: state({ built: true }) } };
    expect((await diverges(runs, stored)).told).toBe('none');
    expect((await diverges(runs.toReversed(), { ...stored, 'a:call': stored['b:call'], 'b:call': stored['a:call'] })).told).toBe('none');
    const outputs = { 'a:call': { outputs: { built: true, sent: 1 } }, 'b:call': { outputs: { sent: 1 } } };
    expect((await diverges(runs, outputs)).told).toBe('none');
    expect((await diverges(runs.toReversed(), outputs)).told).toBe('none');
    expect((await diverges(runs, { ...outputs, 'b:call': { outputs: { sent: 2, more: 1 } } })).told).toBe('call outputs /sent 1 -> 2');
    expect((await diverges(runs, { ...stored, 'a:call.send': { stateBefore: state({}) }, 'b:call.send': { stateBefore: state({ size: 2 }) } })).told).toBe('call.send stateBefore /size 1 -> 2');
  });

  it('passes over what is ignored, and names what says more than an id', async () => {
    const stored = { 'a:load': { outputs: { at: '2026-01-01T00:00:00Z', n: 1 } }, 'b:load': { outputs: { at: '2026-01-01T00:00:01Z', n: 2 } } };
    expect((await diverges(pair(), stored)).told).toBe('load outputs /n 1 -> 2');
    expect((await diverges(pair(), stored, { ignore: ['n'] })).told).toContain('/at');
    expect((await diverges(pair(), stored, { ignore: ['n'], ignoreVolatile: true })).told).toBe('none');
  });

  it('reads no further than it must', async () => {
    const keys = Array.from({ length: 500 }, (_, i) => `step_${i}`);
    const runs = [recordedRun('a', keys), recordedRun('b', keys)];
    const { told, read } = await diverges(runs, { 'a:step_3': { outputs: { n: 1 } }, 'b:step_3': { outputs: { n: 2 } } });
    expect(told).toContain('step_3');
    expect(read.length).toBeLessThanOrEqual(16);
    expect((await diverges(runs, {})).read).toHaveLength(1_000);
  });
});
