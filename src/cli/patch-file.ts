import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { UserError } from '../protocol/error.ts';
import { PatchOperation } from '../protocol/json.ts';

/** Operations of one patch. */
const MOST_OPERATIONS = 1_000;

/** A JSON Patch from `@file`, or from standard input for `-`. Throws `usage` with the operation that does not fit. */
export function readPatchFile(reference: string): readonly PatchOperation[] {
  if (reference !== '-' && !reference.startsWith('@')) throw new UserError('usage', `--patch ${reference}: name a file as @FILE, or - for standard input`);
  try {
    const text = readFileSync(reference === '-' ? 0 : reference.slice(1), 'utf8');
    const parsed = z.array(PatchOperation).max(MOST_OPERATIONS).safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw new UserError('usage', `--patch ${reference}: it is no JSON Patch: ${issue?.path.join('.') || 'the whole'}: ${issue?.message}`, { hint: 'Write a list as [{"op": "replace", "path": "/width", "value": 640}]' });
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError('usage', `--patch ${reference}: ${(error as Error).message}`, { cause: error });
  }
}
