import type { CommandPayload, CommandVerb, RunRow, StepRow } from '../protocol/rows.ts';
import { endedWords, isFinal, isStepFinal } from './run-state.ts';
import type { RunView } from './run-view.ts';

/** What decides whether a verb applies now. */
export interface Situation {
  readonly run: Pick<RunRow, 'status' | 'mode'>;
  /** The step the run is held before, when it is. */
  readonly held: Pick<StepRow, 'step_key' | 'display' | 'can_edit'> | null;
  /** Steps that are known, to tell what lies behind; those still to come may be missing. */
  readonly steps: readonly Pick<StepRow, 'step_key' | 'display' | 'status'>[];
}

/** The situation a screen sees. */
export function situationOf(view: RunView): Situation | undefined {
  if (view.run === undefined) return undefined;
  const steps = [...view.index.steps.values()];
  return { run: view.run, held: steps.find((step) => step.status === 'held') ?? null, steps };
}

/**
 * Why a verb does not apply now, in words for a person, or undefined when it does.
 *
 * The tracker refuses by it, and the terminal greys out by it.
 */
export function whyRefused(verb: CommandVerb, payload: CommandPayload, situation: Situation): string | undefined {
  const { run, held } = situation;
  if (isFinal(run)) return endedWords(run);
  switch (verb) {
    case 'cancel':
      return undefined;
    case 'pause':
      if (payload.step !== undefined) return whyUnreachable(payload.step, situation);
      if (run.status === 'paused') return 'the run is paused already';
      return run.mode === 'paused' ? 'the run is about to pause' : undefined;
    case 'continue':
      // While a pause is under way, `continue` takes it back.
      return run.status === 'paused' || run.mode !== 'auto' ? undefined : 'the run is not paused';
    case 'next':
    case 'stepIn':
    case 'stepOut':
    case 'lease':
      return run.status === 'paused' ? undefined : 'the run is not paused';
    case 'runTo':
      if (payload.step === undefined) return 'it names no step to run to';
      return run.status === 'paused' ? whyUnreachable(payload.step, situation) : 'the run is not paused';
    case 'edit':
      if (held === null) return 'the run is not held before a step';
      if (payload.patch === undefined) return 'it carries no edit';
      if (payload.step !== undefined && payload.step !== held.step_key && payload.step !== held.display) {
        return `the run is held before ${held.display}, not before ${payload.step}`;
      }
      return held.can_edit ? undefined : `the inputs of step ${held.display} cannot be edited`;
  }
}

function whyUnreachable(reference: string, { held, steps }: Situation): string | undefined {
  if (held !== null && (held.step_key === reference || held.display === reference)) return `the run is held before ${held.display} already`;
  const step = steps.find((one) => one.step_key === reference || one.display === reference);
  if (step === undefined) return undefined;
  if (isStepFinal(step)) return `step ${step.display} is ${step.status}`;
  return step.status === 'running' ? `step ${step.display} is running` : undefined;
}
