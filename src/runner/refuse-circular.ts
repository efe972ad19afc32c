import { UserError } from '../protocol/error.ts';
import type { PlacedStep } from './describe-pipeline.ts';

/**
 * Refuses outputs that contain themselves. What a step returns becomes state: it is stored, compared, edited
 * and started from again, and none of that has an end in a circle.
 */
export function refuseCircular(outputs: unknown, { definition, source }: PlacedStep): void {
  const circle = findCircle(outputs, '', []);
  if (circle === undefined) return;
  const error = new UserError('usage', `step ${definition.display} returned a circular structure: ${circle.at} is ${circle.same === '' ? 'the whole of it' : circle.same} again`, {
    hint: 'Return an id in place of the object, or leave the reference out',
  });
  if (source) error.stack = `${error.name}: ${error.message}\n    at ${source.functionName} (${source.filePath}:${source.firstLine})`;
  throw error;
}

function findCircle(value: unknown, path: string, around: readonly { readonly value: object; readonly path: string }[]): { readonly at: string; readonly same: string } | undefined {
  if (value === null || typeof value !== 'object') return undefined;
  const same = around.find((outer) => outer.value === value);
  if (same) return { at: path, same: same.path };
  const deeper = [...around, { value, path }];
  for (const [key, part] of entriesOf(value)) {
    const found = findCircle(part, `${path}/${key}`, deeper);
    if (found) return found;
  }
  return undefined;
}

function entriesOf(value: object): Iterable<readonly [string, unknown]> {
  if (value instanceof Map) return [...value].map(([key, part]): [string, unknown] => [String(key), part]);
  if (value instanceof Set) return [...value].map((part, index): [string, unknown] => [String(index), part]);
  if (ArrayBuffer.isView(value)) return [];
  return Object.entries(value);
}
