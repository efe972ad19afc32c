import type { z } from 'zod';
import { UserError } from '../../protocol/error.ts';
import type { Json, JsonObject } from '../../protocol/json.ts';
import { TRACE_VERSION, TraceEnd, TraceHeader, TraceRow, traceTables } from '../../protocol/trace.ts';
import type { TraceTable } from '../../protocol/trace.ts';
import { jsonTextProblem } from '../json-limits.ts';
import { isObject } from '../value-tags.ts';

/** What one line of a trace says. */
export type TraceLine =
  | { readonly kind: 'header'; readonly header: TraceHeader }
  | ({ readonly kind: 'row' } & TraceRow)
  | { readonly kind: 'end'; readonly end: TraceEnd };

/** `{"table":…,"row":…}`: what is around the row does not count towards its depth and keys. */
const ENVELOPE = 1;

export function isTraceTable(table: string): table is TraceTable {
  return Object.hasOwn(traceTables, table);
}

/**
 * Reads a line. Rows of tables we know are checked against their schema and handed on as they are, with the
 * fields that we do not know.
 *
 * @throws UserError `usage` or `too-large` that names the line, and the field where there is one.
 */
export function readTraceLine(text: string, number: number): TraceLine {
  const tooMuch = jsonTextProblem(text, ENVELOPE);
  if (tooMuch !== undefined) throw new UserError('too-large', `line ${number}: ${tooMuch}`);
  const json = parseJson(text, number);
  if (!isObject(json)) throw bad(number, 'is not a JSON object');
  if ('stepscope' in json) return { kind: 'header', header: readHeader(json, number) };
  if ('end' in json) return { kind: 'end', end: parsed(TraceEnd, json, number) };
  const { table, row } = parsed(TraceRow, json, number);
  assertNoPrototype(table, row, number);
  if (isTraceTable(table)) assertRow(table, row, number);
  return { kind: 'row', table, row };
}

/** Says that a file is newer than we are, as one sentence. */
export function assertVersion(version: unknown): void {
  if (typeof version === 'number' && version > TRACE_VERSION) {
    throw new UserError('usage', `the trace has version ${version}, and this stepscope reads up to ${TRACE_VERSION}`, {
      hint: 'Read it with the stepscope that wrote it, or a newer one',
    });
  }
}

function readHeader(json: JsonObject, number: number): TraceHeader {
  assertVersion(json['version']);
  return parsed(TraceHeader, json, number);
}

function assertRow(table: TraceTable, row: JsonObject, number: number): void {
  const checked = traceTables[table].safeParse(row);
  if (checked.success) return;
  const [issue] = checked.error.issues;
  throw bad(number, `is no row of ${table}: ${issue?.path.join('.') || 'it'}: ${issue?.message}`);
}

/** A patch that is applied later must not reach a prototype, and a row has no column of that name. */
function assertNoPrototype(table: string, row: JsonObject, number: number): void {
  if (Object.hasOwn(row, '__proto__')) throw bad(number, `is no row of ${table}: it has a field "__proto__"`);
  const payload = row['payload'] ?? null;
  const patches: readonly (Json | undefined)[] = [row['fork_patch'], isObject(payload) ? payload['patch'] : undefined];
  for (const operation of patches.flatMap((patch) => (Array.isArray(patch) ? (patch as readonly Json[]) : []))) {
    if (operation === null || typeof operation !== 'object') continue;
    for (const path of [(operation as JsonObject)['path'], (operation as JsonObject)['from']]) {
      if (typeof path === 'string' && /(?:^|\/)(?:__proto__|constructor|prototype)(?:\/|$)/.test(path)) {
        throw bad(number, `has a patch that reaches into ${path}`);
      }
    }
  }
}

function parseJson(text: string, number: number): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw bad(number, 'is not JSON');
  }
}

function parsed<T>(schema: z.ZodType<T>, json: JsonObject, number: number): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw bad(number, `is no line of a trace: ${issue?.path.join('.') || 'it'}: ${issue?.message}`);
}

function bad(number: number, what: string): UserError {
  return new UserError('usage', `line ${number} ${what}`);
}
