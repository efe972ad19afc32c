import { z } from 'zod';
import { Json } from './json.ts';

/*
 * What a saved comparison keeps in `test_execution_comparisons`: enough to show it again when the runs are gone.
 * Other programs may have written their own JSON there, so readers use `safeParse`.
 */

/** What of a step differs. `presence`: only one of the runs has it. */
export const DivergenceKind = z.enum(['presence', 'inputs', 'stateBefore', 'outputs', 'stateAfter', 'status', 'error']);
export type DivergenceKind = z.infer<typeof DivergenceKind>;

/** The first place where a run went another way than the one it is compared with. */
export const Divergence = z.object({
  /** Key of the step in the first run, or in the other when only that one has it. */
  step: z.string(),
  display: z.string(),
  name: z.string(),
  kind: DivergenceKind,
  /** JSON Pointer into what differs; empty for all of it. */
  path: z.string(),
  /** In the first run; absent where there is nothing. Cut to `limits.comparisonValueChars` when it is stored. */
  expected: Json.optional(),
  /** In the other run. */
  actual: Json.optional(),
  /** Both look like ids or times: they differ in every run. */
  looksVolatile: z.boolean(),
});
export type Divergence = z.infer<typeof Divergence>;

/** `differences_summary`: one entry for each run after the first, which they are compared with. */
export const DifferencesSummary = z.object({
  stepscope: z.literal('comparison'),
  version: z.literal(1),
  options: z.object({ ignore: z.array(z.string()), tolerance: z.number(), ignoreVolatile: z.boolean() }),
  runs: z.array(
    z.object({
      runId: z.string(),
      status: z.string(),
      steps: z.object({
        same: z.int(),
        different: z.int(),
        renamed: z.int(),
        added: z.int(),
        removed: z.int(),
        moved: z.int(),
      }),
      /** Null: none was found, in what was recorded of `comparedSteps` steps. */
      firstDivergence: Divergence.nullable(),
      comparedSteps: z.int(),
      /** Error and critical lines, and all lines, more than in the first run. */
      errors: z.int(),
      logs: z.int(),
    }),
  ),
});
export type DifferencesSummary = z.infer<typeof DifferencesSummary>;

/** How a time stands to those of earlier runs. `unknown`: there are too few of them to say. */
export const TimeVerdict = z.enum(['unknown', 'within-noise', 'slower', 'faster']);
export type TimeVerdict = z.infer<typeof TimeVerdict>;

/** A time, judged against earlier ones of the same step. Milliseconds. */
export const TimeJudgement = z.object({
  verdict: TimeVerdict,
  ms: z.number(),
  /** How many earlier times it was judged against. */
  earlier: z.int(),
  median: z.number().nullable(),
  p95: z.number().nullable(),
  /** `ms / median`; null when there is no median to divide by. */
  ratio: z.number().nullable(),
});
export type TimeJudgement = z.infer<typeof TimeJudgement>;

/** `performance_delta`: times of the runs beside each other. Milliseconds, held time left out. */
export const PerformanceDelta = z.object({
  stepscope: z.literal('performance'),
  version: z.literal(1),
  runs: z.array(z.object({ runId: z.string(), totalMs: z.number().nullable(), judgement: TimeJudgement.nullable() })),
  /** Steps whose time is outside of the noise in one of the runs at least, those that cost most first. */
  steps: z.array(
    z.object({
      step: z.string(),
      display: z.string(),
      name: z.string(),
      /** By run, in their order. */
      times: z.array(z.object({ ms: z.number().nullable(), judgement: TimeJudgement.nullable() })),
    }),
  ),
});
export type PerformanceDelta = z.infer<typeof PerformanceDelta>;
