import { z } from 'zod';
import type { StepRow } from '../protocol/rows.ts';
import type { ForkEffects } from '../protocol/run-request.ts';
import { UserError } from '../protocol/error.ts';
import type { StepDefinition } from '../protocol/step-definition.ts';
import { flattenSteps } from './step-reference.ts';

/** What a fork of a run does with each step of its pipeline, in order. */
export interface ForkPlan {
  /** Results taken from the parent run. */
  readonly reused: readonly StepDefinition[];
  /** The steps around the fork point: they are gone into again, but what they did before their sub-steps is reused. */
  readonly entered: readonly StepDefinition[];
  /** Executed, beginning with the step forked from. */
  readonly executed: readonly StepDefinition[];
  /** Those of `executed` whose effect on the outside world happened in the parent run and would happen again. */
  readonly repeated: readonly StepDefinition[];
  /** Steps that would have to be reused and have no result in the parent run: the fork is not possible. */
  readonly missing: readonly StepDefinition[];
}

/** What the SQL function `fork_facts` tells of a run: what was recorded, and what its steps charged and asked for. */
export const ForkFacts = z.object({
  steps: z.array(
    z.object({
      step_key: z.string(),
      has_inputs: z.boolean(),
      has_state_before: z.boolean(),
      has_state_after: z.boolean(),
      /** Inputs that were too large to be recorded, or are gone. */
      lost: z.array(z.string()),
    }),
  ),
  /** Credits, as the requests to the ledger say, and of a step without one what it charged through its context. */
  charges: z.array(z.object({ step_key: z.string(), charged: z.number(), would_have_charged: z.number() })),
  /** Steps with recorded answers from outside of the backend. */
  asked: z.array(z.object({ step_key: z.string(), provider_calls: z.number(), exchanges: z.number() })),
  /** Were this run's exchanges recorded at all? Without, nothing is known of charges. */
  is_recorded: z.boolean(),
});
export type ForkFacts = z.infer<typeof ForkFacts>;

/** What a fork would mean, before it is made. Costs are those that the same steps had in the parent run. */
export interface ForkPreview extends ForkPlan {
  /** Credits; undefined when the parent run recorded no exchanges. */
  readonly charged: number | undefined;
  readonly wouldHaveCharged: number | undefined;
  /** Requests to the provider that make something. */
  readonly providerCalls: number | undefined;
  /** Milliseconds that the executed steps took, as far as they ran. */
  readonly durationMs: number;
  /** Why the fork cannot begin here, and where it could: {@link refuseFork} throws it. */
  readonly obstacle: { readonly why: string; readonly nearest: StepDefinition | undefined } | undefined;
}

/** The newest attempt at each step of a run, by key. */
export function latestAttempts(steps: readonly StepRow[]): ReadonlyMap<string, StepRow> {
  const latest = new Map<string, StepRow>();
  for (const step of steps) {
    const known = latest.get(step.step_key);
    if (known === undefined || step.attempt >= known.attempt) latest.set(step.step_key, step);
  }
  return latest;
}

/** Plans a fork from `forkStep` (a key of the tree) on the steps of the parent run. */
export function planFork(tree: readonly StepDefinition[], forkStep: string, parentSteps: readonly StepRow[]): ForkPlan {
  const latest = latestAttempts(parentSteps);
  const all = flattenSteps(tree);
  const at = all.findIndex(({ key }) => key === forkStep);
  const isAround = ({ key }: StepDefinition): boolean => forkStep.startsWith(`${key}.`);
  const before = all.slice(0, at);
  const executed = all.slice(at);
  const reused = before.filter((step) => !isAround(step));
  return {
    reused,
    entered: before.filter(isAround),
    executed,
    repeated: executed.filter(({ key, effect }) => effect === 'external' && hasHappened(latest.get(key))),
    missing: reused.filter(({ key }) => !hasResult(latest.get(key))),
  };
}

/** The plan with what it costs, and whether the parent run has recorded what it begins with. */
export function previewFork(tree: readonly StepDefinition[], forkStep: string, parentSteps: readonly StepRow[], facts: ForkFacts): ForkPreview {
  const plan = planFork(tree, forkStep, parentSteps);
  const keys = new Set(plan.executed.map(({ key }) => key));
  const charges = facts.charges.filter(({ step_key }) => keys.has(step_key));
  const latest = latestAttempts(parentSteps);
  // A step's time holds that of its sub-steps.
  const outermost = plan.executed.filter(({ key }) => !plan.executed.some((other) => key.startsWith(`${other.key}.`)));
  const isCostKnown = facts.is_recorded || facts.charges.length > 0;
  return {
    ...plan,
    charged: isCostKnown ? sum(charges.map(({ charged }) => charged)) : undefined,
    wouldHaveCharged: isCostKnown ? sum(charges.map(({ would_have_charged }) => would_have_charged)) : undefined,
    providerCalls: facts.is_recorded ? sum(facts.asked.filter(({ step_key }) => keys.has(step_key)).map(({ provider_calls }) => provider_calls)) : undefined,
    durationMs: sum(outermost.map(({ key }) => latest.get(key)?.duration_ms ?? 0)),
    obstacle: obstacleTo(tree, plan, parentSteps, facts),
  };
}

/**
 * Refuses a fork that cannot be, or that nobody has allowed. Asked twice: by who starts it, before anything is
 * stored, and by who executes it.
 *
 * Throws `usage` when the parent has no result to reuse or has not recorded what to begin with, naming the nearest
 * earlier step; and when an effect on the outside world would be repeated without leave, or shall be answered from a
 * recording that has no answer.
 */
export function refuseFork(preview: ForkPreview, effects: ForkEffects, facts: ForkFacts): void {
  const from = preview.executed[0]?.display ?? '';
  const { obstacle, repeated } = preview;
  if (obstacle !== undefined) {
    const { nearest } = obstacle;
    throw new UserError('usage', `cannot run on from ${from}: ${obstacle.why}`, {
      hint: nearest === undefined ? 'Run the whole pipeline again' : `Fork from ${nearest.display} ${nearest.name}, the nearest earlier step from which it can be, or run the whole pipeline again`,
    });
  }
  if (repeated.length > 0 && effects === 'ask') {
    throw new UserError('usage', `running on from ${from} would repeat what the parent run did to the outside world: ${names(repeated)}`, {
      hint: 'Allow it with `--repeat-effects` (in the terminal, confirm the question), take the recorded answers with `--effects recorded`, or fork from a later step',
    });
  }
  if (effects !== 'recorded') return;
  const answered = new Set(facts.asked.map(({ step_key }) => step_key));
  const silent = repeated.filter(({ key }) => !answered.has(key));
  if (silent.length > 0) {
    throw new UserError('usage', `the parent run has no recorded answer for ${names(silent)}`, { hint: 'Allow the effect again with `--effects repeat`, or fork from a later step' });
  }
}

/** What is in the way of a fork: a result to reuse, or the inputs to begin with, that the parent run does not have. */
function obstacleTo(tree: readonly StepDefinition[], plan: ForkPlan, parentSteps: readonly StepRow[], facts: ForkFacts): ForkPreview['obstacle'] {
  const why = whyNot(plan, facts);
  if (why === undefined) return undefined;
  const all = flattenSteps(tree);
  const at = all.findIndex(({ key }) => key === plan.executed[0]?.key);
  const nearest = all.slice(0, Math.max(at, 0)).findLast(({ key }) => whyNot(planFork(tree, key, parentSteps), facts) === undefined);
  return { why, nearest };
}

function whyNot({ reused, entered, executed, missing }: ForkPlan, facts: ForkFacts): string | undefined {
  if (missing.length > 0) return `the parent run has no result of ${names(missing)}`;
  const point = executed[0];
  if (point === undefined) return undefined;
  const recorded = new Map(facts.steps.map((one) => [one.step_key, one]));
  const here = recorded.get(point.key);
  if (here !== undefined && here.lost.length > 0) return `the parent run has not recorded all inputs of ${names([point])}: ${here.lost.join(', ')}`;
  // What a step around the point did before its sub-steps is in no state but the one before the point.
  const around = entered.at(-1);
  const last = around === undefined || reused.at(-1)?.key.startsWith(`${around.key}.`) === true ? reused.at(-1) : undefined;
  const hasState = here?.has_state_before === true || (last !== undefined && recorded.get(last.key)?.has_state_after === true);
  // The first step of a run begins with what the run was started with.
  if (hasState || (reused.length === 0 && entered.length === 0)) return undefined;
  return `the parent run has not recorded the inputs of ${names([point])}`;
}

function names(some: readonly StepDefinition[]): string {
  return some.map(({ display, name }) => `${display} ${name}`).join(', ');
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}

function hasResult(step: StepRow | undefined): boolean {
  return step !== undefined && ['completed', 'reused', 'skipped'].includes(step.status);
}

/** A step that failed half way may have had its effect. */
function hasHappened(step: StepRow | undefined): boolean {
  return step !== undefined && ['completed', 'reused', 'failed', 'running', 'cancelled'].includes(step.status) && step.started_at !== null;
}
