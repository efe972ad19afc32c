import type { Json, JsonObject } from '../../protocol/json.ts';

/**
 * What a person typed for an input, by the type its schema declares: a number as a number, `true` as a
 * boolean, JSON where an array or object belongs. What does not read as its type stays text, for the schema
 * to refuse by name.
 */
export function parseTyped(text: string, property: JsonObject): Json {
  const declared = property['type'];
  const types = Array.isArray(declared) ? declared : [declared];
  if (types.includes('string') && !types.includes('null')) return text;
  try {
    const value = JSON.parse(text) as Json;
    return typeof value === 'string' && !text.startsWith('"') ? text : value;
  } catch {
    return text;
  }
}

/** The value as it is typed: strings bare, everything else as JSON. */
export function formatTyped(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
