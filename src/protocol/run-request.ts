import { z } from 'zod';
import { JsonObject, PatchOperation } from './json.ts';
import { Billing, OnLeaseEnd, RunMode } from './vocabulary.ts';

/**
 * What a fork does where its parent has changed the outside world already: `ask` refuses and says so, `repeat` does it
 * again, `recorded` takes the recorded answers in its place.
 */
export const ForkEffects = z.enum(['ask', 'repeat', 'recorded']);
export type ForkEffects = z.infer<typeof ForkEffects>;

/** Choices of one run that are not its inputs; stored in `execution_data.options`. */
export const RunOptions = z.object({
  /** Which provider the pipeline talks to. The simulator is bundled and costs nothing. */
  provider: z.enum(['simulator', 'replicate']).default('simulator'),
  /** How the simulator behaves; see `core/simulator-behaviour.ts`. */
  simulate: z.string().optional(),
  /** Steps to stop before in this run only, by key. */
  breakAt: z.array(z.string()).default([]),
  /** May external effects before and at the fork point happen again? */
  repeatEffects: z.boolean().default(false),
  /** The same question with three answers; see {@link effectsOf}. */
  effects: ForkEffects.optional(),
  /** Keep what the steps ask the outside world and hear from it, so that the run can be replayed. Unless it says no. */
  recordExchanges: z.boolean().optional(),
});
export type RunOptions = z.infer<typeof RunOptions>;

/** What a fork may do to the outside world again. */
export function effectsOf({ effects, repeatEffects }: Pick<RunOptions, 'effects' | 'repeatEffects'>): ForkEffects {
  return effects ?? (repeatEffects ? 'repeat' : 'ask');
}

/** What a person asks for: a new run, or a fork when `fork` is there. Becomes a `pending` run row. */
export const RunRequest = z.object({
  pipeline: z.string(),
  inputs: JsonObject,
  model: z.string().optional(),
  mode: RunMode.default('auto'),
  billing: Billing.default('test'),
  onLeaseEnd: OnLeaseEnd.default('hold'),
  tags: z.array(z.string()).default([]),
  options: RunOptions.prefault({}),
  fork: z.object({ parentRunId: z.string(), step: z.string(), patch: z.array(PatchOperation) }).optional(),
});
export type RunRequest = z.infer<typeof RunRequest>;
