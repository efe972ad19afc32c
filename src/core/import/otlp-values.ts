import { z } from 'zod';
import type { Json, JsonObject } from '../../protocol/json.ts';

/*
 * The JSON encoding of OpenTelemetry's messages, as far as we read it: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 * 64-bit integers are texts, or numbers where a sender does it its own way; see `parseExactJson` for those.
 */

/** `fixed64`: until the year 2554. */
const MOST_NANOS = 2n ** 64n - 1n;
const Nanos = z
  .union([z.string().regex(/^\d+$/, 'is no number of nanoseconds'), z.number().nonnegative()], 'is no number of nanoseconds')
  .refine((nanos) => (typeof nanos === 'number' ? BigInt(Math.round(nanos)) : nanos.length > 20 ? MOST_NANOS + 1n : BigInt(nanos)) <= MOST_NANOS, 'is more nanoseconds since 1970 than 64 bits hold')
  .optional();
const Attributes = z.array(z.looseObject({ key: z.string(), value: z.unknown() })).optional();

export const OtlpSpan = z.looseObject({
  traceId: z.string().min(1),
  spanId: z.string().min(1),
  parentSpanId: z.string().optional(),
  name: z.string(),
  kind: z.union([z.int(), z.string()]).optional(),
  startTimeUnixNano: Nanos,
  endTimeUnixNano: Nanos,
  attributes: Attributes,
  events: z.array(z.looseObject({ name: z.string().optional(), timeUnixNano: Nanos, attributes: Attributes })).optional(),
  status: z.looseObject({ code: z.union([z.int(), z.string()]).optional(), message: z.string().optional() }).optional(),
});
export type OtlpSpan = z.infer<typeof OtlpSpan>;

export const OtlpLog = z.looseObject({
  traceId: z.string().optional(),
  spanId: z.string().optional(),
  timeUnixNano: Nanos,
  observedTimeUnixNano: Nanos,
  severityNumber: z.union([z.int(), z.string()]).optional(),
  severityText: z.string().optional(),
  body: z.unknown().optional(),
  attributes: Attributes,
  eventName: z.string().optional(),
});
export type OtlpLog = z.infer<typeof OtlpLog>;

const Resource = z.looseObject({ attributes: Attributes }).optional();
const Scope = z.looseObject({ name: z.string().optional(), version: z.string().optional() }).optional();

/** What a collector is sent: spans, log records, or both. */
export const OtlpDocument = z.looseObject({
  resourceSpans: z.array(z.looseObject({ resource: Resource, scopeSpans: z.array(z.looseObject({ scope: Scope, spans: z.array(OtlpSpan).default([]) })).default([]) })).optional(),
  resourceLogs: z.array(z.looseObject({ resource: Resource, scopeLogs: z.array(z.looseObject({ scope: Scope, logRecords: z.array(OtlpLog).default([]) })).default([]) })).optional(),
});
export type OtlpDocument = z.infer<typeof OtlpDocument>;

/** Attributes as an object. An integer that a number would round stays a text; of a key that comes twice the last counts. */
export function attributesOf(attributes: z.infer<typeof Attributes>): JsonObject {
  return Object.fromEntries((attributes ?? []).map(({ key, value }) => [key, anyValue(value)]));
}

/** One `AnyValue`. Of a kind we do not know the whole is kept. */
export function anyValue(value: unknown): Json {
  if (typeof value !== 'object' || value === null) return null;
  const { stringValue, intValue, doubleValue, boolValue, bytesValue, arrayValue, kvlistValue } = value as Readonly<Record<string, Json | undefined>>;
  if (stringValue !== undefined) return stringValue;
  if (boolValue !== undefined) return boolValue;
  if (doubleValue !== undefined) return doubleValue;
  if (intValue !== undefined) return Number.isSafeInteger(Number(intValue)) ? Number(intValue) : (intValue as string);
  if (bytesValue !== undefined) return { $bytes: bytesValue };
  if (arrayValue !== undefined) return (((arrayValue as JsonObject | null)?.['values'] ?? []) as readonly Json[]).map(anyValue);
  if (kvlistValue !== undefined) return attributesOf(((kvlistValue as JsonObject | null)?.['values'] ?? []) as unknown as z.infer<typeof Attributes>);
  return value as Json;
}

/** Nanoseconds since 1970; undefined when there are none. */
export function nanosOf(value: string | number | undefined): bigint | undefined {
  if (value === undefined) return undefined;
  const nanos = BigInt(typeof value === 'number' ? Math.round(value) : value);
  return nanos === 0n ? undefined : nanos;
}
