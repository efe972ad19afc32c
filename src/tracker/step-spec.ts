import type { StepDefinition } from '../protocol/step-definition.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Effect, ExecutionContext, StepType } from '../protocol/vocabulary.ts';

/** The code of a step, to be shown beside what it did. */
interface StepSource {
  readonly code: string;
  /** Line in the file of the first line of `code`. */
  readonly firstLine?: number | undefined;
  /** Lines to highlight, counted in the file. */
  readonly highlightFrom?: number | undefined;
  readonly highlightTo?: number | undefined;
}

/** A step as a recorder takes it: what is known of it before it runs. */
export interface StepSpec {
  readonly key: string;
  readonly parentKey: string | null;
  readonly display: string;
  readonly number: number;
  readonly name: string;
  readonly depth: number;
  readonly description?: string | undefined;
  readonly type?: StepType | undefined;
  readonly context: ExecutionContext;
  readonly effect: Effect;
  readonly functionName?: string | undefined;
  readonly filePath?: string | undefined;
  readonly inputSchema?: JsonObject | undefined;
  readonly canEdit: boolean;
  readonly canRerun: boolean;
  /** What is asked before it may run: `Charge the customer?` */
  readonly approval?: string | undefined;
  readonly source?: StepSource | undefined;
  /** Default 1. */
  readonly attempt?: number | undefined;
  /** Place in the run, counting sub-steps. Default: after the last one opened. */
  readonly ordinal?: number | undefined;
}

/** The specs of a declared tree by key, numbered through as they run. */
export function specsOf(tree: readonly StepDefinition[]): ReadonlyMap<string, StepSpec> {
  const specs = new Map<string, StepSpec>();
  const add = (steps: readonly StepDefinition[], parentKey: string | null, depth: number) => {
    for (const { steps: inner, timeoutMs: _, aliases: __, ...step } of steps) {
      specs.set(step.key, { ...step, parentKey, depth, type: depth === 0 ? 'main' : 'sub', ordinal: specs.size });
      add(inner, step.key, depth + 1);
    }
  };
  add(tree, null, 0);
  return specs;
}
