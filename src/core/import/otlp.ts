import type { Json, JsonObject } from '../../protocol/json.ts';
import type { LogRow, RunRow, StepRow } from '../../protocol/rows.ts';
import type { TraceRow } from '../../protocol/trace.ts';
import type { ExecutionContext, LogLevel } from '../../protocol/vocabulary.ts';
import { levelOfSeverity, parseLevel } from '../levels.ts';
import { isObject } from '../value-tags.ts';
import type { ImportContext } from './blank-rows.ts';
import { blankLog, blankRun, blankSnapshot, blankStep } from './blank-rows.ts';
import { anyValue, attributesOf, nanosOf } from './otlp-values.ts';
import type { OtlpDocument, OtlpLog, OtlpSpan } from './otlp-values.ts';
import { ownLog, ownRun, ownStep, runSpan } from './own-spans.ts';
import { placeSpans } from './place-spans.ts';
import type { Placed, Told } from './place-spans.ts';
import { ofNanos } from './times.ts';
import type { Imported } from './transcript.ts';

/** Spans and records that are held at once. */
export const MOST_RECORDS = 500_000;

/** Spans and log records of one trace. Records that name none are under the id ''. */
export interface OtlpTrace {
  readonly traceId: string;
  readonly spans: Told<OtlpSpan>[];
  readonly logs: Told<OtlpLog>[];
}

/** Sorts what a collector was sent by trace. Several documents may be added, one after the other. */
export function addDocument(traces: Map<string, OtlpTrace>, document: OtlpDocument): void {
  const of = (traceId: string): OtlpTrace => {
    const found = traces.get(traceId) ?? { traceId, spans: [], logs: [] };
    traces.set(traceId, found);
    return found;
  };
  for (const { resource, scopeSpans } of document.resourceSpans ?? []) {
    const about = attributesOf(resource?.attributes);
    for (const { scope, spans } of scopeSpans) for (const record of spans) of(record.traceId).spans.push({ record, resource: about, scope: scope?.name });
  }
  for (const { resource, scopeLogs } of document.resourceLogs ?? []) {
    const about = attributesOf(resource?.attributes);
    for (const { scope, logRecords } of scopeLogs) for (const record of logRecords) of(record.traceId ?? '').logs.push({ record, resource: about, scope: scope?.name });
  }
}

/** A trace as a run: a step for each span, below that of its parent, and a log line for each record and event. */
export function runOfTrace(trace: OtlpTrace, context: ImportContext): Imported {
  const whole = runSpan(trace.spans);
  const isOurs = whole !== undefined;
  const placed = placeSpans(trace.spans.filter((span) => span !== whole), isOurs);
  // Of spans with one id the first, as for their children.
  const keys = new Map(placed.toReversed().map((one) => [one.span.record.spanId, one]));
  let seq = 1;
  const rows: TraceRow[] = [];
  const logs: { readonly nanos: bigint | undefined; readonly row: (seq: number) => LogRow }[] = [];
  for (const [ordinal, one] of placed.entries()) {
    const step = stepOf(one, ordinal, ++seq, context, isOurs);
    rows.push({ table: 'test_execution_steps', row: step as unknown as JsonObject });
    const { inputs, outputs } = inputsAndOutputs(attributesOf(one.span.record.attributes));
    if (inputs !== null || outputs !== null) rows.push({ table: 'test_execution_snapshots', row: blankSnapshot(context, step, { inputs, outputs }) as unknown as JsonObject });
    for (const event of one.span.record.events ?? []) {
      const attributes = attributesOf(event.attributes);
      const isException = event.name === 'exception';
      // Ours says once more what the step says of its error.
      if (isOurs && isException) continue;
      logs.push({
        nanos: nanosOf(event.timeUnixNano),
        row: (at) => logOf({ context, seq: at, nanos: nanosOf(event.timeUnixNano), place: one, level: isException ? 'error' : 'info', message: (isException ? textIn(attributes, 'exception.message') : undefined) ?? event.name ?? 'event', data: attributes, imported: { event: event.name ?? null } }),
      });
    }
  }
  for (const { record, resource, scope } of trace.logs) {
    const { traceId: _, spanId, timeUnixNano, observedTimeUnixNano, severityNumber, severityText, body, attributes, ...rest } = record;
    const nanos = nanosOf(timeUnixNano) ?? nanosOf(observedTimeUnixNano);
    const said = anyValue(body);
    const imported = { ...rest, ...(severityText === undefined ? {} : { severityText }), ...(scope === undefined ? {} : { scope }), ...(trace.spans.length === 0 ? { resource } : {}) } as JsonObject;
    logs.push({
      nanos,
      row: (at) =>
        logOf({ own: isOurs ? ownLog(attributesOf(attributes)) : undefined, context, seq: at, nanos, place: spanId === undefined ? undefined : keys.get(spanId), level: severityOf(severityNumber, severityText), message: typeof said === 'string' ? said : (record.eventName ?? JSON.stringify(said)), data: { ...attributesOf(attributes), ...(isObject(said) ? { body: said } : {}) }, imported }),
    });
  }
  const counts: Record<string, number> = {};
  for (const { row } of logs.toSorted((a, b) => (a.nanos ?? 0n) < (b.nanos ?? 0n) ? -1 : (a.nanos ?? 0n) > (b.nanos ?? 0n) ? 1 : 0)) {
    const log = row(++seq);
    counts[log.log_level] = (counts[log.log_level] ?? 0) + 1;
    rows.push({ table: 'test_execution_logs', row: log as unknown as JsonObject });
  }
  return { run: runRow(trace, placed, whole, counts, seq + 1, context), rows: inTableOrder(rows) };
}

function stepOf({ span: { record, scope, resource }, key, parent, display, number, attempt }: Placed, ordinal: number, seq: number, context: ImportContext, isOurs: boolean): StepRow {
  const { name, startTimeUnixNano, endTimeUnixNano, attributes, status, events, traceId: _, ...rest } = record;
  const begun = nanosOf(startTimeUnixNano);
  const ended = notBefore(begun, nanosOf(endTimeUnixNano));
  const about = attributesOf(attributes);
  const failed = status?.code === 2 || status?.code === 'STATUS_CODE_ERROR';
  const exception = events?.find((event) => event.name === 'exception');
  const facts = attributesOf(exception?.attributes);
  return blankStep(context, {
    ...(attempt === 1 ? {} : { id: context.idOf(`step ${key} ${attempt}`), attempt }),
    step_key: key,
    parent_step_key: parent ?? null,
    display,
    step_number: number,
    step_name: name,
    step_type: parent === undefined ? 'main' : 'sub',
    execution_context: contextOf(about),
    function_name: textIn(about, 'code.function.name') ?? textIn(about, 'code.function') ?? null,
    file_path: textIn(about, 'code.file.path') ?? textIn(about, 'code.filepath') ?? null,
    ordinal,
    seq,
    status: failed ? 'failed' : ended === undefined ? 'cancelled' : 'completed',
    error_message: failed ? (status?.message ?? textIn(facts, 'exception.message') ?? 'The span says that it failed.') : null,
    error_stack: textIn(facts, 'exception.stacktrace') ?? null,
    started_at: begun === undefined ? null : ofNanos(begun),
    completed_at: ended === undefined ? null : ofNanos(ended),
    duration_ms: begun === undefined || ended === undefined ? null : Number(ended - begun) / 1e6,
    // The nanoseconds as they were: a database keeps microseconds.
    metadata: { imported: { ...rest, startTimeUnixNano, endTimeUnixNano, attributes: about, scope, service: resource['service.name'] } } as unknown as JsonObject,
    ...(isOurs ? ownStep(about) : {}),
  });
}

function runRow(trace: OtlpTrace, placed: readonly Placed[], whole: Told<OtlpSpan> | undefined, counts: Readonly<Record<string, number>>, seq: number, context: ImportContext): RunRow {
  const roots = placed.filter(({ parent }) => parent === undefined);
  const times = [...(whole === undefined ? placed.map(({ span }) => span) : [whole]).map((span) => span.record), ...(whole === undefined ? trace.logs : []).map(({ record }) => ({ startTimeUnixNano: record.timeUnixNano, endTimeUnixNano: record.timeUnixNano }))];
  const begun = times.flatMap(({ startTimeUnixNano }) => nanosOf(startTimeUnixNano) ?? []);
  const ended = times.flatMap(({ endTimeUnixNano }) => nanosOf(endTimeUnixNano) ?? []);
  const first = begun.reduce<bigint | undefined>((least, one) => (least === undefined || one < least ? one : least), undefined);
  const last = notBefore(first, ended.reduce<bigint | undefined>((most, one) => (most === undefined || one > most ? one : most), undefined));
  const failed = roots.find(({ span }) => span.record.status?.code === 2 || span.record.status?.code === 'STATUS_CODE_ERROR');
  const resource = (trace.spans[0] ?? trace.logs[0])?.resource ?? {};
  return blankRun(context, {
    pipeline_key: textIn(resource, 'service.name') ?? 'otlp',
    pipeline_version: textIn(resource, 'service.version') ?? null,
    environment: textIn(resource, 'deployment.environment.name') ?? textIn(resource, 'deployment.environment') ?? null,
    status: failed === undefined ? 'completed' : 'failed',
    failed_step: failed?.key ?? null,
    failed_step_number: failed?.number ?? null,
    error_message: failed === undefined ? null : (failed.span.record.status?.message ?? 'The span says that it failed.'),
    total_steps: roots.length,
    completed_steps: roots.filter((root) => root !== failed).length,
    log_counts: counts,
    execution_data: { imported: { format: 'otlp', name: context.name, traceId: trace.traceId, resource } },
    started_at: first === undefined ? null : ofNanos(first),
    completed_at: last === undefined ? null : ofNanos(last),
    total_duration_ms: first === undefined || last === undefined ? null : Number(last - first) / 1e6,
    seq,
    ...(whole === undefined ? {} : { error_message: whole.record.status?.message ?? null, total_steps: new Set(roots.map(({ key }) => key)).size, ...ownRun(attributesOf(whole.record.attributes), resource) }),
  });
}

function logOf(told: { readonly own?: Partial<LogRow> | undefined; readonly context: ImportContext; readonly seq: number; readonly nanos: bigint | undefined; readonly place: Placed | undefined; readonly level: LogLevel; readonly message: string; readonly data: JsonObject; readonly imported: JsonObject }): LogRow {
  const { context, seq, nanos, place, level, message, data, imported } = told;
  return blankLog(context, {
    seq,
    step_key: place?.key ?? null,
    step_number: place?.number ?? null,
    step_name: place?.span.record.name ?? null,
    log_level: level,
    message,
    data: Object.keys(data).length === 0 ? null : data,
    metadata: { imported: { ...imported, ...(nanos === undefined ? {} : { timeUnixNano: String(nanos) }) } },
    timestamp: nanos === undefined ? context.now : ofNanos(nanos),
    ...told.own,
  });
}

/** Clocks of two machines differ: what ended before it began took no time. What the sender said stands in the metadata. */
function notBefore(begun: bigint | undefined, ended: bigint | undefined): bigint | undefined {
  return begun !== undefined && ended !== undefined && ended < begun ? begun : ended;
}

function severityOf(number: number | string | undefined, text: string | undefined): LogLevel {
  if (typeof number === 'number' && number > 0) return levelOfSeverity(number);
  // Names of the enumeration, as some senders write them: SEVERITY_NUMBER_WARN2.
  const word = typeof number === 'string' ? number.replace(/^SEVERITY_NUMBER_/, '').replace(/\d$/, '') : (text ?? '');
  return parseLevel(word) ?? 'info';
}

const contextOf = (attributes: JsonObject): ExecutionContext =>
  'gen_ai.system' in attributes || 'gen_ai.provider.name' in attributes ? 'provider' : 'db.system' in attributes || 'db.system.name' in attributes ? 'database' : 'server';

/** Under these names instrumentations put what a model was asked, and what it said. */
const asked = ['gen_ai.input.messages', 'gen_ai.prompt', 'input.value', 'traceloop.entity.input'];
const said = ['gen_ai.output.messages', 'gen_ai.completion', 'output.value', 'traceloop.entity.output'];

function inputsAndOutputs(attributes: JsonObject): { readonly inputs: JsonObject | null; readonly outputs: JsonObject | null } {
  const among = (names: readonly string[]): JsonObject | null => {
    const found = names.filter((name) => Object.hasOwn(attributes, name)).map((name): [string, Json] => [name, attributes[name]!]);
    return found.length === 0 ? null : Object.fromEntries(found);
  };
  return { inputs: among(asked), outputs: among(said) };
}

function textIn(attributes: JsonObject, name: string): string | undefined {
  const value = attributes[name];
  return typeof value === 'string' ? value : undefined;
}

function inTableOrder(rows: readonly TraceRow[]): readonly TraceRow[] {
  const order = ['test_execution_steps', 'test_execution_snapshots', 'test_execution_logs'];
  return order.flatMap((table) => rows.filter((row) => row.table === table));
}
