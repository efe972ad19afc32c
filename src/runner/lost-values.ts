import { encodeValue } from '../core/encode-value.ts';
import type { Json } from '../protocol/json.ts';
import { UserError } from '../protocol/error.ts';
import { stateLimits } from '../tracker/snapshot-writer.ts';

/** Texts of a recorded state that stand where a secret was masked; the values themselves were never stored. */
export function maskedTexts(recorded: Json | null): ReadonlySet<string> {
  const found = new Set<string>();
  walk(recorded, '', (value) => {
    if (typeof value['$secret'] === 'string') found.add(value['$secret']);
  });
  return found;
}

/**
 * Refuses to go on with inputs in which something recorded is missing: a secret that was masked, or a value
 * that was too large to keep. Throws `usage` naming the path.
 */
export function refuseLostValues(step: string, inputs: unknown, masked: ReadonlySet<string>): void {
  const refuse = (path: string, what: string): never => {
    throw new UserError('usage', `step ${step} needs ${path === '' ? 'inputs' : path}, which ${what}`, {
      hint: 'Give the value in an edit of these inputs, read it with `secret(name)`, or run the whole pipeline again',
    });
  };
  walk(
    encodeValue(inputs, stateLimits),
    '',
    (value, path) => {
      if ('$truncated' in value) refuse(path, 'was too large to be recorded');
      if ('$secret' in value) refuse(path, 'was masked when it was recorded');
    },
    (text, path) => {
      if (masked.has(text)) refuse(path, 'was masked when it was recorded');
    },
  );
}

function walk(value: Json | null, path: string, onObject: (value: Readonly<Record<string, Json>>, path: string) => void, onText?: (text: string, path: string) => void): void {
  if (typeof value === 'string') return onText?.(value, path);
  if (value === null || typeof value !== 'object') return;
  if (!Array.isArray(value)) onObject(value as Readonly<Record<string, Json>>, path);
  for (const [key, part] of Object.entries(value)) walk(part as Json, `${path}/${key}`, onObject, onText);
}
