import type { Json, JsonObject } from '../../protocol/json.ts';
import { isObject, isTagged } from '../value-tags.ts';

/** An object whose fields can be compared one by one: not one that stands for a date, bytes or the like. */
export function isPlainObject(json: Json): json is JsonObject {
  if (!isObject(json)) return false;
  // Asked of every object of a state: the first key settles it for nearly all.
  for (const key in json) return !key.startsWith('$') || !isTagged(json);
  return true;
}
