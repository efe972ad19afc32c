import type { Json, JsonObject } from '../../protocol/json.ts';
import type { CompareOptions } from './comparison.ts';

/** When two JSON values count as the same one. */
export interface Equality {
  /** Key order does not matter; numbers within the tolerance are equal; a secret is its masked text. */
  equal(a: Json, b: Json): boolean;
  /** Equal values have equal hashes. Looks at most four levels deep: it sorts candidates, `equal` decides. */
  hash(value: Json): number;
  /** Values met on the way that were too large to be recorded on both sides: as large, and nobody knows more. */
  readonly unknown: ReadonlySet<Json>;
}

const HASHED_LEVELS = 4;
const HASHED_CHARACTERS = 128;

export function jsonEquality(tolerance: CompareOptions['tolerance'] = {}): Equality {
  const absolute = tolerance.absolute ?? 0;
  const relative = tolerance.relative ?? 0;
  const isExact = absolute === 0 && relative === 0;
  const unknown = new Set<Json>();

  const close = (a: number, b: number): boolean => Math.abs(a - b) <= Math.max(absolute, relative * Math.max(Math.abs(a), Math.abs(b)));

  const equal = (a: Json, b: Json): boolean => {
    if (a === b) {
      if (isTruncated(a)) unknown.add(a);
      return true;
    }
    if (typeof a === 'number' && typeof b === 'number') return !isExact && close(a, b);
    if (typeof a === 'string' || typeof b === 'string') {
      const text = secretText(a) ?? a;
      return typeof text === 'string' && text === (secretText(b) ?? b);
    }
    if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
    if (Array.isArray(a) || Array.isArray(b)) {
      if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
      for (let i = 0; i < a.length; i++) if (!equal(a[i] as Json, b[i] as Json)) return false;
      return true;
    }
    const [left, right] = [a as JsonObject, b as JsonObject];
    let keys = 0;
    for (const key in left) {
      keys++;
      if (!Object.hasOwn(right, key) || !equal(left[key]!, right[key]!)) return false;
    }
    for (const _ in right) keys--;
    if (keys === 0 && isTruncated(left)) unknown.add(a);
    return keys === 0;
  };

  const hash = (value: Json, levels = HASHED_LEVELS): number => {
    if (typeof value === 'string') return hashText(value);
    if (typeof value === 'number') return isExact ? hashNumber(value) : 3;
    if (typeof value !== 'object' || value === null) return value === null ? 5 : value ? 7 : 11;
    const secret = secretText(value);
    if (secret !== undefined) return hashText(secret);
    if (levels === 0) return 13;
    if (Array.isArray(value)) {
      let sum = value.length;
      for (const part of value as readonly Json[]) sum = (Math.imul(sum, 31) + hash(part, levels - 1)) | 0;
      return sum;
    }
    let sum = 17;
    // Added up: the order of keys does not count.
    for (const key in value as JsonObject) sum = (sum + Math.imul(hashText(key) | 1, hash((value as JsonObject)[key]!, levels - 1))) | 0;
    return sum;
  };
  return { equal, hash, unknown };
}

/** The masked text of `{"$secret": "***abcd"}`: what a recorded answer has in its place. */
function secretText(value: Json): string | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, '$secret') || Object.keys(value).length !== 1) return undefined;
  const text = (value as JsonObject)['$secret'];
  return typeof text === 'string' ? text : undefined;
}

/** `{"$truncated": 4096}`: of that size, and without a hash to tell it from another. */
function isTruncated(value: Json): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, '$truncated') && Object.keys(value).length === 1;
}

function hashText(text: string): number {
  let sum = text.length;
  const head = Math.min(text.length, HASHED_CHARACTERS);
  for (let i = 0; i < head; i++) sum = (Math.imul(sum, 31) + text.charCodeAt(i)) | 0;
  for (let i = Math.max(head, text.length - HASHED_CHARACTERS); i < text.length; i++) sum = (Math.imul(sum, 31) + text.charCodeAt(i)) | 0;
  return sum;
}

function hashNumber(value: number): number {
  return Number.isInteger(value) ? value | 0 : hashText(String(value));
}
