import { decodeObject } from '../core/decode-value.ts';
import { encodeObject } from '../core/encode-value.ts';
import { applyPatch } from '../core/json-diff.ts';
import { checkSchema, describeProblems } from '../core/json-schema.ts';
import { refuseUnknownNames } from '../core/unknown-names.ts';
import { UserError } from '../protocol/error.ts';
import type { JsonObject, PatchOperation } from '../protocol/json.ts';
import { stateLimits } from './snapshot-writer.ts';

/** The inputs of a step as a person's edit leaves them, or why the edit does not fit. */
export function editedInputs(
  inputs: Record<string, unknown>,
  patch: readonly PatchOperation[],
  schema: JsonObject | undefined,
): { readonly inputs: Record<string, unknown> } | { readonly refused: string } {
  try {
    const before = encodeObject(inputs, stateLimits);
    const edited = applyPatch(before, patch);
    const problems = schema === undefined ? [] : checkSchema(edited, schema);
    if (problems.length > 0) return { refused: `the edit does not fit: ${describeProblems(problems)}` };
    if (edited === null || typeof edited !== 'object' || Array.isArray(edited)) return { refused: 'the edit does not leave an object' };
    if (schema !== undefined) refuseUnknownNames(edited, schema, { before });
    return { inputs: decodeObject(edited as JsonObject) };
  } catch (error) {
    if (error instanceof UserError && error.hint !== undefined) return { refused: `${error.message}. ${error.hint}` };
    return { refused: error instanceof Error ? error.message : String(error) };
  }
}
