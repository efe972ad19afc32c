import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';

/*
 * The one door between outside data and SQL. A NUL or half a surrogate pair fails a whole statement, and
 * JSON nested some thousand deep makes the embedded database spin for ever, so both stop here.
 */

/** Most that one JSON value or text may be. */
export interface ValueLimits {
  /** Objects and arrays inside one another. */
  readonly depth: number;
  /** Keys and array elements, all together. */
  readonly keys: number;
  /** UTF-16 units of the JSON text: bytes, for the most part. */
  readonly length: number;
}

/**
 * What any single SQL parameter may be. Wider than the limits on one row, because a batch of rows travels
 * as one parameter; rows are checked one by one with {@link rowLimits}.
 */
export const parameterLimits: ValueLimits = {
  depth: limits.jsonDepth + 8,
  keys: limits.jsonKeys * 100,
  // A blob in base64, and the row around it.
  length: limits.blobBytes * 1.5,
};

/** What one row may be. Snapshot blobs are strings and only measured by the column's own limit. */
export const rowLimits: ValueLimits = { depth: limits.jsonDepth, keys: limits.jsonKeys, length: limits.eventBytes };

/** What a NUL becomes; Postgres has no place for it, in text and in JSON. */
const NUL_REPLACEMENT = '\u{fffd}';
/** Escapes that jsonb refuses, and some that it does not: worth a closer look. */
const suspectEscape = /\\u(?:0000|[dD][89a-fA-F])/;

/** Text as Postgres can store it: no NUL, no lone surrogates. */
export function sanitiseText(text: string): string {
  const wellFormed = text.isWellFormed() ? text : text.toWellFormed();
  return wellFormed.includes('\0') ? wellFormed.replaceAll('\0', NUL_REPLACEMENT) : wellFormed;
}

/**
 * JSON text of a value, as `jsonb` can store it.
 *
 * @throws UserError `too-large` beyond the limits.
 */
export function sanitiseJson(value: unknown, max: ValueLimits = parameterLimits): string {
  measureValue(value, max);
  const text = JSON.stringify(value) ?? 'null';
  assertLength(text, max);
  return suspectEscape.test(text) ? JSON.stringify(clean(value)) : text;
}

/**
 * The same for a value that is JSON text already. Text that is no JSON passes: Postgres says so better.
 *
 * @throws UserError `too-large` beyond the limits.
 */
export function sanitiseJsonText(text: string, max: ValueLimits = parameterLimits): string {
  assertLength(text, max);
  measureText(text, max);
  if (!suspectEscape.test(text)) return sanitiseText(text);
  try {
    return JSON.stringify(clean(JSON.parse(text)));
  } catch {
    return sanitiseText(text);
  }
}

/** Refuses a value beyond the limits, without recursion: the value may be a million deep. */
export function measureValue(value: unknown, max: ValueLimits): void {
  if (typeof value !== 'object' || value === null) return;
  let keys = 0;
  let level: object[] = [value];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > max.depth) throw tooDeep(max);
    const next: object[] = [];
    for (const parent of level) {
      const children = Array.isArray(parent) ? parent : Object.values(parent);
      keys += children.length;
      if (keys > max.keys) throw tooManyKeys(max);
      for (const child of children) if (typeof child === 'object' && child !== null) next.push(child);
    }
    level = next;
  }
}

function measureText(text: string, max: ValueLimits): void {
  let depth = 0;
  let keys = 0;
  let inString = false;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (inString) {
      if (unit === 0x5c) i += 1;
      else if (unit === 0x22) inString = false;
    } else if (unit === 0x22) inString = true;
    else if (unit === 0x5b || unit === 0x7b) {
      depth += 1;
      if (depth > max.depth) throw tooDeep(max);
    } else if (unit === 0x5d || unit === 0x7d) depth -= 1;
    else if (unit === 0x2c) {
      keys += 1;
      if (keys > max.keys) throw tooManyKeys(max);
    }
  }
}

/** Rebuilds a value with clean strings and keys. Recursive: the depth is known to be small by now. */
function clean(value: unknown): unknown {
  if (typeof value === 'string') return sanitiseText(value);
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== 'object' || value === null) return value;
  if ('toJSON' in value && typeof value.toJSON === 'function') return clean(value.toJSON());
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [sanitiseText(key), clean(child)]));
}

function assertLength(text: string, max: ValueLimits): void {
  if (text.length <= max.length) return;
  throw new UserError('too-large', `${text.length} characters of JSON, more than the ${max.length} allowed`, {
    hint: 'Store large values as snapshot blobs, or store less',
  });
}

function tooDeep(max: ValueLimits): UserError {
  return new UserError('too-large', `JSON nested deeper than ${max.depth}`, { hint: 'Flatten the value, or store it as text' });
}

function tooManyKeys(max: ValueLimits): UserError {
  return new UserError('too-large', `JSON of more than ${max.keys} keys and elements`, { hint: 'Store a part of the value' });
}
