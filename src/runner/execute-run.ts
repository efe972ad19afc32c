import { decodeObject } from '../core/decode-value.ts';
import { encodeObject } from '../core/encode-value.ts';
import { applyPatch } from '../core/json-diff.ts';
import { checkSchema, describeProblems } from '../core/json-schema.ts';
import { UserError } from '../protocol/error.ts';
import type { JsonObject } from '../protocol/json.ts';
import { limits } from '../protocol/limits.ts';
import type { OpenStep, RunRecorder } from '../tracker/recorder.ts';
import { stateLimits } from '../tracker/snapshot-writer.ts';
import { specsOf, type StepSpec } from '../tracker/step-spec.ts';
import type { PlacedStep } from './describe-pipeline.ts';
import type { ForkStart } from './fork.ts';
import { maskedTexts, refuseLostValues } from './lost-values.ts';
import { isPlainObject, type InitialState, type Pipeline, type RunFailure, type RunState } from './pipeline.ts';
import { putRight } from './put-right.ts';
import { refuseCircular } from './refuse-circular.ts';
import type { StepContexts } from './step-context.ts';
import { limited, timeoutError, type Watch } from './time-limit.ts';
import { messageOf, stackOf } from './user-stack.ts';

export interface ExecuteOptions {
  readonly pipeline: Pipeline;
  readonly steps: readonly PlacedStep[];
  readonly initial: InitialState;
  readonly fork: ForkStart | undefined;
  /** A replay waits for nobody. */
  readonly asksNobody?: boolean | undefined;
  /** The run was held by another process at the step that `fork` names, and is now held by us. */
  readonly isTakenUp?: boolean | undefined;
  /** Inputs in the place of those that the state gives, by step, encoded: those that people had edited in a run that is replayed. */
  readonly edits?: Readonly<Record<string, JsonObject>> | undefined;
  readonly recorder: RunRecorder;
  readonly contexts: StepContexts;
  readonly watch: Watch;
  /** How long `onFailure` of the pipeline may take. */
  readonly onFailureMs?: number | undefined;
  /** Logs what was printed so far without an end of line. */
  readonly flushOutput: () => void;
}

/** Executes the steps of a pipeline in order and ends the run in the record, however it ends. */
export async function executeRun(options: ExecuteOptions): Promise<void> {
  const { pipeline, steps, fork, recorder, contexts, watch } = options;
  const specs = specsOf(steps.map((one) => one.definition));
  const reused = new Set(fork?.reused);
  const entered = new Set(fork?.entered);
  const masked = maskedTexts(fork?.state ?? null);
  let state: RunState = fork?.state ? decodeObject(fork.state) : { ...options.initial };
  /** The innermost step that failed. */
  let failed: OpenStep | undefined;

  try {
    recorder.begin();
    for (const placed of steps) await runStep(placed);
    await contexts.settled();
    await recorder.end('completed');
  } catch (error) {
    await endBadly(error);
  }

  async function runStep(placed: PlacedStep): Promise<void> {
    const { key } = placed.definition;
    if (reused.has(key)) return;
    const { opened, reason } = await prepare(placed);
    if (reason !== undefined) return recorder.skip(opened, reason);
    try {
      const gate = entered.has(key) ? opened : await Promise.race([recorder.checkpoint(opened, () => state), watch.crashed]);
      recorder.start(opened, state);
      const outputs = entered.has(key) || !placed.step.run ? undefined : await work(placed, opened, gate.inputs);
      for (const inner of placed.steps) await runStep(inner);
      recorder.complete(opened, { outputs: outputs === undefined ? {} : outputs, stateAfter: state });
      await recorder.holdAfter(opened);
    } catch (error) {
      await fail(opened, error);
      throw error;
    }
  }

  /** Opens the step with its inputs, or with the reason not to run it. */
  async function prepare(placed: PlacedStep): Promise<{ readonly opened: OpenStep; readonly reason: string | undefined }> {
    const { step, definition } = placed;
    const spec = { ...specWithSource(specs.get(definition.key)!, placed), ...(options.asksNobody && { approval: undefined }) };
    try {
      const isForkPoint = fork?.step === definition.key;
      return await limited(
        () => {
          // Where it was held it had come to run.
          const reason = options.isTakenUp && (isForkPoint || entered.has(definition.key)) ? undefined : step.skip(state);
          if (reason !== undefined) return { opened: recorder.open(spec, {}), reason };
          const inputs = isForkPoint && fork.inputs ? decodeObject(fork.inputs) : step.inputs(state);
          const opened = recorder.open(spec, inputs);
          if (isForkPoint && fork.patch.length > 0) recorder.setInputs(opened, decodeObject(applyPatch(encodeObject(inputs, stateLimits), fork.patch) as JsonObject));
          const edited = options.edits?.[definition.key];
          if (edited !== undefined) recorder.setInputs(opened, decodeObject(edited));
          return { opened, reason: undefined };
        },
        limitsOf(placed),
      );
    } catch (error) {
      const opened = recorder.open(spec, {});
      await fail(opened, error);
      throw error;
    }
  }

  async function work(placed: PlacedStep, opened: OpenStep, inputs: Record<string, unknown>): Promise<unknown> {
    const { step, definition } = placed;
    const checked = checkInputs(placed, inputs);
    if (fork) refuseLostValues(definition.display, inputs, masked);
    const outputs = await limited((signal) => recorder.within(opened, () => step.run!(checked, contexts.contextFor(signal))), limitsOf(placed))
      // What it printed without an end of line is still its own.
      .finally(() => recorder.within(opened, options.flushOutput));
    refuseCircular(outputs, placed);
    const change = step.state(outputs, state);
    state = { ...state, ...change };
    return isPlainObject(outputs) || outputs === undefined ? (outputs ?? {}) : { [step.key]: outputs };
  }

  function limitsOf(placed: PlacedStep): Parameters<typeof limited>[1] {
    const timeoutMs = placed.definition.timeoutMs ?? limits.stepTimeoutMs;
    return { timeoutMs, cancelled: recorder.signal, watch, timeoutError: () => timeoutError(placed, timeoutMs) };
  }

  /** Marks the step; the steps around it are marked with it, without repeating its line in the log. */
  async function fail(opened: OpenStep, error: unknown): Promise<void> {
    if (recorder.signal.aborted) return recorder.cancelStep(opened);
    if (failed !== undefined) return recorder.fail(opened, { message: `step ${failed.spec.display} failed: ${messageOf(error)}` });
    failed = opened;
    recorder.fail(opened, { message: messageOf(error), stack: stackOf(error) });
    if (error instanceof UserError && error.hint !== undefined) recorder.log({ message: `What to try: ${error.hint}` }, opened);
    await recorder.holdOnError(opened);
  }

  async function endBadly(error: unknown): Promise<void> {
    const cancelled = recorder.signal.aborted;
    const failure: RunFailure = { step: failed?.spec.key ?? '', message: messageOf(cancelled ? recorder.signal.reason : error), cancelled };
    await putRight({ pipeline, state, failure, recorder, contexts, watch: { ...watch, crashed: new Promise(() => {}) }, onFailureMs: options.onFailureMs });
    await contexts.settled();
    if (cancelled) {
      recorder.log({ level: 'warn', message: failure.message });
      return recorder.end('cancelled');
    }
    return recorder.end('failed', { message: failure.message, stack: stackOf(error), step: failed });
  }
}

/** The inputs as the step's schema gives them back. Throws `usage` with path and reason. */
function checkInputs({ step, definition }: PlacedStep, inputs: Record<string, unknown>): unknown {
  if (step.schema === undefined) return inputs;
  const result = step.schema.safeParse(inputs);
  if (result.success) return result.data;
  const problems = definition.inputSchema ? checkSchema(encodeObject(inputs), definition.inputSchema) : [];
  const reasons = problems.length > 0 ? problems : result.error.issues.map(({ path, message }) => ({ path: path.join('.'), reason: message }));
  throw new UserError('usage', `the inputs of step ${definition.display} do not fit: ${describeProblems(reasons)}`);
}

function specWithSource(spec: StepSpec, { source }: PlacedStep): StepSpec {
  if (source === undefined) return spec;
  return { ...spec, source: { code: source.code, firstLine: source.firstLine, highlightFrom: source.firstLine, highlightTo: source.lastLine } };
}
