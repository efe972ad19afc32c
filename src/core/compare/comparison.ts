import type { Divergence, TimeJudgement } from '../../protocol/comparison.ts';
import type { Json, JsonObject } from '../../protocol/json.ts';
import type { LogRow, RunRow, StepRow } from '../../protocol/rows.ts';

/** A run as its rows: what a comparison begins with. Values of steps come later, step by step: they are large. */
export interface RecordedRun {
  readonly run: RunRow;
  /** Every attempt, in any order. */
  readonly steps: readonly StepRow[];
  /** Only to count them by step; the run's own counts are used without. */
  readonly logs?: readonly LogRow[] | undefined;
}

/** What went into a step and came out of it. Null: not recorded. */
export interface StepValues {
  readonly inputs: JsonObject | null;
  readonly outputs: JsonObject | null;
  readonly stateBefore: JsonObject | null;
  readonly stateAfter: JsonObject | null;
}

/** Durations of earlier runs in milliseconds: of whole runs, and by step key. Held time is not in them. */
export interface DurationHistory {
  readonly runs: readonly number[];
  readonly steps: ReadonlyMap<string, readonly number[]>;
}

export interface CompareOptions {
  /** Globs over JSON Pointers, as path-globs.ts reads them. What they match is not compared. */
  readonly ignore?: readonly string[] | undefined;
  /** Numbers this close count as equal. 0 when absent. */
  readonly tolerance?: { readonly absolute?: number | undefined; readonly relative?: number | undefined } | undefined;
  /** Leave out pairs of values that both look like ids or times. */
  readonly ignoreVolatile?: boolean | undefined;
}

/** How a step of one run belongs to one of another. */
export type Match = 'key' | 'likeness';

/**
 * A line of a comparison: one step in each of the runs, undefined where a run has none. The first run is what the
 * others are compared with.
 */
export interface ComparedStep {
  /** By run, in their order: the latest attempt. */
  readonly steps: readonly (StepRow | undefined)[];
  /** 0 for a step, 1 for its sub-steps, and so on. */
  readonly depth: number;
  /** By run: how it was found to be this step; `key` for the first. Undefined where it has none. */
  readonly matches: readonly (Match | undefined)[];
  /** By run: does it come at another place among its siblings than in the first? */
  readonly moved: readonly boolean[];
  /** By run: what can be told from the rows alone that differs from the first run. */
  readonly rowDifferences: readonly (readonly ('presence' | 'status' | 'error' | 'attempts' | 'name')[])[];
  /** By run; null where there is no duration. */
  readonly times: readonly (TimeJudgement | null)[];
  /** By run: error and critical lines of the step, and all lines; undefined without logs. */
  readonly logs: readonly ({ readonly errors: number; readonly all: number } | undefined)[];
}

/** What is known of several runs beside each other before any state is read. */
export interface RunComparison {
  readonly runs: readonly RunRow[];
  /** In the order in which they ran; a step that only a later run has stands where it ran there. */
  readonly steps: readonly ComparedStep[];
  /** By run: its time at work, judged. */
  readonly times: readonly (TimeJudgement | null)[];
  /** By run: what all runs after the first differ by. The first entry is all zero. */
  readonly counts: readonly StepCounts[];
  /** By run: log lines and error lines. */
  readonly logs: readonly { readonly errors: number; readonly all: number }[];
}

export interface StepCounts {
  readonly same: number;
  readonly different: number;
  readonly renamed: number;
  readonly added: number;
  readonly removed: number;
  readonly moved: number;
}

/** One difference between two JSON values. Paths are JSON Pointers. */
export interface StructuralDifference {
  /** `moved`: an element of a list that is the same one at another place. */
  readonly kind: 'added' | 'removed' | 'changed' | 'moved';
  /** Where it is in `after`; for `removed`, where it was in `before`. */
  readonly path: string;
  /** Where it was in `before`, when that is another place. */
  readonly from?: string | undefined;
  readonly before?: Json | undefined;
  readonly after?: Json | undefined;
}

/** How the values of one step differ between two runs. */
export interface ValueDifferences {
  readonly kind: 'inputs' | 'stateBefore' | 'outputs' | 'stateAfter';
  readonly differences: readonly StructuralDifference[];
  /** Values that were too large to be recorded on both sides, so nobody can say whether they differ. */
  readonly unknown: number;
  /** Only one of the runs recorded it. */
  readonly isOneSided: boolean;
}

/** Result of {@link firstDivergence}, for one run after the first. */
export interface DivergenceFound {
  /** Undefined: none in what was recorded. */
  readonly divergence: Divergence | undefined;
  /** Index in {@link RunComparison.steps}. */
  readonly index: number | undefined;
  /** Steps whose values both runs recorded and that were compared on the way. */
  readonly comparedSteps: number;
}
