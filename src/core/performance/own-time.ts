import type { StepRow } from '../../protocol/rows.ts';
import { latestAttempts } from '../fork-plan.ts';
import { stepElapsedMs } from '../run-state.ts';

/** By step key, how long its sub-steps were held at the gate, theirs included: time a step lasted while a person thought. Milliseconds. */
export function heldBelow(steps: Iterable<StepRow>): ReadonlyMap<string, number> {
  const rows = [...steps];
  const parents = new Map(rows.map((row) => [row.step_key, row.parent_step_key]));
  const held = new Map<string, number>();
  for (const { step_key: key, held_ms: ms, status } of rows) {
    if (ms === null || ms === 0 || status === 'reused') continue;
    const seen = new Set([key]);
    for (let above = parents.get(key) ?? null; above !== null && !seen.has(above); above = parents.get(above) ?? null) {
      seen.add(above);
      held.set(above, (held.get(above) ?? 0) + ms);
    }
  }
  return held;
}

/** How long the sub-steps of one attempt were held while it lasted. */
export interface HeldInside {
  readonly ms: number;
  /** One of them is held since then, which `ms` does not count yet. Milliseconds of the epoch. */
  readonly sinceMs: number | undefined;
}

/** By id of the row, for the attempts inside which sub-steps were held: it is time that they lasted, and nobody's work. */
export function heldInside(steps: Iterable<StepRow>): ReadonlyMap<string, HeldInside> {
  const attempts = Map.groupBy(steps, (row) => row.step_key);
  const found = new Map<string, HeldInside>();
  for (const row of [...attempts.values()].flat()) {
    const isHeld = row.status === 'held';
    if (row.status === 'reused' || (!isHeld && !row.held_ms)) continue;
    const seen = new Set([row.step_key]);
    for (let key = row.parent_step_key; key !== null && !seen.has(key); key = attempts.get(key)?.[0]?.parent_step_key ?? null) {
      seen.add(key);
      const around = attempts.get(key)?.toSorted((a, b) => a.attempt - b.attempt);
      const attempt = around?.findLast((one) => one.started_at !== null && Date.parse(one.started_at) <= Date.parse(row.started_at ?? row.created_at)) ?? around?.[0];
      if (attempt === undefined) break;
      const known = found.get(attempt.id);
      found.set(attempt.id, { ms: (known?.ms ?? 0) + (row.held_ms ?? 0), sinceMs: isHeld ? Date.parse(row.created_at) : known?.sinceMs });
    }
  }
  return found;
}

/** How long a step has been at work by `nowMs`, or was, without what was held inside it; undefined before it starts. */
export function stepWorkMs(step: Pick<StepRow, 'status' | 'started_at' | 'duration_ms'>, inside: HeldInside | undefined, nowMs: number): number | undefined {
  const lasted = stepElapsedMs(step, nowMs);
  if (lasted === undefined || inside === undefined) return lasted;
  const present = inside.sinceMs === undefined || step.duration_ms !== null ? 0 : Math.max(0, nowMs - inside.sinceMs);
  return Math.max(0, lasted - inside.ms - present);
}

/**
 * By step key, the time of the last attempt at it without what was held below it, in milliseconds: what is compared
 * between runs. Results taken over from another run, and steps that were skipped or never ended, have none.
 */
export function workDurations(steps: readonly StepRow[]): ReadonlyMap<string, number> {
  const held = heldBelow(steps);
  const own = [...latestAttempts(steps).values()].filter((step) => step.status !== 'reused' && step.status !== 'skipped' && step.duration_ms !== null);
  return new Map(own.map((step) => [step.step_key, Math.max(0, step.duration_ms! - (held.get(step.step_key) ?? 0))]));
}
