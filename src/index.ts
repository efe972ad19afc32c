/*
 * What `import … from 'stepscope'` gives: declaring pipelines, and tracing programs of one's own.
 */
export { z } from 'zod';
export { UserError } from './protocol/error.ts';
export { Json, JsonObject } from './protocol/json.ts';

export { definePipeline, step } from './runner/define-pipeline.ts';
export type { InitialState, Pipeline, RunFailure, RunInfo, RunState, Step, StepContext } from './runner/pipeline.ts';
export { checkSchema, describeProblems } from './core/json-schema.ts';
export { endedPredictions, outputUrls, Prediction } from './runner/provider/prediction.ts';
export { verifyWebhook } from './runner/provider/verify-webhook.ts';

export { maskSensitiveData } from './core/mask.ts';
export type { MaskRules } from './core/mask.ts';
export { configure } from './tracker/configure.ts';
export type { TrackerConfiguration } from './tracker/configure.ts';
export { EnhancedExecutionTracker, ExecutionTracker } from './tracker/execution-tracker.ts';
export type { LogOptions, StepScope, TrackerOptions } from './tracker/tracker-options.ts';
export { createStepConfig } from './tracker/flow.ts';
export type { ExecutionFlow, ExecutionLog, ExecutionStep, LogFilterOptions, StepConfig } from './tracker/flow.ts';
export { RunCancelled } from './tracker/gate-keeper.ts';
