import { z } from 'zod';
import { JsonObject } from './json.ts';
import { RunStatus, StepStatus } from './vocabulary.ts';

/**
 * What a test made from a run expects of the same inputs: `expected_behavior` of `auto_generated_tests`. Fields that we
 * do not know are other programs', and stay.
 */
export const ExpectedBehavior = z.looseObject({
  /** How the run ended that the test was made from. */
  status: RunStatus,
  /**
   * Shall the run complete? For a run that failed too: a test is kept of it so that what failed works, and stays so.
   */
  shouldNotFail: z.boolean(),
  /** Key of the step that failed, and the words of its failure. */
  failedStep: z.string().nullable(),
  error: z.string().nullable(),
  /** How each step ended, in the order of the run. */
  steps: z.array(z.object({ key: z.string(), status: StepStatus, error: z.string().optional() })),
  /** Outputs of the last step that completed. */
  outputs: JsonObject.nullable(),
});
export type ExpectedBehavior = z.infer<typeof ExpectedBehavior>;

/** Steps kept in an {@link ExpectedBehavior}. */
export const EXPECTED_STEPS = 1_000;
