import type { Operation } from 'fast-json-patch';
import jsonPatch from 'fast-json-patch';
import type { Json, PatchOperation } from '../protocol/json.ts';
import { UserError } from '../protocol/error.ts';

const { applyPatch: applyOperations, compare, validator } = jsonPatch;

/** One difference between two JSON values. `path` is a JSON Pointer; `before` or `after` is absent when there was nothing. */
export interface Difference {
  readonly kind: 'added' | 'removed' | 'changed';
  readonly path: string;
  readonly before?: Json | undefined;
  readonly after?: Json | undefined;
}

/** How `before` became `after`, in document order, down to the smallest part that differs. */
export function diffJson(before: Json, after: Json): readonly Difference[] {
  const found: Difference[] = [];
  collect(before, after, '', found);
  return found;
}

/** A patch that turns `before` into `after`. Made of `add`, `remove` and `replace` only. */
export function makePatch(before: Json, after: Json): readonly PatchOperation[] {
  if (!isContainer(before) || !isContainer(after) || Array.isArray(before) !== Array.isArray(after)) {
    return Object.is(before, after) ? [] : [{ op: 'replace', path: '', value: after }];
  }
  return compare(before as object, after as object) as PatchOperation[];
}

/**
 * The value after a patch; `value` itself stays as it is, and either all of the patch applies or none.
 *
 * Throws `usage` naming the operation and the path that does not fit, and for paths into prototypes.
 */
export function applyPatch(value: Json, patch: readonly PatchOperation[]): Json {
  for (const operation of patch) {
    for (const path of [operation.path, operation.from ?? '']) {
      if (/(?:^|\/)(?:__proto__|constructor|prototype)(?:\/|$)/.test(path))
        throw new UserError('usage', `a patch may not reach into ${path}`);
    }
  }
  try {
    return applyOperations(structuredClone(value), structuredClone(patch) as Operation[], checkOperation, true).newDocument as Json;
  } catch (cause) {
    const { name, operation } = cause as { name?: string; operation?: PatchOperation };
    const where = operation === undefined ? '' : ` (${operation.op} ${operation.path === '' ? 'the whole value' : operation.path})`;
    // Without the cause: the library puts the whole value into its message.
    throw new UserError('usage', `the edit does not fit${where}: ${patchReasons[name ?? ''] ?? 'it is not a JSON Patch'}`);
  }
}

/** What the library checks, and what it lets pass: RFC 6901 has no `00` for an index, and no `1e0`. */
function checkOperation(operation: Operation, index: number, document: unknown, existing: string): void {
  for (const path of [operation.path, 'from' in operation ? operation.from : '']) {
    let part = document;
    for (const token of typeof path === 'string' ? pointerTokens(path) : []) {
      if (Array.isArray(part) && !/^(?:0|[1-9]\d*|-)$/.test(token))
        throw Object.assign(new Error('not an index'), { name: 'OPERATION_PATH_ILLEGAL_ARRAY_INDEX', operation });
      part = typeof part === 'object' && part !== null && Object.hasOwn(part, token) ? (part as Readonly<Record<string, unknown>>)[token] : undefined;
    }
  }
  validator(operation, index, document, existing);
}

/** The part of a value at a JSON Pointer; undefined when there is none. */
export function valueAt(value: Json, pointer: string): Json | undefined {
  let part: Json | undefined = value;
  for (const token of pointerTokens(pointer)) {
    if (part === null || typeof part !== 'object' || !Object.hasOwn(part, token)) return undefined;
    part = (part as Readonly<Record<string, Json>>)[token];
  }
  return part;
}

/** `/a/b~1c` from `['a', 'b/c']`. */
export function pointer(tokens: readonly (string | number)[]): string {
  return tokens.map((token) => `/${escapeToken(String(token))}`).join('');
}

/** `['a', 'b/c']` from `/a/b~1c`. */
export function pointerTokens(path: string): readonly string[] {
  return path === ''
    ? []
    : path
        .split('/')
        .slice(1)
        .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

const patchReasons: Readonly<Record<string, string>> = {
  OPERATION_PATH_UNRESOLVABLE: 'there is nothing at that path',
  OPERATION_PATH_CANNOT_ADD: 'there is nothing to add to',
  OPERATION_FROM_UNRESOLVABLE: 'there is nothing to take from',
  OPERATION_PATH_INVALID: 'the path must begin with /',
  OPERATION_PATH_ILLEGAL_ARRAY_INDEX: 'an array needs an index',
  OPERATION_VALUE_OUT_OF_BOUNDS: 'the index lies outside of the array',
  OPERATION_VALUE_REQUIRED: 'a value is missing',
  TEST_OPERATION_FAILED: 'the value is another one by now',
};

function collect(before: Json, after: Json, path: string, found: Difference[]): void {
  if (Object.is(before, after)) return;
  if (isContainer(before) && isContainer(after) && Array.isArray(before) === Array.isArray(after)) {
    const [old, now] = [before as Readonly<Record<string, Json>>, after as Readonly<Record<string, Json>>];
    const keys = new Set([...Object.keys(old), ...Object.keys(now)]);
    for (const key of keys) {
      const here = `${path}/${escapeToken(key)}`;
      if (!Object.hasOwn(now, key)) found.push({ kind: 'removed', path: here, before: old[key] });
      else if (!Object.hasOwn(old, key)) found.push({ kind: 'added', path: here, after: now[key] });
      else collect(old[key]!, now[key]!, here, found);
    }
    return;
  }
  found.push({ kind: 'changed', path, before, after });
}

function isContainer(value: Json): value is readonly Json[] | { readonly [key: string]: Json } {
  return value !== null && typeof value === 'object';
}

function escapeToken(token: string): string {
  return token.replaceAll('~', '~0').replaceAll('/', '~1');
}
