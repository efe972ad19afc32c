import type { Json, JsonObject } from '../protocol/json.ts';

/** Every tag of the encoding, each the only key of its object. */
const tags = [
  '$date',
  '$bigint',
  '$number',
  '$undefined',
  '$map',
  '$set',
  '$bytes',
  '$error',
  '$regexp',
  '$url',
  '$function',
  '$symbol',
  '$class',
  '$ref',
  '$object',
  '$truncated',
  '$unreadable',
  '$secret',
] as const;
/** Those tags, to look one up. */
export const tagSet: ReadonlySet<string> = new Set(tags);

/** A JSON object, neither list nor null. */
export function isObject(json: Json): json is JsonObject {
  return json !== null && typeof json === 'object' && !Array.isArray(json);
}

/** Does this object stand for something JSON cannot say? */
export function isTagged(json: JsonObject): boolean {
  const keys = Object.keys(json);
  return keys.length === 1 && tagSet.has(keys[0]!);
}
