import type { JsonObject } from '../protocol/json.ts';
import type { OnLeaseEnd, RunMode, StepType } from '../protocol/vocabulary.ts';
import type { ExecutionStep, StepConfig } from './flow.ts';

export interface TrackerOptions {
  /** The run is marked as a test. Default true. */
  readonly testMode?: boolean | undefined;
  /** Credits are not deducted, only noted. Default: as `testMode`. */
  readonly skipBilling?: boolean | undefined;
  /** `auto` runs until something stops it, `step` holds before every step, `paused` before the next. Default `auto`. */
  readonly mode?: RunMode | undefined;
  /** Default true. When false nothing leaves the process. */
  readonly persistenceEnabled?: boolean | undefined;
  /** Name under which runs of this program are listed and breakpoints are kept. */
  readonly pipeline?: string | undefined;
  readonly inputs?: JsonObject | undefined;
  readonly onLeaseEnd?: OnLeaseEnd | undefined;
  /**
   * May the program be ended while the run is held before a step of its own level, and go on there with
   * `ExecutionTracker.resume()`? Its steps must come one after the other and return what can be recorded. Default false.
   */
  readonly resumable?: boolean | undefined;
  readonly environment?: string | undefined;
  readonly tags?: readonly string[] | undefined;
}

/** What a step's function is given. */
export interface StepScope<Inputs> {
  readonly step: ExecutionStep;
  /** The inputs to run with: those given, or as a person edited them while the run was held. */
  readonly inputs: Inputs;
  /** Aborted when the run is cancelled. */
  readonly signal: AbortSignal;
}

export interface LogOptions {
  readonly message: string;
  readonly logLevel?: string | undefined;
  readonly data?: unknown;
  readonly stepNumber?: number | undefined;
  readonly stepType?: StepType | undefined;
  readonly executionContext?: StepConfig['executionContext'];
  readonly functionName?: string | undefined;
  readonly filePath?: string | undefined;
  readonly lineNumber?: number | undefined;
  readonly durationMs?: number | undefined;
}
