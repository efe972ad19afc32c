import type { Json, JsonObject } from '../../protocol/json.ts';
import type { LogRow, RunRow, StepRow } from '../../protocol/rows.ts';
import type { TraceRow } from '../../protocol/trace.ts';
import { otelSeverity } from '../levels.ts';

/** What an OTLP document needs to know of the outside. */
export interface OtlpOptions {
  /** SHA-256 of a text, in hexadecimal. */
  readonly sha256: (text: string) => string;
  /** Our version, as that of the instrumentation. */
  readonly version: string;
}

/**
 * A run as OTLP/JSON: `resourceSpans` with a span for the run and one for each attempt at a step, and `resourceLogs` with its
 * log. https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 *
 * The trace id is the run's id when that is a UUID or 32 hexadecimal digits, else the first 16 bytes of its SHA-256. The
 * span id of a step is the first 8 bytes of the SHA-256 of its id, that of the run itself of `run ` and its id. Our own
 * attributes begin with `stepscope.`; 64-bit integers are texts, as the specification has them.
 */
export async function* otlpText(rows: AsyncIterable<readonly TraceRow[]>, { sha256, version }: OtlpOptions): AsyncGenerator<string> {
  const scope = JSON.stringify({ name: 'stepscope', version });
  const steps: StepRow[] = [];
  const spans = new Map<string, string>();
  let run: RunRow | undefined;
  let ids = { traceId: '', root: '' };
  let logs = 0;

  const spansText = (): string => {
    const { traceId, root } = ids;
    for (const step of steps) spans.set(step.step_key, spanIdOf(step.id, sha256));
    const own = [rootSpan(run!, ids), ...steps.map((step) => stepSpan(step, traceId, spanIdOf(step.id, sha256), parentSpan(step, steps, sha256) ?? root))];
    return `{"resourceSpans":[{"resource":${resourceOf(run!)},"scopeSpans":[{"scope":${scope},"spans":[\n${own.map((span) => JSON.stringify(span)).join(',\n')}\n]}]}]`;
  };

  let areSpansOut = false;
  for await (const some of rows) {
    let piece = '';
    for (const { table, row } of some) {
      if (table === 'test_execution_runs') {
        run = row as RunRow;
        ids = { traceId: traceIdOf(run.test_run_id, sha256), root: sha256(`run ${run.test_run_id}`).slice(0, 16) };
      } else if (table === 'test_execution_steps') steps.push(row as StepRow);
      else if (table === 'test_execution_logs') {
        if (!areSpansOut) piece += spansText();
        areSpansOut = true;
        piece += logs++ === 0 ? `,"resourceLogs":[{"resource":${resourceOf(run!)},"scopeLogs":[{"scope":${scope},"logRecords":[\n` : ',\n';
        const log = row as LogRow;
        piece += JSON.stringify(logRecord(log, ids.traceId, (log.step_key === null ? undefined : spans.get(log.step_key)) ?? ids.root));
      }
    }
    if (piece !== '') yield piece;
  }
  yield `${areSpansOut ? '' : spansText()}${logs > 0 ? '\n]}]}]' : ''}}\n`;
}

export function traceIdOf(runId: string, sha256: OtlpOptions['sha256']): string {
  const hex = runId.replaceAll('-', '').toLowerCase();
  return /^[0-9a-f]{32}$/.test(hex) && !/^0+$/.test(hex) ? hex : sha256(runId).slice(0, 32);
}

const spanIdOf = (stepId: string, sha256: OtlpOptions['sha256']): string => sha256(stepId).slice(0, 16);

/** The attempt at the parent in which this attempt was made: the last that began before it. */
function parentSpan(step: StepRow, steps: readonly StepRow[], sha256: OtlpOptions['sha256']): string | undefined {
  if (step.parent_step_key === null) return undefined;
  const attempts = steps.filter(({ step_key }) => step_key === step.parent_step_key);
  const before = attempts.filter(({ started_at }) => started_at !== null && (step.started_at === null || Date.parse(started_at) <= Date.parse(step.started_at)));
  const parent = before.toSorted((a, b) => a.attempt - b.attempt).at(-1) ?? attempts[0];
  return parent === undefined ? undefined : spanIdOf(parent.id, sha256);
}

function rootSpan(run: RunRow, { traceId, root }: { readonly traceId: string; readonly root: string }): JsonObject {
  return {
    traceId,
    spanId: root,
    name: run.pipeline_key ?? 'run',
    kind: 1,
    startTimeUnixNano: nanos(run.started_at ?? run.created_at),
    endTimeUnixNano: nanos(run.completed_at ?? run.updated_at),
    attributes: attributes({
      'stepscope.run.id': run.test_run_id,
      'stepscope.run.status': run.status,
      'stepscope.run.parent_id': run.parent_run_id,
      'stepscope.run.inputs': JSON.stringify(run.inputs),
      'gen_ai.request.model': run.model_name,
      'gen_ai.provider.name': run.model_provider,
    }),
    status: run.status === 'failed' ? { code: 2, message: run.error_message ?? '' } : run.status === 'completed' ? { code: 1 } : {},
    ...exceptionOf(run),
  };
}

function stepSpan(step: StepRow, traceId: string, spanId: string, parentSpanId: string): JsonObject {
  const began = step.started_at ?? step.created_at;
  return {
    traceId,
    spanId,
    parentSpanId,
    name: step.step_name,
    // Asking a provider is speaking to the outside; the rest happens within.
    kind: step.execution_context === 'provider' ? 3 : 1,
    startTimeUnixNano: nanos(began),
    endTimeUnixNano: nanos(step.completed_at ?? began),
    attributes: attributes({
      'stepscope.step.id': step.id,
      'stepscope.step.key': step.step_key,
      'stepscope.step.display': step.display,
      'stepscope.step.status': step.status,
      'stepscope.step.attempt': step.attempt,
      'stepscope.step.context': step.execution_context,
      'stepscope.step.held_ms': step.held_ms,
      'stepscope.step.cpu_ms': step.cpu_ms,
      'code.function.name': step.function_name,
      'code.file.path': step.file_path,
    }),
    status: step.status === 'failed' ? { code: 2, message: step.error_message ?? '' } : step.status === 'completed' || step.status === 'reused' ? { code: 1 } : {},
    ...exceptionOf(step),
  };
}

function exceptionOf(of: Pick<StepRow, 'error_message' | 'error_stack' | 'completed_at' | 'created_at'>): JsonObject {
  if (of.error_message === null) return {};
  const facts = attributes({ 'exception.message': of.error_message, 'exception.stacktrace': of.error_stack });
  return { events: [{ name: 'exception', timeUnixNano: nanos(of.completed_at ?? of.created_at), attributes: facts }] };
}

function logRecord(log: LogRow, traceId: string, spanId: string): JsonObject {
  return {
    timeUnixNano: nanos(log.timestamp),
    observedTimeUnixNano: nanos(log.created_at),
    severityNumber: otelSeverity[log.log_level],
    severityText: log.log_level.toUpperCase(),
    body: { stringValue: log.message },
    attributes: attributes({
      'stepscope.log.id': log.id,
      'stepscope.log.seq': log.seq,
      'stepscope.step.key': log.step_key,
      'stepscope.log.data': log.data,
      'stepscope.log.context': log.execution_context,
      'code.function.name': log.function_name,
      'code.file.path': log.file_path,
      'code.line.number': log.line_number,
    }),
    traceId,
    spanId,
  };
}

function resourceOf(run: RunRow): string {
  return JSON.stringify({
    attributes: attributes({
      'service.name': run.pipeline_key ?? 'stepscope',
      'service.version': run.pipeline_version,
      'deployment.environment.name': run.environment,
      'vcs.ref.head.revision': run.git_commit,
    }),
  });
}

function attributes(values: Readonly<Record<string, Json>>): readonly JsonObject[] {
  return Object.entries(values)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => ({ key, value: anyValueOf(value) }));
}

function anyValueOf(value: Json): JsonObject {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  if (value === null) return {};
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValueOf) } };
  return { kvlistValue: { values: Object.entries(value).map(([key, part]) => ({ key, value: anyValueOf(part) })) } };
}

/** Nanoseconds since 1970, as text, with the microseconds of the timestamp. */
function nanos(timestamp: string): string {
  const ms = Date.parse(timestamp);
  if (Number.isNaN(ms)) return '0';
  const below = /\.\d{3}(\d{1,6})/.exec(timestamp)?.[1]?.padEnd(6, '0') ?? '000000';
  return String(BigInt(ms) * 1_000_000n + BigInt(below));
}
