import type { TimeJudgement } from '../../protocol/comparison.ts';
import type { RunRow, StepRow } from '../../protocol/rows.ts';
import type { DurationHistory } from '../compare/comparison.ts';
import { latestAttempts } from '../fork-plan.ts';
import { workTimeOf } from '../work-time.ts';
import { changePoints } from './change-points.ts';
import { covered, within } from './intervals.ts';
import { judgeTime, judgeTimes } from './noise.ts';
import { workDurations } from './own-time.ts';
import type { PipelineHistory, RunDurations, SeriesPoint, StepDuration, StepTrend } from './performance.ts';
import { ascending, median, quantile } from './statistics.ts';

/** What one run contributes to the view over many: the last attempt at each step that was completed in it. */
export function runDurations(run: RunRow, steps: readonly StepRow[]): RunDurations {
  const done = [...latestAttempts(steps).values()].filter((step) => step.status === 'completed' && step.duration_ms !== null);
  const children = Map.groupBy(done, (step) => step.parent_step_key);
  const work = workDurations(steps);
  return {
    runId: run.test_run_id,
    startedAt: run.started_at ?? run.created_at,
    gitCommit: run.git_commit,
    status: run.status,
    totalMs: workTimeOf(run, steps, Date.parse(run.updated_at))?.workMs ?? null,
    steps: new Map(done.map((step) => [step.step_key, durationOf(step, work.get(step.step_key)!, children.get(step.step_key) ?? [])])),
  };
}

function durationOf(step: StepRow, durationMs: number, children: readonly StepRow[]): StepDuration {
  const span = (row: StepRow) => ({ from: Date.parse(row.started_at ?? row.created_at), to: Date.parse(row.started_at ?? row.created_at) + row.duration_ms! });
  const inside = covered(within(children.map(span), span(step)));
  const heldBefore = children.reduce((sum, child) => sum + (child.held_ms ?? 0), 0);
  return { display: step.display, name: step.step_name, durationMs, selfMs: Math.max(0, step.duration_ms! - inside - heldBefore) };
}

/** Durations to judge by: of completed runs, without those that are judged themselves. */
export function historyWithout(history: PipelineHistory, runIds: readonly string[]): DurationHistory {
  const judged = new Set(runIds);
  const runs = history.runs.filter((run) => run.status === 'completed' && !judged.has(run.runId));
  const steps = new Map<string, number[]>();
  for (const run of runs) {
    for (const [key, { durationMs }] of run.steps) {
      const known = steps.get(key);
      if (known === undefined) steps.set(key, [durationMs]);
      else known.push(durationMs);
    }
  }
  return { runs: runs.flatMap(({ totalMs }) => totalMs ?? []), steps };
}

/** The whole run, then each of its steps, those that cost most by themselves first, over the completed runs of a pipeline. */
export function trendsOf(history: PipelineHistory): readonly StepTrend[] {
  const runs = history.runs.filter((run) => run.status === 'completed').toReversed();
  const points = (ms: (run: RunDurations) => number | null | undefined): readonly SeriesPoint[] =>
    runs.flatMap((run) => {
      const value = ms(run);
      return value === null || value === undefined ? [] : [{ runId: run.runId, startedAt: run.startedAt, gitCommit: run.gitCommit, ms: value }];
    });
  const newest = new Map(runs.flatMap((run) => [...run.steps]));
  const whole = trend(null, { display: '', name: 'the whole run' }, points((run) => run.totalMs), []);
  const steps = [...newest].map(([key, step]) =>
    trend(key, step, points((run) => run.steps.get(key)?.durationMs), runs.flatMap((run) => run.steps.get(key)?.selfMs ?? [])),
  );
  return [...(whole === undefined ? [] : [whole]), ...steps.flatMap((one) => one ?? []).toSorted((a, b) => b.selfP50 - a.selfP50)];
}

function trend(stepKey: string | null, { display, name }: Pick<StepDuration, 'display' | 'name'>, series: readonly SeriesPoint[], selfMs: readonly number[]): StepTrend | undefined {
  const times = series.map(({ ms }) => ms);
  const latest = times.at(-1);
  if (latest === undefined) return undefined;
  const sorted = ascending(times);
  const p50 = quantile(sorted, 0.5);
  return {
    stepKey, display, name, p50,
    p95: quantile(sorted, 0.95),
    selfP50: selfMs.length === 0 ? p50 : median(selfMs),
    series,
    changes: changePoints(times),
    latest: judgeTime(latest, times.slice(0, -1)),
  };
}

/** A step, or the whole run (`stepKey` null), that became slower than a baseline. */
export interface Regression {
  readonly stepKey: string | null;
  readonly display: string;
  readonly name: string;
  readonly judgement: TimeJudgement;
}

/** What is slower in some runs than in those of a baseline, what costs most first; the whole run, if it is, before all. */
export function findRegressions(newer: readonly RunDurations[], baseline: readonly RunDurations[]): readonly Regression[] {
  const steps = new Map(newer.flatMap((run) => [...run.steps]));
  const totals = (runs: readonly RunDurations[]): readonly number[] => runs.flatMap(({ totalMs }) => totalMs ?? []);
  const times = (runs: readonly RunDurations[], key: string): readonly number[] => runs.flatMap((run) => run.steps.get(key)?.durationMs ?? []);
  const extra = ({ judgement }: Regression): number => judgement.ms - (judgement.median ?? 0);
  const whole = totals(newer).length === 0 ? [] : [{ stepKey: null, display: '', name: 'the whole run', judgement: judgeTimes(totals(newer), totals(baseline)) }];
  const found = [...steps].map(([stepKey, { display, name }]): Regression => ({ stepKey, display, name, judgement: judgeTimes(times(newer, stepKey), times(baseline, stepKey)) }));
  return [...whole, ...found.toSorted((a, b) => extra(b) - extra(a))].filter(({ judgement }) => judgement.verdict === 'slower');
}
