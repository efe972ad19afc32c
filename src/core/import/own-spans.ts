import type { Json, JsonObject } from '../../protocol/json.ts';
import type { LogRow, RunRow, StepRow } from '../../protocol/rows.ts';
import { ExecutionContext, finalRunStatuses, finalStepStatuses, RunStatus, StepStatus } from '../../protocol/vocabulary.ts';
import { isObject } from '../value-tags.ts';
import { attributesOf } from './otlp-values.ts';
import type { OtlpSpan } from './otlp-values.ts';

/*
 * What our own export says in attributes beside what OpenTelemetry has: with it a run comes back as it was, its span
 * as the run itself and not as a step. Attributes are outside data: what is not of its kind is passed over.
 */

/** The span of the run itself, when we have written this trace. */
export function runSpan<Span extends { readonly record: OtlpSpan }>(spans: readonly Span[]): Span | undefined {
  return spans.find(({ record }) => (record.parentSpanId ?? '') === '' && ownRunId(record) !== undefined);
}

export function ownRunId(record: OtlpSpan): string | undefined {
  const id = attributesOf(record.attributes)['stepscope.run.id'];
  return typeof id === 'string' && /^[\w.:-]{1,200}$/.test(id) ? id : undefined;
}

/** Of a step: its key, attempt and number as people say it. */
export function ownPlace(record: OtlpSpan): { readonly key: string | undefined; readonly display: string | undefined; readonly attempt: number } {
  const about = attributesOf(record.attributes);
  const attempt = about['stepscope.step.attempt'];
  return { key: text(about['stepscope.step.key']), display: text(about['stepscope.step.display']), attempt: typeof attempt === 'number' && Number.isInteger(attempt) && attempt > 0 ? attempt : 1 };
}

export function ownStep(about: JsonObject): Partial<StepRow> {
  const status = StepStatus.safeParse(about['stepscope.step.status']).data;
  return known({
    status,
    execution_context: ExecutionContext.safeParse(about['stepscope.step.context']).data,
    held_ms: number(about['stepscope.step.held_ms']),
    cpu_ms: number(about['stepscope.step.cpu_ms']),
    ...(status === undefined || finalStepStatuses.has(status) ? {} : { completed_at: null, duration_ms: null }),
  });
}

export function ownRun(about: JsonObject, resource: JsonObject): Partial<RunRow> {
  const status = RunStatus.safeParse(about['stepscope.run.status']).data;
  return known({
    status,
    parent_run_id: text(about['stepscope.run.parent_id']),
    inputs: objectIn(text(about['stepscope.run.inputs'])),
    model_name: text(about['gen_ai.request.model']),
    model_provider: text(about['gen_ai.provider.name']),
    git_commit: text(resource['vcs.ref.head.revision']),
    ...(status === undefined || finalRunStatuses.has(status) ? {} : { completed_at: null, total_duration_ms: null }),
  });
}

export function ownLog(about: JsonObject): Partial<LogRow> {
  return {
    data: about['stepscope.log.data'] ?? null,
    ...known({
      execution_context: ExecutionContext.safeParse(about['stepscope.log.context']).data,
      function_name: text(about['code.function.name']),
      file_path: text(about['code.file.path']),
      line_number: number(about['code.line.number']),
    }),
  };
}

const text = (value: Json | undefined): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
const number = (value: Json | undefined): number | undefined => (typeof value === 'number' && value >= 0 ? value : undefined);

function objectIn(json: string | undefined): JsonObject | undefined {
  try {
    const value = JSON.parse(json ?? 'null') as Json;
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function known<Row extends object>(row: Row): { [Key in keyof Row]?: Exclude<Row[Key], undefined> } {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)) as { [Key in keyof Row]?: Exclude<Row[Key], undefined> };
}
