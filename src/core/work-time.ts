import type { RunRow, StepRow } from '../protocol/rows.ts';
import { elapsedMs } from './run-state.ts';

/** How long a run has been at work and how long it was held, in milliseconds. */
export interface WorkTime {
  readonly workMs: number;
  readonly heldMs: number;
}

/** Less than this is the time a decision takes, and not worth words. */
const NOTABLE_MS = 1_000;

/** The time of a run by `now`, that at the gate apart: nobody measures a pipeline by how long a person thought. Undefined before it starts. */
export function workTimeOf(run: RunRow, steps: Iterable<StepRow>, now: number): WorkTime | undefined {
  const elapsed = elapsedMs(run, now);
  if (elapsed === undefined) return undefined;
  // What a fork took over was held in another run.
  const past = [...steps].reduce((sum, step) => sum + (step.reused_from_run_id === null ? (step.held_ms ?? 0) : 0), 0);
  const present = run.status === 'paused' && run.paused_at !== null ? Math.max(0, now - Date.parse(run.paused_at)) : 0;
  const held = Math.min(elapsed, past + present);
  return held < NOTABLE_MS ? { workMs: elapsed, heldMs: 0 } : { workMs: elapsed - held, heldMs: held };
}
