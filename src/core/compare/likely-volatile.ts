import type { Json } from '../../protocol/json.ts';

const shapes: readonly RegExp[] = [
  // UUIDs, ULIDs, hashes and what providers call things: long, with digits and letters, and nothing a person would write.
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i,
  /^[0-9A-HJKMNP-TV-Z]{26}$/,
  /^(?=.*\d)(?=.*[a-z])[0-9a-z]{20,128}$/i,
  // Random bytes in base64url.
  /^(?=.*\d)(?=.*[a-z])(?=.*[A-Z])[\w-]{20,128}$/,
  /^(?=.*\d)[a-z]{2,12}[_-][0-9a-zA-Z]{10,64}$/,
  // Times, with or without a date and a zone.
  /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?$/,
];

/** Milliseconds or seconds since 1970, between 2001 and 2100. */
const isEpoch = (value: number): boolean => Number.isInteger(value) && ((value > 1e12 && value < 4.1e12) || (value > 1e9 && value < 4.1e9));

/**
 * Do both values look like an id or a time, of the same shape? Such differ in every run and say nothing. A guess:
 * it is for hints, and for those who ask for it.
 */
export function looksVolatile(before: Json | undefined, after: Json | undefined): boolean {
  if (typeof before === 'number' && typeof after === 'number') return isEpoch(before) && isEpoch(after) && String(before).length === String(after).length;
  if (isDate(before) && isDate(after)) return true;
  if (typeof before !== 'string' || typeof after !== 'string') return false;
  if (shapes.some((shape) => shape.test(before) && shape.test(after))) return true;
  return isAddressWithIds(before, after);
}

function isDate(value: Json | undefined): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 1 && Object.hasOwn(value, '$date');
}

/** URLs and paths that differ in nothing but such parts. */
function isAddressWithIds(before: string, after: string): boolean {
  const separators = /[/?&=.:]+/;
  if (before.length > 2_000 || !before.includes('/') || !after.includes('/')) return false;
  const [old, now] = [before.split(separators), after.split(separators)];
  // A port in a local address is given anew each time, too.
  return old.length === now.length && old.every((part, i) => part === now[i] || looksVolatile(part, now[i]!) || (/^\d{4,5}$/.test(part) && /^\d{4,5}$/.test(now[i]!)));
}
