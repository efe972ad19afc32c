import type { Masker } from '../core/mask.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { OnLeaseEnd, RunMode, RunStatus } from '../protocol/vocabulary.ts';
import type { Answered, Asked } from './exchange-writer.ts';
import type { GateKeeper, RunCancelled } from './gate-keeper.ts';
import type { LogEntry, RunPatch, WrittenLog, WrittenStep } from './make-rows.ts';
import type { Rows, RunLink } from './sink.ts';
import type { StepSpec } from './step-spec.ts';
import type { TakenUp } from './taken-up.ts';

export interface RecorderOptions {
  readonly runId: string;
  readonly link: RunLink;
  readonly mode: RunMode;
  /** Where this run alone stops, by key or display. */
  readonly breakAt?: readonly string[] | undefined;
  readonly onLeaseEnd?: OnLeaseEnd | undefined;
  /** How long a held run waits for a person before `onLeaseEnd`; default {@link limits.leaseMs}. */
  readonly leaseMs?: number | undefined;
  readonly generationId?: string | null | undefined;
  readonly masker?: Masker | undefined;
  /** What conditions read of the run, besides what is recorded here: columns of its row. */
  readonly run?: JsonObject | undefined;
  /** Place of the first exchange recorded: those before it were recorded by others who held the run. Default 0. */
  readonly firstExchange?: number | undefined;
  /** May another process take the run up where it is held before this step? Default: no. */
  readonly isResumable?: ((step: StepSpec) => boolean) | undefined;
  /** For a run that another process has begun and left. */
  readonly takenUp?: TakenUp | undefined;
  /** Sees every row that is written, masked, after it was handed over. */
  readonly onRows?: ((rows: Rows) => void) | undefined;
  /** A person has cancelled the run. Its signal is aborted already; a held step is rejected afterwards. */
  readonly onCancel?: ((cancelled: RunCancelled) => void) | undefined;
}

/** A step under way. */
export interface OpenStep {
  readonly id: string;
  readonly spec: StepSpec;
  /** The real inputs, unmasked, with the edits made so far. */
  readonly inputs: Record<string, unknown>;
  readonly isEdited: boolean;
  readonly row: WrittenStep;
}

/**
 * Records one run: its steps, states and log lines, and holds it where it is told to.
 *
 * The one place in which rows are made, so the one place that masks. `ExecutionTracker` and the runner
 * stand on it.
 */
export interface RunRecorder {
  readonly runId: string;
  /** Aborted when the run is cancelled; its reason is a `RunCancelled`. */
  readonly signal: AbortSignal;
  readonly status: () => RunStatus;

  /** Hears commands and breakpoints from now on. Resolves once the first are in. */
  readonly listen: () => Promise<void>;
  /** Is the run held where another process can take it up? */
  readonly canBeTakenUp: () => boolean;
  /** Columns of the run that changed. */
  readonly patchRun: (patch: RunPatch) => void;
  /** The run is running. Steps do it by themselves. */
  readonly begin: () => void;

  /** A step that is to come. Nothing of it has happened. */
  readonly open: (spec: StepSpec, inputs: unknown) => OpenStep;
  /**
   * Stands before a step: passes at once, or holds until a command lets it pass. Resolves with the inputs to
   * run with, edited or not; rejects with `RunCancelled`. `state` is asked for only when the run holds.
   */
  readonly checkpoint: (
    step: OpenStep,
    state?: () => unknown,
  ) => Promise<{ readonly inputs: Record<string, unknown>; readonly isEdited: boolean }>;
  readonly setInputs: (step: OpenStep, inputs: unknown) => void;
  readonly start: (step: OpenStep, stateBefore?: unknown) => void;
  readonly complete: (
    step: OpenStep,
    result: { readonly outputs?: unknown; readonly stateAfter?: unknown; readonly metadata?: unknown },
  ) => void;
  /** With `isPassedOn` the failure is that of a sub-step, which the run has been told of. */
  readonly fail: (
    step: OpenStep,
    error: { readonly message: string; readonly stack?: string | undefined },
    options?: { readonly isPassedOn?: boolean },
  ) => void;
  /**
   * Holds after a step that has ended, when it or something since the last such place has met a breakpoint; rejects
   * with `RunCancelled`. Where nobody asks, the run is held before the next step instead.
   */
  readonly holdAfter: (step: OpenStep) => Promise<void>;
  /** Holds after a failure where a breakpoint on errors says so; returns when a command lets it pass. */
  readonly holdOnError: (step: OpenStep) => Promise<void>;
  readonly skip: (step: OpenStep, reason: string) => void;
  readonly cancelStep: (step: OpenStep) => void;
  /** A step whose result is taken from another run. `snapshot` is the other run's; its states are given whole. */
  readonly reuse: (
    spec: StepSpec,
    from: {
      readonly runId: string;
      readonly inputs: unknown;
      readonly outputs: unknown;
      readonly stateBefore: unknown;
      readonly stateAfter: unknown;
      readonly durationMs: number | null;
    },
  ) => OpenStep;

  /** Runs `work` so that log lines written within, however deep, belong to the step. */
  readonly within: <T>(step: OpenStep, work: () => T) => T;
  readonly currentStep: () => OpenStep | undefined;
  /** Writes a line of the run's log; of the step within which it is called, or of `step`. */
  readonly log: (entry: LogEntry, step?: OpenStep) => WrittenLog;

  /** Records something that the step within which it is called asks the outside world; call what it returns with the answer. */
  readonly exchange: (asked: Asked) => (answered: Answered) => void;

  /** Adds to what the run has cost, for breakpoints on it, and says so in the log; returns the sum. Credits, not negative. */
  readonly charge: (credits: number) => number;

  /** Steers the run from within the program, as a command would from outside. */
  readonly steer: GateKeeper['steer'];
  readonly toggleBreakAt: (target: string) => boolean;
  readonly breakAt: () => readonly string[];
  readonly cancel: (by?: string) => void;

  /** Ends the run and resolves when all of it is stored or spooled. A second end is left aside. */
  readonly end: (
    status: RunStatus,
    failure?: { readonly message: string; readonly stack?: string | undefined; readonly step?: OpenStep | undefined },
  ) => Promise<void>;
  readonly flush: () => Promise<void>;
  readonly close: () => Promise<void>;
}
