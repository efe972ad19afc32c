import type { StepDefinition } from '../protocol/step-definition.ts';
import { UserError } from '../protocol/error.ts';
import { didYouMean } from './closest.ts';

/** What a reference is resolved against: a declared step, or what a run's rows say of one. */
export interface KnownStep {
  readonly key: string;
  readonly display: string;
  readonly name: string;
  readonly aliases?: readonly string[] | undefined;
}

/** All steps of a tree, parents before their sub-steps, in the order in which they run. */
export function flattenSteps(tree: readonly StepDefinition[]): readonly StepDefinition[] {
  return tree.flatMap((step) => [step, ...flattenSteps(step.steps)]);
}

/**
 * The step a person means by `8e`, `8`, a key, the last part of a key, a name or an alias.
 *
 * Throws `not-found` with the closest names, or `usage` when the words fit several steps.
 */
export function resolveStep<Step extends KnownStep>(reference: string, steps: readonly Step[]): Step {
  const wanted = reference.trim().toLowerCase();
  const ways: readonly ((step: Step) => boolean)[] = [
    (step) => step.key.toLowerCase() === wanted,
    (step) => step.display.toLowerCase() === wanted,
    (step) => step.aliases?.some((alias) => alias.toLowerCase() === wanted) ?? false,
    (step) => step.name.toLowerCase() === wanted,
    (step) => step.key.toLowerCase().split('.').at(-1) === wanted,
  ];
  for (const matches of ways) {
    const found = steps.filter(matches);
    if (found.length === 1) return found[0]!;
    if (found.length > 1) {
      throw new UserError(
        'usage',
        `"${reference}" fits ${found.length} steps: ${found.map((step) => `${step.display} ${step.key}`).join(', ')}`,
        {
          hint: 'Name the step by its number or its whole key',
        },
      );
    }
  }
  const names = steps.flatMap((step) => [
    step.key,
    step.display,
    step.name,
    ...(step.key.includes('.') ? [step.key.split('.').at(-1)!] : []),
  ]);
  throw new UserError('not-found', `no step "${reference}"`, {
    hint: didYouMean(wanted, names) ?? `The steps are ${steps.map((step) => step.display).join(', ')}`,
  });
}
