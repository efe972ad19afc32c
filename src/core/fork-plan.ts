import type { StepRow } from '../protocol/rows.ts';
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

/**
 * Refuses a fork that cannot be, or that nobody has allowed. Asked twice: by who starts it, before anything is
 * stored, and by who executes it.
 *
 * Throws `usage` when the parent has no result to reuse, and when an effect on the outside world would be
 * repeated without leave.
 */
export function refuseFork(plan: ForkPlan, mayRepeat: boolean): void {
  const names = (some: readonly StepDefinition[]): string => some.map(({ display, name }) => `${display} ${name}`).join(', ');
  const from = plan.executed[0]?.display ?? '';
  if (plan.missing.length > 0) {
    throw new UserError('usage', `cannot run on from ${from}: the parent run has no result of ${names(plan.missing)}`, {
      hint: 'Fork from an earlier step, or run the whole pipeline again',
    });
  }
  if (plan.repeated.length > 0 && !mayRepeat) {
    throw new UserError('usage', `running on from ${from} would repeat what the parent run did to the outside world: ${names(plan.repeated)}`, {
      hint: 'Allow it with `--repeat-effects` (in the terminal, confirm the question), or fork from a later step',
    });
  }
}

function hasResult(step: StepRow | undefined): boolean {
  return step !== undefined && ['completed', 'reused', 'skipped'].includes(step.status);
}

/** A step that failed half way may have had its effect. */
function hasHappened(step: StepRow | undefined): boolean {
  return step !== undefined && ['completed', 'reused', 'failed', 'running', 'cancelled'].includes(step.status) && step.started_at !== null;
}
