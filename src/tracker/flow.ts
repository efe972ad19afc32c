import type { Effect, ExecutionContext, LogLevel, RunMode, RunStatus, StepStatus, StepType } from '../protocol/vocabulary.ts';

/** A step as `tracker.getFlow()` shows it. Inputs, outputs and states are the program's own values, unmasked: they have not left it. */
export interface ExecutionStep {
  readonly id: string;
  /** Identity within the run: `validate_inputs`, `call_edge_function.authenticate`. */
  readonly key: string;
  readonly parentId: string | null;
  /** From 1, among the steps beside it. Sub-steps carry their step's number. */
  readonly stepNumber: number;
  /** What people see: `8`, `8e`. */
  readonly display: string;
  readonly stepName: string;
  readonly description: string | undefined;
  readonly stepType: StepType;
  readonly executionContext: ExecutionContext;
  readonly effect: Effect;
  readonly functionPath: string | undefined;
  readonly functionName: string | undefined;
  readonly status: StepStatus;
  readonly inputs: unknown;
  readonly outputs: unknown;
  readonly stateBefore: unknown;
  readonly stateAfter: unknown;
  readonly metadata: unknown;
  readonly error: string | undefined;
  readonly errorStack: string | undefined;
  readonly isEdited: boolean;
  readonly canEdit: boolean;
  readonly canRerun: boolean;
  readonly startedAt: string | null;
  readonly completedAt: string | null;
  readonly durationMs: number | null;
}

/** A run as `tracker.subscribe()` hands it on: a new object at every change. */
export interface ExecutionFlow {
  readonly testRunId: string;
  readonly modelRecordId: string;
  readonly modelName: string;
  readonly modelProvider: string;
  readonly modelContentType: string;
  readonly userId: string | null;
  readonly generationId: string | null;
  readonly status: RunStatus;
  readonly mode: RunMode;
  readonly testMode: boolean;
  readonly skipBilling: boolean;
  readonly steps: readonly ExecutionStep[];
  /** Index in `steps` of the step in flight or held; -1 when there is none. */
  readonly currentStepIndex: number;
  /** Where the run stops, as people type it: `3`, `8e`. */
  readonly breakpoints: readonly string[];
  readonly bookmarked: boolean;
  readonly bookmarkName: string | null;
  readonly tags: readonly string[];
  readonly notes: string | null;
  readonly startedAt: string | null;
  readonly completedAt: string | null;
  readonly totalDurationMs: number | null;
}

/** A log line as `subscribeToLogs` hands it on: as it was stored, masked. */
export interface ExecutionLog {
  readonly id: string;
  readonly timestamp: string;
  readonly stepNumber: number | null;
  readonly stepName: string | null;
  readonly stepType: StepType;
  readonly logLevel: LogLevel;
  readonly message: string;
  readonly data: unknown;
  readonly executionContext: ExecutionContext;
}

export interface LogFilterOptions {
  readonly level?: string | undefined;
  readonly context?: ExecutionContext | undefined;
  readonly stepNumber?: number | undefined;
  /** Looked for in the message, whatever its case. */
  readonly search?: string | undefined;
}

/** How a step is added. */
export interface StepConfig {
  readonly stepName: string;
  readonly description?: string | undefined;
  readonly functionPath?: string | undefined;
  readonly functionName?: string | undefined;
  readonly inputs?: unknown;
  /** Default true. */
  readonly canEdit?: boolean | undefined;
  readonly canRerun?: boolean | undefined;
  /** `sub` hangs it under `parentId`, else under the last main step. Default `main`. */
  readonly stepType?: StepType | undefined;
  readonly parentId?: string | undefined;
  /** Default `client`. `edge` and `db` are accepted for `edge_function` and `database`. */
  readonly executionContext?: ExecutionContext | 'edge' | 'db' | undefined;
  /** What running it again does to the world. Default `none`. */
  readonly effect?: Effect | undefined;
  readonly sourceCode?: string | undefined;
}

/** A {@link StepConfig} from its parts, in the order in which people say them. */
export function createStepConfig(
  stepName: string,
  description: string,
  functionPath: string,
  functionName: string,
  inputs: unknown,
  options: Pick<StepConfig, 'canEdit' | 'canRerun' | 'stepType' | 'executionContext' | 'sourceCode' | 'effect' | 'parentId'> = {},
): StepConfig {
  return { stepName, description, functionPath, functionName, inputs, ...options };
}

const contextNames: Readonly<Record<string, ExecutionContext>> = { edge: 'edge_function', db: 'database' };

/** The stored name of a context. */
export function contextOf(context: StepConfig['executionContext']): ExecutionContext {
  return contextNames[context ?? ''] ?? ((context ?? 'client') as ExecutionContext);
}
