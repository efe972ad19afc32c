import { connectBackend } from '../client/connect-backend.ts';
import { blobText } from '../client/snapshots.ts';
import { decodeValue } from '../core/decode-value.ts';
import { fromManifest } from '../core/manifest.ts';
import type { Json } from '../protocol/json.ts';
import { UserError } from '../protocol/error.ts';
import type { StepRow } from '../protocol/rows.ts';
import { RunOptions } from '../protocol/run-request.ts';
import type { Trace } from '../protocol/trace.ts';
import { findTarget, tellTrouble } from './configure.ts';
import type { ExecutionFlow, ExecutionStep } from './flow.ts';

/** A stored run as a flow, with everything it had: undefined when there is none of that id, or no backend, which is then told. */
export async function readFlow(testRunId: string): Promise<{ readonly flow: ExecutionFlow; readonly trace: Trace } | undefined> {
  const target = findTarget();
  if ('missing' in target) {
    tellTrouble(`runs cannot be read: ${target.missing}. Start a backend with \`stepscope\`, or call configure({ url, key }).`);
    return undefined;
  }
  const backend = await connectBackend({ url: target.url, key: target.secretKey });
  try {
    const trace = await backend.trace(testRunId);
    return { flow: await flowOf(trace), trace };
  } catch (error) {
    if (error instanceof UserError && error.code === 'not-found') return undefined;
    if (error instanceof UserError && error.code === 'unavailable') {
      tellTrouble(`runs cannot be read: ${error.message}`);
      return undefined;
    }
    throw error;
  } finally {
    await backend.close();
  }
}

async function flowOf(trace: Trace): Promise<ExecutionFlow> {
  const { run } = trace;
  const texts = new Map<string, string>();
  for (const blob of trace.blobs) texts.set(blob.hash, await blobText(blob));
  const whole = (stored: Json | null) => {
    const json = fromManifest(stored, (hash) => texts.get(hash));
    return json === null ? undefined : decodeValue(json);
  };
  const rows = trace.steps.toSorted((a, b) => a.ordinal - b.ordinal || a.attempt - b.attempt);
  const steps = rows.map((row): ExecutionStep => {
    const snapshot = trace.snapshots.find((one) => one.step_key === row.step_key && one.attempt === row.attempt);
    return {
      ...stepFacts(row),
      parentId: rows.findLast((one) => one.step_key === row.parent_step_key)?.id ?? null,
      inputs: whole(snapshot?.inputs ?? null),
      outputs: whole(snapshot?.outputs ?? null),
      stateBefore: whole(snapshot?.state_before ?? null),
      stateAfter: whole(snapshot?.state_after ?? null),
    };
  });
  const options = RunOptions.safeParse(run.execution_data['options'] ?? {});
  return {
    testRunId: run.test_run_id,
    modelRecordId: run.model_record_id ?? '',
    modelName: run.model_name ?? '',
    modelProvider: run.model_provider ?? '',
    modelContentType: run.model_content_type ?? '',
    userId: run.admin_user_id,
    generationId: run.generation_id,
    status: run.status,
    mode: run.mode,
    testMode: run.test_mode_enabled,
    skipBilling: run.skip_billing,
    steps,
    currentStepIndex: steps.findIndex((step) => step.status === 'held' || step.status === 'running'),
    breakpoints: breakpointsOf(run.execution_data['breakpoints']) ?? (options.success ? options.data.breakAt : []),
    bookmarked: run.bookmarked,
    bookmarkName: run.bookmark_name,
    tags: run.tags,
    notes: run.notes,
    startedAt: run.started_at,
    completedAt: run.completed_at,
    totalDurationMs: run.total_duration_ms,
  };
}

function stepFacts(row: StepRow): Omit<ExecutionStep, 'parentId' | 'inputs' | 'outputs' | 'stateBefore' | 'stateAfter'> {
  return {
    id: row.id,
    key: row.step_key,
    stepNumber: row.step_number,
    display: row.display,
    stepName: row.step_name,
    description: row.description ?? undefined,
    stepType: row.step_type,
    executionContext: row.execution_context,
    effect: row.effect,
    functionPath: row.file_path ?? undefined,
    functionName: row.function_name ?? undefined,
    status: row.status,
    metadata: row.metadata,
    error: row.error_message ?? undefined,
    errorStack: row.error_stack ?? undefined,
    isEdited: row.is_edited,
    canEdit: row.can_edit,
    canRerun: row.can_rerun,
    startedAt: row.started_at,
    completedAt: row.completed_at,
    durationMs: row.duration_ms,
  };
}

function breakpointsOf(stored: Json | undefined): readonly string[] | undefined {
  return Array.isArray(stored) ? stored.map(String) : undefined;
}
