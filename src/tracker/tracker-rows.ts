import { hostname } from 'node:os';
import type { JsonObject } from '../protocol/json.ts';
import type { RunMode } from '../protocol/vocabulary.ts';
import type { ExecutionLog } from './flow.ts';
import type { RunPatch, WrittenLog } from './make-rows.ts';
import type { TrackerOptions } from './tracker-options.ts';

/** What a tracker is made of; the seed documents' five arguments. */
export interface Facts {
  readonly modelRecordId: string;
  readonly modelName: string;
  readonly modelProvider: string;
  readonly modelContentType: string;
  readonly userId: string | null;
}

/** The row of a run that a tracker begins. */
export function firstRow(
  facts: Facts,
  options: TrackerOptions,
  execution: { readonly mode: RunMode; readonly data: JsonObject },
): RunPatch {
  const { testMode = true, skipBilling = testMode, pipeline, inputs, onLeaseEnd, environment, tags } = options;
  const { modelRecordId, modelName, modelProvider, modelContentType, userId } = facts;
  return {
    model_record_id: modelRecordId,
    model_name: modelName,
    model_provider: modelProvider,
    model_content_type: modelContentType,
    // Seed clients pass any string; the column takes a user's id.
    admin_user_id: userId !== null && /^[0-9a-f-]{36}$/i.test(userId) ? userId : null,
    status: 'pending',
    mode: execution.mode,
    test_mode_enabled: testMode,
    skip_billing: skipBilling,
    billing: skipBilling ? 'test' : 'enforced',
    pipeline_key: pipeline ?? null,
    inputs: inputs ?? {},
    on_lease_end: onLeaseEnd ?? 'hold',
    environment: environment ?? process.env['NODE_ENV'] ?? null,
    tags: [...(tags ?? [])],
    user_agent: `node ${process.version} on ${hostname()}`,
    execution_data: execution.data,
  };
}

/** A stored line as `subscribeToLogs` hands it on. */
export function logView(log: WrittenLog): ExecutionLog {
  return {
    id: log.id,
    timestamp: log.timestamp,
    stepNumber: log.step_number,
    stepName: log.step_name,
    stepType: log.step_type,
    logLevel: log.log_level,
    message: log.message,
    data: log.data,
    executionContext: log.execution_context,
  };
}

/** Message and stack of whatever was thrown. */
export function failureOf(error: unknown): { readonly message: string; readonly stack?: string | undefined } {
  return error instanceof Error ? { message: error.message, stack: error.stack } : { message: String(error) };
}
