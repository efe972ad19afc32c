import type { Json, JsonObject } from '../protocol/json.ts';
import { limits } from '../protocol/limits.ts';
import { pointer } from './json-diff.ts';
import { isObject, isTagged, tagSet } from './value-tags.ts';

export interface EncodeLimits {
  /** Nesting; deeper values become `$truncated`. */
  readonly depth?: number;
  /** Object keys in all; the rest becomes `$truncated`. */
  readonly keys?: number;
  /** UTF-16 units of text and about as many for structure; the rest becomes `$truncated`. */
  readonly size?: number;
}

/** Left for what the value is put into: a row, a batch. */
const DEPTH_OF_ENVELOPE = 8;

/**
 * Any JavaScript value as JSON that can be turned back: dates, bigints, NaN, Infinity, -0, undefined, maps,
 * sets, byte strings, errors, regular expressions and circular references survive as tagged objects;
 * functions, symbols and promises keep their name.
 *
 * Never throws: a getter that does becomes `$unreadable`, what exceeds a limit `{"$truncated": size}`.
 * Objects of classes become plain ones. Text is made well-formed and free of NUL, which no database stores.
 */
export function encodeValue(value: unknown, options: EncodeLimits = {}): Json {
  const budget = {
    depth: options.depth ?? limits.jsonDepth - DEPTH_OF_ENVELOPE,
    keys: options.keys ?? limits.jsonKeys,
    size: options.size ?? limits.eventBytes,
  };
  return encode(value, [], new Map(), budget);
}

/** As {@link encodeValue}, for what must be an object: anything else is wrapped as `{value}`. */
export function encodeObject(value: unknown, options: EncodeLimits = {}): JsonObject {
  if (value === undefined || value === null) return {};
  const encoded = encodeValue(value, options);
  return isObject(encoded) && !isTagged(encoded) ? encoded : { value: encoded };
}

/** Text as a database and a socket can carry it: well-formed, without NUL. */
export function storableText(text: string): string {
  const whole = text.isWellFormed() ? text : text.toWellFormed();
  return whole.includes('\u0000') ? whole.replaceAll('\u0000', '␀') : whole;
}

interface Budget {
  readonly depth: number;
  keys: number;
  size: number;
}

function encode(value: unknown, path: readonly (string | number)[], ancestors: Map<object, string>, budget: Budget): Json {
  switch (typeof value) {
    case 'string':
      return encodeText(value, budget);
    case 'boolean':
      budget.size -= 5;
      return value;
    case 'number':
      budget.size -= 8;
      return Number.isFinite(value) && !Object.is(value, -0) ? value : { $number: Object.is(value, -0) ? '-0' : String(value) };
    case 'bigint':
      return { $bigint: String(value) };
    case 'undefined':
      return { $undefined: true };
    case 'symbol':
      return { $symbol: storableText(value.description ?? '') };
    case 'function':
      return { $function: storableText(value.name) };
    case 'object':
      return value === null ? null : encodeContainer(value, path, ancestors, budget);
  }
}

function encodeText(text: string, budget: Budget): Json {
  if (text.length > budget.size) return { $truncated: text.length };
  budget.size -= text.length + 3;
  return storableText(text);
}

function encodeContainer(value: object, path: readonly (string | number)[], ancestors: Map<object, string>, budget: Budget): Json {
  const seenAt = ancestors.get(value);
  if (seenAt !== undefined) return { $ref: seenAt };
  if (path.length >= budget.depth || budget.size <= 0) return { $truncated: sizeOf(value) };
  ancestors.set(value, pointer(path));
  try {
    return encodeKnown(value, path, ancestors, budget) ?? encodeFields(value, path, ancestors, budget);
  } catch (error) {
    return { $unreadable: storableText(error instanceof Error ? error.message : 'it cannot be read') };
  } finally {
    ancestors.delete(value);
  }
}

function encodeKnown(value: object, path: readonly (string | number)[], ancestors: Map<object, string>, budget: Budget): Json | undefined {
  const inside = (part: unknown, ...steps: (string | number)[]) => encode(part, [...path, ...steps], ancestors, budget);
  if (Array.isArray(value)) return encodeList(value, path, ancestors, budget);
  if (value instanceof Date) return { $date: Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString() };
  if (value instanceof Map) return { $map: encodeList([...value], [...path, '$map'], ancestors, budget) };
  if (value instanceof Set) return { $set: encodeList([...value], [...path, '$set'], ancestors, budget) };
  if (value instanceof RegExp) return { $regexp: String(value) };
  if (value instanceof URL) return { $url: encodeText(value.href, budget) };
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    const bytes = ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : new Uint8Array(value);
    if (bytes.length * 1.4 > budget.size) return { $truncated: bytes.length };
    return { $bytes: encodeText(base64(bytes), budget) };
  }
  if (value instanceof Error) {
    const fields: Record<string, unknown> = { name: value.name, message: value.message, stack: value.stack };
    if (value.cause !== undefined) fields['cause'] = value.cause;
    Object.assign(fields, value);
    const encoded: Record<string, Json> = {};
    for (const [key, part] of Object.entries(fields)) if (part !== undefined) encoded[key] = inside(part, '$error', key);
    return { $error: encoded };
  }
  if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet) return { $class: value.constructor.name };
  return undefined;
}

function encodeList(list: readonly unknown[], path: readonly (string | number)[], ancestors: Map<object, string>, budget: Budget): Json {
  const encoded: Json[] = [];
  for (let i = 0; i < list.length; i++) {
    if (budget.size <= 0) {
      encoded.push({ $truncated: list.length - i });
      break;
    }
    budget.size -= 1;
    encoded.push(encode(list[i], [...path, i], ancestors, budget));
  }
  return encoded;
}

function encodeFields(value: object, path: readonly (string | number)[], ancestors: Map<object, string>, budget: Budget): Json {
  const keys = Object.keys(value);
  const isEscaped = keys.length === 1 && tagSet.has(keys[0]!);
  const here = isEscaped ? [...path, '$object'] : path;
  const encoded: Record<string, Json> = Object.create(null) as Record<string, Json>;
  for (const [done, key] of keys.entries()) {
    if (budget.keys <= 0 || budget.size <= 0) {
      encoded['$truncated keys'] = keys.length - done;
      break;
    }
    budget.keys -= 1;
    budget.size -= key.length + 4;
    encoded[storableText(key)] = encodeField(value, key, here, ancestors, budget);
  }
  const fields = Object.fromEntries(Object.entries(encoded));
  return isEscaped ? { $object: fields } : fields;
}

function encodeField(owner: object, key: string, path: readonly (string | number)[], ancestors: Map<object, string>, budget: Budget): Json {
  let part: unknown;
  try {
    part = (owner as Record<string, unknown>)[key];
  } catch (error) {
    return { $unreadable: storableText(error instanceof Error ? error.message : 'its getter threw') };
  }
  return encode(part, [...path, key], ancestors, budget);
}

function sizeOf(value: object): number {
  if (Array.isArray(value)) return value.length;
  if (value instanceof Map || value instanceof Set) return value.size;
  try {
    return Object.keys(value).length;
  } catch {
    return 0;
  }
}

function base64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}
