import { z } from 'zod';

/** Any JSON value, as it travels and as it is stored. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
// Taken as it is: zod makes records anew and leaves the key `__proto__` out, which JSON may have like any other.
export const Json = z.unknown().refine(isJson, { error: 'is not JSON', abort: true }) as unknown as z.ZodType<Json>;

/** A JSON object: inputs, outputs, state and metadata are always one. */
export type JsonObject = { readonly [key: string]: Json };
export const JsonObject = z
  .unknown()
  .refine((value) => isJson(value) && isRecord(value), { error: 'is not a JSON object', abort: true })
  .meta({ type: 'object' }) as unknown as z.ZodType<JsonObject>;

function isJson(value: unknown): value is Json {
  if (Array.isArray(value)) return value.every(isJson);
  if (isRecord(value)) return Object.values(value).every(isJson);
  return value === null || typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** One operation of an RFC 6902 JSON Patch. `test`, `move` and `copy` are accepted in edits, never produced by us. */
export const PatchOperation = z.object({
  op: z.enum(['add', 'remove', 'replace', 'move', 'copy', 'test']),
  path: z.string(),
  from: z.string().optional(),
  value: Json.optional(),
});
export type PatchOperation = z.infer<typeof PatchOperation>;
