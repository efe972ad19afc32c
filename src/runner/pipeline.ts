import type { z } from 'zod';
import type { Holder } from '../client/holder.ts';
import type { Json, JsonObject } from '../protocol/json.ts';
import type { RunOptions } from '../protocol/run-request.ts';
import type { Billing, Effect, ExecutionContext } from '../protocol/vocabulary.ts';
import type { Provider } from './provider/provider.ts';
import type { WebhookListener } from './provider/webhook-listener.ts';

/**
 * What a run knows: at first `{inputs, model}`, then also whatever its steps have returned. Every value is
 * stored around every step, so a fork can begin anywhere.
 */
export type RunState = Readonly<Record<string, unknown>>;

/** What the state of a run of a pipeline begins with. */
export interface InitialState<Inputs = JsonObject> {
  readonly inputs: Inputs;
  /** Key of the model asked for in the registry; null for pipelines without one. */
  readonly model: string | null;
}

/** Writes a line into the run's log, in the step that is running. `data` may be anything; secrets in it are masked. */
export interface StepLog {
  readonly debug: (message: string, data?: unknown) => void;
  readonly info: (message: string, data?: unknown) => void;
  readonly warn: (message: string, data?: unknown) => void;
  readonly error: (message: string, data?: unknown) => void;
  readonly critical: (message: string, data?: unknown) => void;
}

/** Who and what is running. */
export interface RunInfo {
  readonly id: string;
  readonly parentRunId: string | null;
  readonly pipeline: string;
  readonly userId: string | null;
  readonly options: RunOptions;
}

/** What a step has at hand besides its inputs. */
export interface StepContext {
  readonly run: RunInfo;
  /** In `test`, the ledger says what would have been charged, and nothing is. */
  readonly billing: Billing;
  readonly log: StepLog;
  /** Fires when the run is cancelled or the step has used up its time; pass it to whatever waits. */
  readonly signal: AbortSignal;
  /** A secret from the runner's environment. It is masked wherever it would be stored. Throws `usage` when there is none. */
  readonly secret: (name: string) => string;
  /** The backend's tables, with the rights of a service. */
  readonly db: Holder['db'];
  /** Files: `storage.from('outputs').upload(…)`. */
  readonly storage: Holder['db']['storage'];
  /** The provider the run was started with, the bundled simulator unless it says otherwise. */
  readonly provider: Provider;
  /** As the global `fetch`. What is asked and answered is recorded, so that the run can be replayed. */
  readonly fetch: typeof fetch;
  /** Waits; a replay does not. Rejects when `signal` fires. */
  readonly sleep: (ms: number) => Promise<void>;
  /** A new id for a record: UUIDv7, so that ids sort as they were made. */
  readonly newId: () => string;
  /** Milliseconds since 1970, as `Date.now()`; in a replay those of the recording. */
  readonly now: () => number;
  /** As `Math.random()`; in a replay the numbers of the recording. */
  readonly random: () => number;
  /**
   * Says that the step has cost credits, charged or only noted; returns what the run has cost so far. Breakpoints on cost
   * count by it: what a pipeline writes into a ledger of its own nobody else can read.
   */
  readonly charge: (credits: number) => number;
  /** Ties the run to records of the program it tests; both are shown with it. */
  readonly link: (records: { readonly generationId?: string; readonly jobId?: string }) => void;
  /** An address of this run that webhooks can be posted to. Undefined when the provider could not reach it. */
  readonly webhooks: () => Promise<WebhookListener | undefined>;
}

/** A step of a pipeline, as {@link step} makes it. */
export interface Step {
  readonly key: string;
  readonly name: string;
  readonly description?: string | undefined;
  readonly display?: string | undefined;
  readonly aliases: readonly string[];
  readonly context: ExecutionContext;
  readonly effect: Effect;
  readonly timeoutMs?: number | undefined;
  readonly canEdit: boolean;
  readonly canRerun: boolean;
  readonly approval?: string | undefined;
  readonly schema?: z.ZodType | undefined;
  inputs(state: RunState): unknown;
  /** Why the step is not needed in this state; undefined when it is. */
  skip(state: RunState): string | undefined;
  readonly run?: ((inputs: unknown, context: StepContext) => unknown) | undefined;
  /** The part of the state that the outputs change. */
  state(outputs: unknown, state: RunState): RunState;
  readonly steps: readonly Step[];
  /** Stack where the step was declared, to find its source by. */
  readonly declaredAt: string;
}

/** A pipeline, as {@link definePipeline} makes it. */
export interface Pipeline {
  readonly key: string;
  readonly version: string;
  readonly title: string;
  readonly description?: string | undefined;
  readonly inputs: z.ZodType<JsonObject>;
  readonly example: JsonObject;
  readonly models: readonly string[];
  readonly steps: readonly Step[];
  readonly resumable: boolean;
  /** Puts right what a failed or cancelled run has left behind. */
  readonly onFailure?: ((state: RunState, failure: RunFailure, context: StepContext) => unknown) | undefined;
}

/** Why a run did not complete. */
export interface RunFailure {
  readonly step: string;
  readonly message: string;
  readonly cancelled: boolean;
}

/** What may be given to {@link Step.state} as an object to merge. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, Json>> {
  if (value === null || typeof value !== 'object') return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
