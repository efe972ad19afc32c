import type { RunRow, StepRow } from '../protocol/rows.ts';
import { finalRunStatuses, finalStepStatuses } from '../protocol/vocabulary.ts';

/** Has the run ended for good? */
export function isFinal(run: Pick<RunRow, 'status'>): boolean {
  return finalRunStatuses.has(run.status);
}

/** How a run has ended, as a clause for a person. */
export function endedWords(run: Pick<RunRow, 'status'>): string {
  return run.status === 'failed' ? 'the run has failed' : `the run is ${run.status}`;
}

/** Has this attempt at the step ended? */
export function isStepFinal(step: Pick<StepRow, 'status'>): boolean {
  return finalStepStatuses.has(step.status);
}

/** How long the run has taken by `nowMs`, or took; undefined before it starts. */
export function elapsedMs(run: Pick<RunRow, 'started_at' | 'completed_at' | 'total_duration_ms'>, nowMs: number): number | undefined {
  if (run.total_duration_ms !== null) return run.total_duration_ms;
  if (run.started_at === null) return undefined;
  const end = run.completed_at === null ? nowMs : Date.parse(run.completed_at);
  return Math.max(0, end - Date.parse(run.started_at));
}

/** How long the step has been at work by `nowMs`, or was; undefined before it starts. */
export function stepElapsedMs(step: Pick<StepRow, 'status' | 'started_at' | 'duration_ms'>, nowMs: number): number | undefined {
  if (step.duration_ms !== null) return step.duration_ms;
  if (step.started_at === null || step.status !== 'running') return undefined;
  return Math.max(0, nowMs - Date.parse(step.started_at));
}

/** Error and critical lines of a run, from its counts. */
export function errorCount(run: Pick<RunRow, 'log_counts'>): number {
  return (run.log_counts['error'] ?? 0) + (run.log_counts['critical'] ?? 0);
}
