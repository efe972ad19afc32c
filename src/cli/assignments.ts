import { readFileSync } from 'node:fs';
import { UserError } from '../protocol/error.ts';
import { JsonObject } from '../protocol/json.ts';
import type { Json } from '../protocol/json.ts';

/**
 * Inputs as people write them: `name=value`, `name=@file` for what a file holds (`@@` for a text that begins
 * with one), or `@file` with a JSON object; later ones win. A value is read as its schema says (`width=640` is a
 * number where a number is wanted), and otherwise taken as text.
 */
export function readInputs(given: readonly string[], schema: JsonObject): JsonObject {
  const inputs: Record<string, Json> = {};
  for (const one of given) {
    if (one.startsWith('@')) Object.assign(inputs, readObject(one.slice(1)));
    else {
      const { path, text } = splitAssignment(one, '--input');
      inputs[path] = typedValue(readText(text, `--input ${path}=`), propertyOf(schema, path));
    }
  }
  return inputs;
}

/** The two halves of `path=value`. */
export function splitAssignment(text: string, flag: string): { readonly path: string; readonly text: string } {
  const at = text.indexOf('=');
  if (at < 1) throw new UserError('usage', `${flag} ${text}: write it as name=value`);
  return { path: text.slice(0, at), text: text.slice(at + 1) };
}

/** What a person meant by `text` where the schema wants a certain type. What does not fit stays text, for the schema to name. */
export function typedValue(text: string, schema: JsonObject | undefined): Json {
  const types = typesOf(schema);
  if (types.has('string') && !(text === 'null' && types.has('null'))) return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

function typesOf(schema: JsonObject | undefined): ReadonlySet<Json> {
  if (schema === undefined) return new Set();
  const { type, anyOf } = schema as { type?: Json; anyOf?: readonly JsonObject[] };
  const here = Array.isArray(type) ? type : type === undefined ? [] : [type];
  const fromEnum = Array.isArray(schema['enum']) && schema['enum'].every((value) => typeof value === 'string') ? ['string'] : [];
  return new Set([...here, ...fromEnum, ...(anyOf ?? []).flatMap((one) => [...typesOf(one)])]);
}

/** The schema of a property by its dotted path, as far as the schema tells. */
export function propertyOf(schema: JsonObject | undefined, path: string): JsonObject | undefined {
  let here: Json | undefined = schema;
  for (const part of path.split('.')) {
    const object: JsonObject = typeof here === 'object' && here !== null && !Array.isArray(here) ? (here as JsonObject) : {};
    const properties = object['properties'] as JsonObject | undefined;
    here = properties?.[part] ?? (/^\d+$/.test(part) ? object['items'] : undefined);
  }
  return here as JsonObject | undefined;
}

/** A value, or what stands in the file that it names. */
function readText(value: string, flag: string): string {
  if (value.startsWith('@@')) return value.slice(1);
  // The end of a last line is no part of a value.
  return value.startsWith('@') ? readFile(value.slice(1), flag).replace(/\r?\n$/, '') : value;
}

function readFile(path: string, flag: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (error) {
    throw new UserError('usage', `${flag}@${path}: ${(error as Error).message}`, { cause: error, hint: 'After @ stands a file; a text that begins with @ is written @@' });
  }
}

function readObject(path: string): JsonObject {
  const text = readFile(path, '--input ');
  try {
    return JsonObject.parse(JSON.parse(text));
  } catch (error) {
    const why = error instanceof SyntaxError ? error.message : 'it is not a JSON object';
    throw new UserError('usage', `--input @${path}: ${why}`, { cause: error });
  }
}
