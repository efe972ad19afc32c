import type { Backend } from '../../client/backend.ts';
import { earlierHistory, historyUpTo } from '../../client/earlier-runs.ts';
import { judgeTime } from '../../core/performance/noise.ts';
import type { PipelineHistory, RunProfile, StepTrend } from '../../core/performance/performance.ts';
import { profileRun } from '../../core/performance/profile-run.ts';
import { historyWithout, trendsOf } from '../../core/performance/trends.ts';
import type { TimeJudgement } from '../../protocol/comparison.ts';

/** What earlier runs of the pipeline say about the times of one. */
export interface Judged {
  /** By step key; the whole run under the empty one. */
  readonly steps: ReadonlyMap<string, TimeJudgement>;
  /** Over the completed runs up to this one, the whole run first. */
  readonly trends: readonly StepTrend[];
}

/** Where the time of a run went. */
export async function profileOf(backend: Backend, runId: string): Promise<RunProfile> {
  const [run, steps, waits] = await Promise.all([backend.run(runId), backend.steps(runId), backend.waits(runId)]);
  return profileRun(run, steps, waits);
}

/** How that stands to earlier runs. Nothing is known of a program that is only traced. */
export async function judgedTimes(backend: Backend, runId: string): Promise<Judged> {
  const [profile, run] = await Promise.all([profileOf(backend, runId), backend.run(runId)]);
  const history = await historyUpTo(backend, [run]);
  return history === undefined ? { steps: new Map(), trends: [] } : { steps: judge(profile, history), trends: trendsOf(history) };
}

function judge(profile: RunProfile, history: PipelineHistory): ReadonlyMap<string, TimeJudgement> {
  const earlier = historyWithout(history, [profile.runId]);
  const steps = profile.steps.map((step) => [step.stepKey, judgeTime(step.durationMs, earlier.steps.get(step.stepKey) ?? [])] as const);
  return new Map([...(profile.totalMs === null ? [] : [['', judgeTime(profile.totalMs, earlier.runs)] as const]), ...steps]);
}

/** How long steps took in earlier runs of the pipeline that were completed; the whole run under the empty key. Milliseconds. */
export type EarlierTimes = ReadonlyMap<string, readonly number[]>;

/** Those of the runs before this one. Empty for a program that is only traced. */
export async function earlierTimes(backend: Backend, runId: string): Promise<EarlierTimes> {
  const history = await earlierHistory(backend, [await backend.run(runId)]);
  return new Map(history && [['', history.runs], ...history.steps]);
}
