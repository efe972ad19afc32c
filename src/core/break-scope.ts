import type { Json, JsonObject } from '../protocol/json.ts';
import type { Scope } from './evaluate.ts';
import type { ScopeName } from './expression.ts';

/** What expressions speak of at one moment of a run; what is absent has no value. `step`, `run` and `log` are rows, by the names of their columns. */
export type Facts = { readonly [name in ScopeName]?: (() => Json | null | undefined) | undefined };

/** A scope over these facts. Each is asked for when an expression first names it. */
export function scopeOf(facts: Facts): Scope {
  const seen = new Map<ScopeName, Json | undefined>();
  return (name) => {
    if (!seen.has(name)) seen.set(name, facts[name]?.() ?? undefined);
    return seen.get(name);
  };
}

/** Snapshots as they are stored, around one step. */
export interface SnapshotValues {
  readonly inputs: JsonObject | null;
  readonly outputs: JsonObject | null;
  readonly stateBefore: JsonObject | null;
  readonly stateAfter: JsonObject | null;
}

/** The scope of a step that is looked at: its state is the one after it, or before it while it has not ended. */
export function snapshotScope(snapshot: SnapshotValues | undefined, step: JsonObject | undefined, run: JsonObject | undefined): Scope {
  return scopeOf({
    inputs: () => snapshot?.inputs,
    outputs: () => snapshot?.outputs,
    state: () => snapshot?.stateAfter ?? snapshot?.stateBefore,
    step: () => step,
    run: () => run,
    error: () => (typeof step?.['error_message'] === 'string' ? { message: step['error_message'], stack: step['error_stack'] ?? null } : undefined),
  });
}
