import { z } from 'zod';
import { JsonObject } from './json.ts';
import { Effect, ExecutionContext } from './vocabulary.ts';

/**
 * A step as a pipeline declares it, without its code.
 *
 * `key` is its identity (`call_edge_function`, and with its parent `call_edge_function.provider_api_call`);
 * `display` (`8`, `8e`) is what people see and type.
 */
export interface StepDefinition {
  readonly key: string;
  readonly display: string;
  readonly number: number;
  readonly name: string;
  readonly description?: string | undefined;
  readonly effect: Effect;
  readonly context: ExecutionContext;
  readonly functionName?: string | undefined;
  readonly filePath?: string | undefined;
  /** JSON Schema of the step's inputs; an edit is checked against it. */
  readonly inputSchema?: JsonObject | undefined;
  readonly timeoutMs?: number | undefined;
  readonly canEdit: boolean;
  readonly canRerun: boolean;
  /** What is asked before it runs. */
  readonly approval?: string | undefined;
  /** Other names people know the step by, as the seed's older numbering. */
  readonly aliases?: readonly string[] | undefined;
  readonly steps: readonly StepDefinition[];
}

export const StepDefinition: z.ZodType<StepDefinition> = z.object({
  key: z.string(),
  display: z.string(),
  number: z.int(),
  name: z.string(),
  description: z.string().optional(),
  effect: Effect,
  context: ExecutionContext,
  functionName: z.string().optional(),
  filePath: z.string().optional(),
  inputSchema: JsonObject.optional(),
  timeoutMs: z.int().positive().optional(),
  canEdit: z.boolean(),
  canRerun: z.boolean(),
  approval: z.string().optional(),
  aliases: z.array(z.string()).optional(),
  get steps() {
    return z.array(StepDefinition);
  },
});
