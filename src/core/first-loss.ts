import type { Json } from '../protocol/json.ts';
import { isObject } from './value-tags.ts';

/** Something in a recorded value that cannot be read back: where, and what became of it (`was masked`). */
export interface Loss {
  /** JSON Pointer. */
  readonly path: string;
  readonly what: string;
}

const losses: Readonly<Record<string, string>> = {
  $secret: 'was masked',
  $truncated: 'is too large to be recorded',
  '$truncated keys': 'is too large to be recorded',
  $function: 'is a function',
  $symbol: 'is a symbol',
  $class: 'cannot be recorded',
  $unreadable: 'cannot be read',
};

/**
 * The first thing in a value, encoded and masked, that somebody who reads it back would not have. Undefined when
 * nothing is lost: then another process can go on from it.
 */
export function firstLoss(value: Json, path = ''): Loss | undefined {
  if (value === null || typeof value !== 'object') return undefined;
  // Fields below `$object` are an object's own, whatever they are called.
  const escaped = isObject(value) ? value['$object'] : undefined;
  const isEscaped = escaped !== undefined && escaped !== null && typeof escaped === 'object' && Object.keys(value).length === 1;
  for (const [key, part] of Object.entries(isEscaped ? escaped : value)) {
    if (!isEscaped && !Array.isArray(value) && Object.hasOwn(losses, key)) return { path: path === '' ? '/' : path, what: losses[key]! };
    const found = firstLoss(part as Json, `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
