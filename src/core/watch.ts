import type { JsonObject } from '../protocol/json.ts';
import { snapshotScope } from './break-scope.ts';
import type { SnapshotValues } from './break-scope.ts';
import { evaluate } from './evaluate.ts';
import type { Outcome, Scope } from './evaluate.ts';
import { parseExpression } from './expression.ts';

/** What a watch shows at one place; `refused` when its expression does not parse. */
export type WatchValue = { readonly expression: string; readonly outcome: Outcome | { readonly kind: 'refused'; readonly why: string } };

/** A step of a run with its snapshot, as the timeline of a watch goes along them. Rows by the names of their columns. */
export interface WatchedStep {
  readonly row: object & { readonly step_key: string; readonly attempt: number };
  readonly snapshot: SnapshotValues | undefined;
}

/** The values of expressions at one place. */
export function watchValues(expressions: readonly string[], scope: Scope): readonly WatchValue[] {
  return expressions.map((expression) => {
    try {
      return { expression, outcome: evaluate(parseExpression(expression), scope) };
    } catch (error) {
      return { expression, outcome: { kind: 'refused', why: error instanceof Error ? error.message : String(error) } };
    }
  });
}

/** The values of expressions at every step, in the order of the steps. */
export function watchAlong(expressions: readonly string[], steps: readonly WatchedStep[], run: object): readonly { readonly step: WatchedStep; readonly values: readonly WatchValue[] }[] {
  return steps.map((step) => ({ step, values: watchValues(expressions, snapshotScope(step.snapshot, step.row as JsonObject, run as JsonObject)) }));
}
