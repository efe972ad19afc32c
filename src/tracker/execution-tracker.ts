import { createMasker } from '../core/mask.ts';
import type { Masker } from '../core/mask.ts';
import { parseLevel } from '../core/levels.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Trace } from '../protocol/trace.ts';
import type { RunMode, RunStatus } from '../protocol/vocabulary.ts';
import { finalRunStatuses } from '../protocol/vocabulary.ts';
import { currentConfiguration } from './configure.ts';
import type { ExecutionFlow, ExecutionLog, ExecutionStep, LogFilterOptions, StepConfig } from './flow.ts';
import { contextOf } from './flow.ts';
import { newId } from './ids.ts';
import { createListeners } from './listeners.ts';
import { createLocalTrace } from './local-trace.ts';
import type { LocalTrace } from './local-trace.ts';
import { readFlow } from './load-flow.ts';
import { withinPatience } from './patience.ts';
import { watchProcessEnd } from './process-end.ts';
import type { RunPatch } from './make-rows.ts';
import type { OpenStep, RunRecorder } from './recorder.ts';
import { createRunRecorder } from './run-recorder.ts';
import type { PortLink } from './run-port.ts';
import { linkOnUse } from './tracker-link.ts';
import type { LogOptions, StepScope, TrackerOptions } from './tracker-options.ts';
import type { Facts } from './tracker-rows.ts';
import { failureOf, firstRow, logView } from './tracker-rows.ts';
import { outputsMark, resumeRun, valueOf } from './resume-run.ts';
import type { ResumedRun } from './resume-run.ts';
import { createStepPlan } from './step-plan.ts';
import type { StepPlan } from './step-plan.ts';

/** What the tracker that is being made goes on with: its constructor is public, and takes what seed documents say. */
let beingResumed: ResumedRun | undefined;

/** How long the first checkpoint waits to hear of breakpoints, and the end of a process for its last rows. */
const PATIENCE_MS = 2_000;

/**
 * Records one run of a program, step by step, and lets a person hold it, look at it and change it.
 *
 * Making one reads and writes nothing; the first step or log line does. Rows go to the backend of
 * {@link configure} behind the program's back and masked. When there is none, the tracker works within the
 * process and says so once on standard error; a backend that fails never fails the program.
 *
 * @example
 * const tracker = new ExecutionTracker('flux', 'FLUX.1', 'replicate', 'prompt_to_image', userId, { mode: 'auto' });
 * await tracker.step('Validate', { inputs }, ({ inputs }) => validate(inputs));
 * await tracker.complete();
 */
export class ExecutionTracker {
  readonly testRunId: string;
  readonly #facts: Facts;
  readonly #options: TrackerOptions;
  readonly #masker: Masker;
  readonly #link: PortLink;
  readonly #recorder: RunRecorder;
  readonly #plan: StepPlan;
  readonly #trace: LocalTrace;
  readonly #flowListeners = createListeners<ExecutionFlow>();
  readonly #logListeners = createListeners<ExecutionLog>();
  /** Errors that a sub-step has recorded, on their way up. */
  readonly #passedOn = new Set<unknown>();
  #mode: RunMode;
  #listening: Promise<void> | undefined;
  #unwatch: (() => void) | undefined;
  #loaded: ExecutionFlow | undefined;
  readonly #resumed: ResumedRun | undefined;

  constructor(
    modelRecordId: string,
    modelName: string,
    modelProvider: string,
    modelContentType: string,
    userId: string | null = null,
    options: TrackerOptions = {},
  ) {
    this.#resumed = beingResumed;
    this.testRunId = beingResumed?.flow.testRunId ?? newId();
    this.#facts = { modelRecordId, modelName, modelProvider, modelContentType, userId };
    this.#options = options;
    this.#mode = options.mode ?? 'auto';
    this.#masker = createMasker(currentConfiguration().mask);
    this.#trace = createLocalTrace(this.testRunId);
    this.#link = linkOnUse({ runId: this.testRunId, pipelineKey: options.pipeline ?? null, isKept: options.persistenceEnabled !== false, holderId: this.#resumed?.holderId });
    this.#recorder = createRunRecorder({
      runId: this.testRunId,
      link: this.#link,
      mode: this.#mode,
      onLeaseEnd: options.onLeaseEnd,
      isResumable: options.resumable ? ({ depth }) => depth === 0 : undefined,
      takenUp: this.#resumed?.takenUp,
      masker: this.#masker,
      onRows: (rows) => {
        this.#trace.add(rows);
        if (rows.run?.mode !== undefined) this.#mode = rows.run.mode;
        for (const log of rows.logs ?? []) this.#logListeners.tell(logView(log));
        if (rows.run !== undefined || rows.steps !== undefined) this.#tellFlow();
      },
      // A program that never comes to another checkpoint would leave its run open.
      onCancel: () => void this.#recorder.end('cancelled'),
    });
    this.#plan = createStepPlan(this.#masker.text);
  }

  /** Adds a step that is to come. Nothing of it happens yet. */
  addStep(config: StepConfig): ExecutionStep {
    const parent = config.parentId === undefined ? undefined : this.#plan.get(config.parentId);
    const spec = this.#plan.place(config, parent);
    const open = this.#recorder.open(spec, config.inputs);
    this.#plan.add(open, config);
    if (spec.depth === 0) this.#begin({ total_steps: this.#plan.mainCount() });
    return this.#plan.view(open.id);
  }

  /**
   * Stands before a step: passes, or holds until a person lets it pass. Resolves with the inputs to run with,
   * which a person may have edited. Rejects with `RunCancelled`.
   */
  async checkpoint<Inputs = Record<string, unknown>>(step: Pick<ExecutionStep, 'id'>, state?: () => unknown): Promise<Inputs> {
    this.#begin();
    await this.#listening;
    const { inputs } = await this.#recorder.checkpoint(this.#open(step.id), state);
    return inputs as Inputs;
  }

  startStep(stepId: string, stateBeforeStep?: unknown): void {
    this.#begin();
    const open = this.#open(stepId);
    this.#plan.change(stepId, { stateBefore: stateBeforeStep });
    this.#recorder.start(open, stateBeforeStep);
  }

  completeStep(stepId: string, outputs?: unknown, stateAfterStep?: unknown, metadata?: unknown): void {
    this.#plan.change(stepId, { outputs, stateAfter: stateAfterStep, metadata });
    this.#recorder.complete(this.#open(stepId), { outputs, stateAfter: stateAfterStep, metadata });
  }

  /** Fails a step, and with a step of the run's own level the run. */
  failStep(stepId: string, errorMessage: string, errorStack?: string): void {
    const open = this.#open(stepId);
    const failure = { message: errorMessage, stack: errorStack };
    this.#recorder.fail(open, failure);
    if (open.spec.depth === 0) void this.#recorder.end('failed', { ...failure, step: open });
  }

  /**
   * Runs a function as a step: held at the gate before it, started, and ended however the function ends, so
   * that no step stays open. Called within another step's function it is a sub-step of it; log lines
   * written within are the step's.
   *
   * Returns what the function returns, and throws what it throws.
   */
  async step<Inputs, Outputs>(
    name: string,
    options: Omit<StepConfig, 'stepName' | 'inputs'> & { readonly inputs: Inputs; readonly state?: (() => unknown) | undefined },
    work: (scope: StepScope<Inputs>) => Outputs | Promise<Outputs>,
  ): Promise<Outputs>;
  async step<Outputs>(name: string, work: (scope: StepScope<Record<string, unknown>>) => Outputs | Promise<Outputs>): Promise<Outputs>;
  async step(name: string, ...rest: readonly unknown[]): Promise<unknown> {
    const work = rest.at(-1) as (scope: StepScope<unknown>) => unknown;
    const { state, ...config } = (rest.length > 1 ? rest[0] : {}) as Omit<StepConfig, 'stepName'> & { readonly state?: () => unknown };
    const parent = this.#recorder.currentStep();
    const step = this.addStep({
      ...config,
      stepName: name,
      ...(parent === undefined || config.parentId !== undefined ? {} : { parentId: parent.id, stepType: 'sub' as const }),
    });
    const open = this.#open(step.id);
    const ended = this.#resumed?.ended.get(open.spec.key);
    if (ended !== undefined) return this.#asItEnded(step.id, ended);
    try {
      const inputs = await this.checkpoint(step, state);
      this.startStep(step.id, state?.());
      const outputs = await this.#recorder.within(open, () =>
        work({ step: this.#plan.view(step.id), inputs, signal: this.#recorder.signal }),
      );
      this.completeStep(step.id, outputs, state?.(), this.#options.resumable ? outputsMark(outputs) : undefined);
      await this.#recorder.holdAfter(open);
      return outputs;
    } catch (error) {
      if (this.#recorder.signal.aborted) this.#recorder.cancelStep(open);
      else {
        this.#recorder.fail(open, failureOf(error), { isPassedOn: this.#passedOn.has(error) });
        this.#passedOn.add(error);
        await this.#recorder.holdOnError(open);
      }
      throw error;
    }
  }

  /** Holds the run before its next step, or before the given one: its number, display (`8e`), key or id. 0 is the next. */
  pause(atStep?: number | string): void {
    this.#begin();
    this.#recorder.steer('pause', atStep === undefined || atStep === 0 ? undefined : this.#plan.target(String(atStep)));
  }

  resume(): void {
    this.#recorder.steer('continue');
  }

  /** Lets the step the run is held before pass, and holds before the one after it. */
  stepForward(): void {
    this.#recorder.steer('next');
  }

  /** Ends the run as cancelled. A checkpoint that holds, or comes later, rejects with `RunCancelled`. */
  cancel(): void {
    this.#recorder.cancel();
  }

  /** Sets a breakpoint of this run before a step, or takes it away. True when it is set now. */
  toggleBreakpoint(step: number | string): boolean {
    const isSet = this.#recorder.toggleBreakAt(this.#plan.target(String(step)));
    this.#begin({ execution_data: this.#executionData() });
    return isSet;
  }

  /** Says that the run has cost credits; returns the sum so far. Breakpoints on cost count by it. */
  charge(credits: number): number {
    this.#begin();
    return this.#recorder.charge(credits);
  }

  /** Changes what a step that has not started will run with. */
  updateStepInputs(stepId: string, inputs: unknown): void {
    this.#plan.change(stepId, { inputs });
    this.#recorder.setInputs(this.#open(stepId), inputs);
  }

  log(entry: LogOptions): void {
    this.#begin();
    const step = entry.stepNumber === undefined ? undefined : this.#plan.byNumber(entry.stepNumber);
    this.#recorder.log(
      {
        message: entry.message,
        level: entry.logLevel,
        data: entry.data,
        type: entry.stepType,
        context: entry.executionContext === undefined ? undefined : contextOf(entry.executionContext),
        functionName: entry.functionName,
        filePath: entry.filePath,
        lineNumber: entry.lineNumber,
        durationMs: entry.durationMs,
      },
      step,
    );
  }

  /** Called at every change of the run, until unsubscribed. */
  subscribe(listener: (flow: ExecutionFlow) => void): () => void {
    return this.#flowListeners.add(listener);
  }

  /** Called once for every log line, until unsubscribed. */
  subscribeToLogs(listener: (log: ExecutionLog) => void): () => void {
    return this.#logListeners.add(listener);
  }

  /** Keeps the run from being cleaned up, under a name. */
  async bookmark(name: string, tags: readonly string[] = [], notes?: string): Promise<void> {
    this.#begin({ bookmarked: true, bookmark_name: name, tags: [...tags], ...(notes === undefined ? {} : { notes }) });
    await this.#recorder.flush();
  }

  setGenerationId(generationId: string): void {
    this.#begin({ generation_id: generationId });
  }

  getFlow(): ExecutionFlow {
    if (this.#loaded !== undefined) return this.#loaded;
    const run = this.#trace.run();
    const steps = this.#plan.views();
    return {
      testRunId: this.testRunId,
      ...this.#facts,
      generationId: run.generation_id ?? null,
      status: run.status ?? 'pending',
      mode: this.#mode,
      testMode: this.#options.testMode ?? true,
      skipBilling: this.#options.skipBilling ?? this.#options.testMode ?? true,
      steps,
      currentStepIndex: steps.findIndex((step) => step.status === 'held' || step.status === 'running'),
      breakpoints: this.#recorder.breakAt(),
      bookmarked: run.bookmarked ?? false,
      bookmarkName: run.bookmark_name ?? null,
      tags: run.tags ?? this.#options.tags ?? [],
      notes: run.notes ?? null,
      startedAt: run.started_at ?? null,
      completedAt: run.completed_at ?? null,
      totalDurationMs: run.total_duration_ms ?? null,
    };
  }

  getStep(stepId: string): ExecutionStep | undefined {
    return this.getFlow().steps.find((step) => step.id === stepId);
  }

  /** Lines written so far, oldest first. A long run keeps its newest 50,000 in memory; all of them are stored. */
  getLogs(filter: LogFilterOptions = {}): readonly ExecutionLog[] {
    const level = filter.level === undefined ? undefined : parseLevel(filter.level);
    const search = filter.search?.toLowerCase();
    return this.#trace
      .logs()
      .filter((log) => level === undefined || log.log_level === level)
      .filter((log) => filter.context === undefined || log.execution_context === filter.context)
      .filter((log) => filter.stepNumber === undefined || log.step_number === filter.stepNumber)
      .filter((log) => search === undefined || log.message.toLowerCase().includes(search))
      .map(logView);
  }

  /** The run as a trace file, masked: JSON that `stepscope import` and the terminal read. */
  export(): string {
    if (this.#loaded === undefined && this.#listening === undefined) this.#trace.add({ run: this.#firstRow });
    return JSON.stringify(this.#trace.export(), null, 2);
  }

  /** Ends the run. Resolves when all of it is stored. A run that `failStep` has failed stays failed. */
  async complete(): Promise<void> {
    this.#begin();
    await this.#recorder.end('completed');
    this.#unwatch?.();
  }

  /** Ends what is open and lets go: nothing is recorded or told afterwards. */
  async cleanup(): Promise<void> {
    if (this.#unwatch !== undefined) {
      await this.#recorder.end(this.#endingStatus());
      this.#unwatch();
    }
    this.#flowListeners.clear();
    this.#logListeners.clear();
    await this.#recorder.close();
  }

  /**
   * The stored run as it was: ids, order, contexts, mode and states included. To look at; it does not run on.
   * Undefined when there is none, or no backend to read from, which is then said on standard error.
   */
  static async loadFromDatabase(testRunId: string): Promise<ExecutionTracker | undefined> {
    const loaded = await readFlow(testRunId);
    if (loaded === undefined) return undefined;
    const { flow, trace } = loaded;
    const tracker = new this(flow.modelRecordId, flow.modelName, flow.modelProvider, flow.modelContentType, flow.userId, {
      mode: flow.mode,
      testMode: flow.testMode,
      skipBilling: flow.skipBilling,
      persistenceEnabled: false,
    });
    tracker.#restore(flow, trace);
    return tracker;
  }

  /**
   * Goes on with a run of this program that was held before a step when its process ended, and had said
   * `resumable: true`. Run the same steps again: those that have ended return what they returned, without their
   * functions being called, and the run is held again where it was. `resumed` has the state from there.
   *
   * Throws `UserError`: `not-found`, and `conflict` when the run cannot be taken up or another process has it.
   */
  static async resume(testRunId: string, options: Pick<TrackerOptions, 'onLeaseEnd' | 'resumable'> = {}): Promise<ExecutionTracker> {
    const resumed = await resumeRun(testRunId);
    const { flow } = resumed;
    beingResumed = resumed;
    try {
      return new this(flow.modelRecordId, flow.modelName, flow.modelProvider, flow.modelContentType, flow.userId, {
        mode: flow.mode,
        testMode: flow.testMode,
        skipBilling: flow.skipBilling,
        pipeline: resumed.pipelineKey,
        resumable: true,
        onLeaseEnd: resumed.onLeaseEnd,
        ...options,
      });
    } finally {
      beingResumed = undefined;
    }
  }

  /** Where a run that was taken up goes on; undefined for others. */
  get resumed(): { readonly step: ExecutionStep; readonly state: unknown } | undefined {
    const step = this.#resumed?.heldBefore;
    return step && { step, state: step.stateBefore };
  }

  #asItEnded(stepId: string, ended: ExecutionStep): unknown {
    this.#begin();
    const { outputs, stateBefore, stateAfter } = ended;
    this.#plan.change(stepId, { outputs, stateBefore, stateAfter });
    if (ended.status === 'failed') throw new Error(ended.error ?? `step ${ended.display} failed`);
    return valueOf(ended);
  }

  #restore(flow: ExecutionFlow, trace: Trace): void {
    Object.defineProperty(this, 'testRunId', { value: flow.testRunId });
    this.#loaded = flow;
    this.#trace.restore(trace);
  }

  /** Writes the run's row the first time, and what is given of it. */
  #begin(patch: RunPatch = {}): void {
    if (this.#loaded !== undefined) throw new Error('this run was loaded to be looked at; make a new tracker to record one');
    if (this.#listening !== undefined) {
      if (Object.keys(patch).length > 0) this.#recorder.patchRun(patch);
      return;
    }
    this.#unwatch = watchProcessEnd({
      onIdle: async () => {
        await this.#recorder.end(this.#endingStatus());
        this.#unwatch?.();
      },
      onExit: (how) => this.#endNow(how),
    });
    if (this.#resumed === undefined || Object.keys(patch).length > 0) this.#recorder.patchRun({ ...(this.#resumed === undefined ? this.#firstRow : {}), ...patch });
    this.#listening = withinPatience(this.#recorder.listen(), PATIENCE_MS);
    this.#recorder.begin();
  }

  get #firstRow(): RunPatch {
    return firstRow(this.#facts, this.#options, { mode: this.#mode, data: this.#executionData() });
  }

  #executionData(): JsonObject {
    return { tracedBy: 'tracker', breakpoints: [...this.#recorder.breakAt()] };
  }

  /** How a run ends that nobody has ended. */
  #endingStatus(): RunStatus {
    const steps = this.#plan.views();
    if (steps.some((step) => step.status === 'failed')) return 'failed';
    return steps.some((step) => step.status === 'running' || step.status === 'held') ? 'interrupted' : 'completed';
  }

  #endNow(how: { readonly code: number; readonly error: unknown } | { readonly signal: NodeJS.Signals }): void {
    // Held where it can be taken up it stays, whatever becomes of the process.
    if (!finalRunStatuses.has(this.#recorder.status()) && !this.#recorder.canBeTakenUp()) {
      if ('signal' in how) void this.#recorder.end('interrupted', { message: `the program was ended by ${how.signal}` });
      else if (how.error !== undefined) void this.#recorder.end('failed', failureOf(how.error));
      else if (how.code !== 0) void this.#recorder.end('failed', { message: `the program ended with status ${how.code}` });
      else void this.#recorder.end(this.#endingStatus());
    }
    this.#link.flushNow(PATIENCE_MS);
  }

  #open(stepId: string): OpenStep {
    return this.#plan.get(stepId);
  }

  #tellFlow(): void {
    if (this.#flowListeners.count() > 0) this.#flowListeners.tell(this.getFlow());
  }
}

/** The seed documents' name. */
export { ExecutionTracker as EnhancedExecutionTracker };
