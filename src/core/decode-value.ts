import type { Json, JsonObject } from '../protocol/json.ts';
import { pointer, pointerTokens } from './json-diff.ts';
import { isObject, isTagged } from './value-tags.ts';

/** What is put in its place at the end, when all objects are there: references, and maps and sets that may hold some. */
type References = { put: (value: unknown) => void; path: string }[];

/** The value behind `encodeValue()`. What could not be kept stays as its tagged object; a `$secret` is its masked text. */
export function decodeValue(json: Json): unknown {
  const references: References = [];
  const made = new Map<string, unknown>();
  const root = decode(json, [], made, references);
  for (const { put, path } of references) put(made.get(path));
  return root;
}

/** As {@link decodeValue} for an encoded object. */
export function decodeObject(json: JsonObject): Record<string, unknown> {
  return decodeValue(json) as Record<string, unknown>;
}

function decode(json: Json, path: readonly (string | number)[], made: Map<string, unknown>, references: References): unknown {
  if (json === null || typeof json !== 'object') return json;
  if (Array.isArray(json)) return decodeList(json, path, path, made, references);
  const object = json as JsonObject;
  if (isTagged(object)) return decodeTag(Object.keys(object)[0]!, Object.values(object)[0]!, object, path, made, references);
  return decodeFields(object, path, path, made, references);
}

function decodeTag(
  tag: string,
  body: Json,
  whole: JsonObject,
  path: readonly (string | number)[],
  made: Map<string, unknown>,
  references: References,
): unknown {
  const text = typeof body === 'string' ? body : '';
  switch (tag) {
    case '$date':
      return new Date(text === 'invalid' ? Number.NaN : text);
    case '$bigint':
      return /^-?\d+$/.test(text) ? BigInt(text) : whole;
    case '$number':
      return Number(text);
    case '$undefined':
      return undefined;
    case '$secret':
      return body;
    case '$url':
      return typeof body === 'string' && URL.canParse(body) ? new URL(body) : whole;
    case '$bytes':
      return typeof body === 'string' ? unbase64(body) : whole;
    case '$object':
      return isObject(body) ? decodeFields(body, path, [...path, '$object'], made, references) : whole;
    case '$map': {
      const map = new Map<unknown, unknown>();
      made.set(pointer(path), map);
      const entries = Array.isArray(body) ? (decodeList(body, [...path, '$map'], [...path, '$map'], made, references) as unknown[]) : [];
      for (const entry of entries) if (Array.isArray(entry)) map.set(entry[0], entry[1]);
      // A reference to an ancestor inside an entry is known only at the end.
      references.push({
        path: pointer(path),
        put: () => {
          map.clear();
          for (const entry of entries) if (Array.isArray(entry)) map.set(entry[0], entry[1]);
        },
      });
      return map;
    }
    case '$set': {
      const set = new Set<unknown>();
      made.set(pointer(path), set);
      const items = Array.isArray(body) ? (decodeList(body, [...path, '$set'], [...path, '$set'], made, references) as unknown[]) : [];
      references.push({
        path: pointer(path),
        put: () => {
          for (const item of items) set.add(item);
        },
      });
      return set;
    }
    case '$error': {
      const error = new Error();
      made.set(pointer(path), error);
      const fields = isObject(body) ? decodeFields(body, [...path, '$error'], [...path, '$error'], made, references) : {};
      for (const [key, part] of Object.entries(fields as object))
        Object.defineProperty(error, key, {
          value: part,
          configurable: true,
          writable: true,
          enumerable: !['name', 'message', 'stack', 'cause'].includes(key),
        });
      return error;
    }
    case '$regexp': {
      const match = /^\/(.*)\/([a-z]*)$/s.exec(text);
      try {
        return match ? new RegExp(match[1]!, match[2]) : whole;
      } catch {
        return whole;
      }
    }
    default:
      return whole;
  }
}

function decodeList(
  list: readonly Json[],
  path: readonly (string | number)[],
  inner: readonly (string | number)[],
  made: Map<string, unknown>,
  references: References,
): unknown {
  const values: unknown[] = [];
  made.set(pointer(path), values);
  for (const [i, part] of list.entries())
    put(values as unknown as Record<string, unknown>, String(i), part, [...inner, i], made, references);
  return values;
}

function decodeFields(
  fields: JsonObject,
  path: readonly (string | number)[],
  inner: readonly (string | number)[],
  made: Map<string, unknown>,
  references: References,
): unknown {
  const object: Record<string, unknown> = {};
  made.set(pointer(path), object);
  for (const [key, part] of Object.entries(fields)) put(object, key, part, [...inner, key], made, references);
  return object;
}

function put(
  owner: Record<string, unknown>,
  key: string,
  part: Json,
  path: readonly (string | number)[],
  made: Map<string, unknown>,
  references: References,
): void {
  const set = (value: unknown) => {
    Object.defineProperty(owner, key, { value, configurable: true, writable: true, enumerable: true });
  };
  if (part !== null && typeof part === 'object' && isObject(part) && typeof part['$ref'] === 'string' && isTagged(part)) {
    set(undefined);
    references.unshift({ put: set, path: pointer(pointerTokens(part['$ref'])) });
    return;
  }
  set(decode(part, path, made, references));
}

function unbase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
