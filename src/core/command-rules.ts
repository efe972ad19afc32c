import type { LeaseRow } from '../protocol/debug-rows.ts';
import type { CommandPayload, CommandVerb, RunRow, StepRow } from '../protocol/rows.ts';
import { endedWords, isFinal, isStepFinal } from './run-state.ts';
import type { RunView } from './run-view.ts';

/** What decides whether a verb applies now. */
export interface Situation {
  readonly run: Pick<RunRow, 'status' | 'mode'>;
  /** The step the run is held before, when it is. */
  readonly held: Pick<StepRow, 'step_key' | 'display' | 'can_edit'> | null;
  /** Steps that are known, to tell what lies behind; those still to come may be missing. */
  readonly steps: readonly (Pick<StepRow, 'step_key' | 'display' | 'status'> & Partial<Pick<StepRow, 'metadata'>>)[];
  /** Whose pause it is, while the lease of a terminal lives. */
  readonly lease?: PauseLease | undefined;
  /** Who gives the verb; needed where there is a lease. */
  readonly sender?: PauseSender | undefined;
}

/** Of a lease, what says whose the pause is. */
export type PauseLease = Pick<LeaseRow, 'test_run_id' | 'owner' | 'owner_name' | 'terminal'>;

/** Who gives a verb. */
export interface PauseSender {
  readonly user: string | null;
}

/** A yes that a run waits for. */
export interface AwaitedApproval {
  readonly step: string;
  readonly display: string;
  /** What is asked, for a person to read. */
  readonly title: string;
}

/** Under this name of its metadata a step says what approval it waits for; the database keeps a row of `approvals` by it. */
export const AWAITS_APPROVAL = 'awaitsApproval';

/** The approval a run waits for, when it waits for one. */
export function awaitedApproval({ run, steps }: Pick<Situation, 'run' | 'steps'>): AwaitedApproval | undefined {
  if (run.status !== 'paused') return undefined;
  for (const { step_key, display, metadata } of steps) {
    const title = metadata?.[AWAITS_APPROVAL];
    if (typeof title === 'string') return { step: step_key, display, title };
  }
  return undefined;
}

/** The situation a screen sees. */
export function situationOf(view: RunView): Situation | undefined {
  if (view.run === undefined) return undefined;
  const steps = [...view.index.steps.values()];
  return { run: view.run, held: steps.find((step) => step.status === 'held') ?? null, steps };
}

/** Verbs by which a held run goes on without an answer. */
const goesOn: ReadonlySet<CommandVerb> = new Set(['continue', 'next', 'stepIn', 'stepOut', 'runTo']);

/** Verbs that only who holds the pause may give while a terminal holds it. */
const steering: ReadonlySet<CommandVerb> = new Set([...goesOn, 'edit']);

/** Does it depend on whose the pause is whether the verb applies? */
export function isSteering(verb: CommandVerb): boolean {
  return steering.has(verb);
}

/** A person's own terminals do not shut each other out: one may have been left open at the other end of the house. */
function whyNotYours({ lease, sender }: Situation): string | undefined {
  if (lease === undefined || lease.owner === (sender?.user ?? null)) return undefined;
  return `${lease.owner_name} holds this pause; \`stepscope take ${lease.test_run_id}\` (O in the terminal) makes it yours`;
}

/**
 * Why a verb does not apply now, in words for a person, or undefined when it does.
 *
 * The tracker refuses by it, and the terminal greys out by it.
 */
export function whyRefused(verb: CommandVerb, payload: CommandPayload, situation: Situation): string | undefined {
  const { run, held } = situation;
  if (isFinal(run)) return endedWords(run);
  const awaited = awaitedApproval(situation);
  if (awaited !== undefined && goesOn.has(verb)) {
    return `the run waits for an approval: ${awaited.title} Any admin can approve or reject it`;
  }
  const owned = steering.has(verb) ? whyNotYours(situation) : undefined;
  if (owned !== undefined) return owned;
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
    case 'take':
      return run.status === 'paused' ? undefined : 'the run is not paused';
    case 'runTo':
      if (payload.step === undefined) return 'it names no step to run to';
      return run.status === 'paused' ? whyUnreachable(payload.step, situation) : 'the run is not paused';
    case 'approve':
    case 'reject':
      if (awaited === undefined) return 'the run waits for no approval';
      if (payload.step !== undefined && payload.step !== awaited.step && payload.step !== awaited.display) {
        return `the run waits for an approval at ${awaited.display}, not at ${payload.step}`;
      }
      return verb === 'reject' && (payload.why ?? '').trim() === '' ? 'a rejection needs a reason' : undefined;
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
