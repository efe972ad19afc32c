import type { CommandVerb } from '../protocol/rows.ts';
import type { RunMode } from '../protocol/vocabulary.ts';
import type { Stop } from './breakpoints.ts';

/** A step about to run, as the gate sees it. */
export interface Checkpoint {
  readonly key: string;
  readonly display: string;
  readonly name?: string | undefined;
  /** 0 for a step of the run, 1 for its sub-steps, and so on. */
  readonly depth: number;
  /** What is asked before it may run: `Charge the customer?` */
  readonly approval?: string | undefined;
}

/** What the gate remembers between checkpoints. */
export interface GateState {
  readonly mode: RunMode;
  /** In mode `step`: hold before steps at most this deep. */
  readonly stepDepth: number;
  /** Keys of steps to hold before once, from `pause {step}`. */
  readonly pauseAt: readonly string[];
  /** Key of the step that `runTo` goes to. */
  readonly runTo: string | null;
}

/** Why this run may stop here: breakpoints it has met, and the run's own. */
export interface StopPlaces {
  /** Breakpoints of the pipeline that were met (`breakpoints.ts`), here or since the run could last be held. */
  readonly stops: readonly Stop[];
  /** The run's own, by key or display. */
  readonly breakAt: readonly string[];
}

export type GateDecision =
  | { readonly kind: 'pass' }
  /** With `needsApproval` only an approval lets it go on. */
  | { readonly kind: 'hold'; readonly reason: string; readonly needsApproval: boolean };

/** Reasons of one hold that are spelled out. */
const MOST_REASONS = 3;

/** How a gate starts in each mode. `step` holds before every step and goes over sub-steps. */
export function initialGate(mode: RunMode): GateState {
  return { mode, stepDepth: 0, pauseAt: [], runTo: null };
}

/**
 * Does the run hold before this step, and why? The reason is what people read: `breakpoint #2 on 8e`,
 * `breakpoint #3: outputs.width = 4096`, `breakpoint at 8e`, `run to 8e`, `pause`, `step`.
 *
 * Decided from what is here; a gate never asks anybody in order to pass.
 */
export function decideGate(state: GateState, step: Checkpoint, places: StopPlaces): GateDecision {
  const isHere = (target: string) => target === step.key || target === step.display;
  if (places.stops.length > 0) return decideStops(places.stops);
  if (places.breakAt.some(isHere)) return hold(`breakpoint at ${step.display}`);
  if (state.runTo !== null && isHere(state.runTo)) return hold(`run to ${step.display}`);
  if (state.pauseAt.some(isHere)) return hold(`pause at ${step.display}`);
  if (state.mode === 'paused') return hold('pause');
  if (state.mode === 'step' && step.depth <= state.stepDepth) return hold('step');
  return { kind: 'pass' };
}

/** Does the run hold where a step has ended, or has failed, before that has consequences? Only breakpoints hold it there. */
export function decideStops(stops: readonly Stop[]): GateDecision {
  if (stops.length === 0) return { kind: 'pass' };
  const reasons = stops.slice(0, MOST_REASONS).map((stop) => stop.reason);
  return hold([...reasons, ...(stops.length > MOST_REASONS ? [`${stops.length - MOST_REASONS} more`] : [])].join('; '), stops.some((stop) => stop.needsApproval));
}

/** The gate once it holds before `step`: what led here is used up. */
export function afterHold(state: GateState, step: Checkpoint): GateState {
  return { ...state, pauseAt: state.pauseAt.filter((target) => target !== step.key && target !== step.display), runTo: null };
}

/**
 * The gate after a verb, as in the Debug Adapter Protocol: `next` goes over sub-steps, `stepIn` into them,
 * `stepOut` to the step after the parent, `continue` to the next breakpoint.
 *
 * `held` is the step the run is held before, if it is; `step` the step a `pause` or `runTo` names. Verbs
 * that do not steer (`cancel`, `edit`, `lease`) leave the gate as it is.
 */
export function steer(state: GateState, verb: CommandVerb, held: Checkpoint | null, step?: string): GateState {
  const depth = held?.depth ?? 0;
  switch (verb) {
    case 'continue':
      return { ...state, mode: 'auto', runTo: null };
    case 'next':
      return { ...state, mode: 'step', stepDepth: depth, runTo: null };
    case 'stepIn':
      return { ...state, mode: 'step', stepDepth: Number.MAX_SAFE_INTEGER, runTo: null };
    case 'stepOut':
      return { ...state, mode: 'step', stepDepth: depth - 1, runTo: null };
    case 'runTo':
      return { ...state, mode: 'auto', runTo: step ?? null };
    case 'pause':
      return step === undefined ? { ...state, mode: 'paused', runTo: null } : { ...state, pauseAt: [...state.pauseAt, step] };
    case 'cancel':
    case 'edit':
    case 'lease':
    case 'take':
    case 'approve':
    case 'reject':
      return state;
  }
}

/** Does this verb let a held run go on? */
export function letsPass(verb: CommandVerb): boolean {
  return verb === 'continue' || verb === 'next' || verb === 'stepIn' || verb === 'stepOut' || verb === 'runTo';
}

function hold(reason: string, needsApproval = false): GateDecision {
  return { kind: 'hold', reason, needsApproval };
}
