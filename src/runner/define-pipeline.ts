import { z } from 'zod';
import { checkSchema, describeProblems } from '../core/json-schema.ts';
import { UserError } from '../protocol/error.ts';
import { JsonObject } from '../protocol/json.ts';
import type { Effect, ExecutionContext } from '../protocol/vocabulary.ts';
import { isPlainObject, type InitialState, type Pipeline, type RunFailure, type RunState, type Step, type StepContext } from './pipeline.ts';

/** By this a pipeline is recognised in a module's exports, whichever copy of stepscope made it. */
const PIPELINE = Symbol.for('stepscope.pipeline');

/** What is taken out of a state, which nobody may change. */
type DeepReadonly<T> = T extends object ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> } : T;

/** How a step is declared; see {@link step}. */
export interface StepOptions<State, Schema extends z.ZodType, Outputs> {
  /** Its identity within its parent, for ever: `provider_api_call`. */
  readonly key: string;
  readonly name: string;
  readonly description?: string;
  /** What people see and type. Default: its place, `8` or `8a`. */
  readonly display?: string;
  /** Other names people may type. */
  readonly aliases?: readonly string[];
  /** Where in the system it happens. Default: `server`. */
  readonly context?: ExecutionContext;
  /** What running it again does to the world. Default: `none`. */
  readonly effect?: Effect;
  /** How long `run` may take, in milliseconds. Default: two minutes. Time held at the gate does not count. */
  readonly timeoutMs?: number;
  /** Checks the inputs, edited ones too, before `run` gets them. */
  readonly schema?: Schema;
  /** Takes its inputs out of the state. What is here can be looked at and edited before the step runs. Default: the whole state. */
  readonly inputs?: (state: State) => DeepReadonly<z.input<Schema>>;
  /** A reason not to run in this state. */
  readonly skip?: (state: State) => string | undefined;
  /** Does the work, before its sub-steps. */
  readonly run?: (inputs: z.output<Schema>, context: StepContext) => Outputs | Promise<Outputs>;
  /** What the outputs change in the state. Default: their fields, each under its own name; what is no object, under the step's key. */
  readonly state?: (outputs: Awaited<Outputs>, state: State) => Partial<State>;
  readonly steps?: readonly Step[];
  readonly canEdit?: boolean;
  readonly canRerun?: boolean;
  /** What is asked before it runs: `Charge the customer?` The run is held until somebody approves; a rejection fails it. */
  readonly approval?: string;
}

/**
 * Declares a step of a pipeline.
 *
 * @example
 * const greet = step({
 *   key: 'greet',
 *   name: 'Greet',
 *   schema: z.object({ name: z.string() }),
 *   inputs: (state: InitialState<{ name: string }>) => ({ name: state.inputs.name }),
 *   run: ({ name }, { log }) => {
 *     log.info(`Greeting ${name}`);
 *     return { greeting: `Hello ${name}` };
 *   },
 * });
 */
export function step<State = RunState, Schema extends z.ZodType = z.ZodType<State>, Outputs = unknown>(options: StepOptions<State, Schema, Outputs>): Step {
  const { key, run, inputs, skip, state } = options;
  if (!/^[a-zA-Z0-9_-]+$/.test(key)) {
    throw new UserError('usage', `step key "${key}" has other characters than letters, digits, _ and -`, { hint: 'Choose a key such as create_prediction; `name` is for people' });
  }
  if (options.approval !== undefined && options.approval.trim() === '') throw new UserError('usage', `step ${key} asks for an approval without saying for what`);
  if (run === undefined && (options.steps ?? []).length === 0) throw new UserError('usage', `step ${key} has neither \`run\` nor \`steps\``);
  return {
    ...options,
    aliases: options.aliases ?? [],
    context: options.context ?? 'server',
    effect: options.effect ?? 'none',
    canEdit: options.canEdit ?? run !== undefined,
    canRerun: options.canRerun ?? true,
    steps: options.steps ?? [],
    inputs: (all) => (inputs === undefined ? all : inputs(all as State)),
    skip: (all) => skip?.(all as State),
    run: run as Step['run'],
    state: (outputs, all) => {
      if (state !== undefined) return state(outputs as Awaited<Outputs>, all as State);
      if (outputs === undefined) return {};
      return isPlainObject(outputs) ? outputs : { [key]: outputs };
    },
    declaredAt: new Error(`step ${key}`).stack ?? '',
  };
}

/** How a pipeline is declared; see {@link definePipeline}. */
export interface PipelineOptions<Inputs extends z.ZodType<object>, State = RunState & InitialState<z.output<Inputs>>> {
  readonly key: string;
  readonly version: string;
  readonly title: string;
  readonly description?: string;
  /** Checks what a run is started with, before anything runs, and tells forms what to ask for. */
  readonly inputs: Inputs;
  /** Inputs to start from when a person gives none. */
  readonly example: z.input<Inputs>;
  /** Keys of the models it can run, most usual first. */
  readonly models?: readonly string[];
  readonly steps: readonly Step[];
  /**
   * May a run that is held before a step be taken up there by another process, should this one end? Default: true. Say
   * false when steps leave in memory what later ones need: a connection, a file that is open.
   */
  readonly resumable?: boolean;
  /** Puts right what a failed or cancelled run has left behind, as giving back reserved credits. May take ten seconds. */
  readonly onFailure?: (state: Partial<State>, failure: RunFailure, context: StepContext) => unknown;
}

/**
 * Declares a pipeline: steps as data and functions, run one after another. Export it from a `.ts` or `.js`
 * file and run it with `stepscope run FILE`.
 *
 * Throws `usage` for what cannot work: two steps of one key, an example that does not fit.
 */
export function definePipeline<Inputs extends z.ZodType<object>, State = RunState & InitialState<z.output<Inputs>>>(options: PipelineOptions<Inputs, State>): Pipeline {
  const { key, steps } = options;
  const refuse = (why: string, hint?: string): never => {
    throw new UserError('usage', `pipeline ${key}: ${why}`, { hint });
  };
  if (!/^[a-zA-Z0-9_-]+$/.test(key)) refuse('its key has other characters than letters, digits, _ and -');
  // A file in JavaScript may leave out what its types would have asked for.
  if (!Array.isArray(steps) || steps.length === 0) refuse('it has no steps');
  const example = JsonObject.safeParse(options.example);
  if (!example.success) throw refuse('its example is missing, or no object of JSON values');
  refuseDoubles(steps, '', refuse);
  const problems = checkSchema(example.data, inputsSchema(options.inputs));
  if (problems.length > 0) refuse(`its example does not fit its inputs: ${describeProblems(problems)}`);
  const pipeline: Pipeline = {
    ...options,
    inputs: options.inputs as z.ZodType as z.ZodType<JsonObject>,
    example: options.example as JsonObject,
    models: options.models ?? [],
    resumable: options.resumable ?? true,
    onFailure: options.onFailure as Pipeline['onFailure'],
  };
  return Object.defineProperty(pipeline, PIPELINE, { value: true });
}

function refuseDoubles(steps: readonly Step[], parent: string, refuse: (why: string) => never): void {
  const keys = new Set<string>();
  for (const { key, steps: inner } of steps) {
    if (keys.has(key)) refuse(`two steps have the key ${parent}${key}`);
    keys.add(key);
    refuseDoubles(inner, `${parent}${key}.`, refuse);
  }
}

/** Is this export of a module a pipeline? */
export function isPipeline(value: unknown): value is Pipeline {
  return value !== null && typeof value === 'object' && PIPELINE in value;
}

/** JSON Schema of what is written, before defaults and transforms; what it cannot express is left open. */
export function inputsSchema(schema: z.ZodType): JsonObject {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return json as JsonObject;
}
