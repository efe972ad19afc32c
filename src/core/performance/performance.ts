import type { TimeJudgement } from '../../protocol/comparison.ts';

/** Where the time of one step of a run went. Milliseconds; null: not recorded. */
export interface StepProfile {
  readonly stepKey: string;
  readonly display: string;
  readonly name: string;
  readonly depth: number;
  /** All attempts together. */
  readonly durationMs: number;
  /** Of that, not inside of sub-steps. */
  readonly selfMs: number;
  readonly attempts: number;
  /** Part of the chain of steps that decided when the run ended. */
  readonly isCritical: boolean;
  readonly cpuMs: number | null;
  readonly memoryBytes: number | null;
  /** Waiting for others: requests to the provider and other services, overlaps counted once; sub-steps included. */
  readonly providerMs: number | null;
  /** `durationMs` without {@link providerMs}: work, and pauses of its own. */
  readonly ownMs: number | null;
  /** Held at the gate; not part of the duration. */
  readonly heldMs: number;
}

/** Where the time of one run went. */
export interface RunProfile {
  readonly runId: string;
  /** At work, from start to end without held time; null before it starts. */
  readonly totalMs: number | null;
  /** From the order to the start. */
  readonly queuedMs: number | null;
  readonly heldMs: number;
  readonly providerMs: number | null;
  /** In the order in which they ran; sub-steps after their step. Reused steps are left out. */
  readonly steps: readonly StepProfile[];
  /** Keys, in the order of time. */
  readonly criticalPath: readonly string[];
}

/** What one run contributes to the view over many. */
export interface RunDurations {
  readonly runId: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly gitCommit: string | null;
  readonly status: string;
  readonly totalMs: number | null;
  /** By step key: the last attempt, of steps that were completed. */
  readonly steps: ReadonlyMap<string, StepDuration>;
}

export interface StepDuration {
  readonly display: string;
  readonly name: string;
  readonly durationMs: number;
  readonly selfMs: number;
}

/** Earlier runs of one pipeline, newest first. */
export interface PipelineHistory {
  readonly pipelineKey: string;
  readonly runs: readonly RunDurations[];
  /** There were more; the named limit was reached. */
  readonly isCut: boolean;
}

/** Where a series of times changed for good. */
export interface ChangePoint {
  /** Index in the series of the first value after the change. */
  readonly index: number;
  readonly beforeMs: number;
  readonly afterMs: number;
  /** `afterMs / beforeMs`. */
  readonly ratio: number;
  /** Probability of a split as clear as this where nothing changed. */
  readonly p: number;
}

export interface SeriesPoint {
  readonly runId: string;
  readonly startedAt: string;
  readonly gitCommit: string | null;
  readonly ms: number;
}

/** One step, or the whole run, over many runs. */
export interface StepTrend {
  /** Null for the whole run. */
  readonly stepKey: string | null;
  readonly display: string;
  readonly name: string;
  readonly p50: number;
  readonly p95: number;
  readonly selfP50: number;
  /** Oldest first. */
  readonly series: readonly SeriesPoint[];
  readonly changes: readonly ChangePoint[];
  /** The newest run against those before it. */
  readonly latest: TimeJudgement;
}
