import type { Json, JsonObject } from '../protocol/json.ts';
import { UserError } from '../protocol/error.ts';
import { didYouMean } from './closest.ts';

interface UnknownName {
  /** `size.widht` */
  readonly path: string;
  readonly name: string;
  /** The names that could have been meant there. */
  readonly known: readonly string[];
}

/**
 * Names in a value for which its schema has no property. A JSON Schema without `additionalProperties` lets every
 * name pass, and zod then leaves it out: whoever mistyped one would never know. An object is taken as open only
 * where its schema says so (`looseObject`, `record`), or names no properties at all.
 *
 * What is in `before` as well was not typed by this person and is let pass.
 */
function unknownNames(value: Json, schema: Json | undefined, before: Json | undefined, path = ''): readonly UnknownName[] {
  const shape = objectOf(schema);
  if (shape === undefined || value === null || typeof value !== 'object') return [];
  if (Array.isArray(value)) {
    return value.flatMap((item: Json, index) => unknownNames(item, shape['items'], Array.isArray(before) ? (before[index] as Json) : undefined, `${path}[${index}]`));
  }
  const properties = objectOf(shape['properties']);
  if (properties === undefined) return [];
  const isOpen = (shape['additionalProperties'] ?? false) !== false || 'patternProperties' in shape;
  const old = objectOf(before);
  return Object.entries(value as JsonObject).flatMap(([name, part]) => {
    const here = path === '' ? name : `${path}.${name}`;
    if (Object.hasOwn(properties, name)) return unknownNames(part, properties[name], old?.[name], here);
    return isOpen || (old !== undefined && Object.hasOwn(old, name)) ? [] : [{ path: here, name, known: Object.keys(properties) }];
  });
}

/**
 * Refuses inputs with names that their schema does not know. Throws `usage` naming the first, with the closest
 * names that are known.
 *
 * @param options.of what the inputs belong to: "step 7"
 * @param options.before the value that was edited, whose own names are not judged again
 */
export function refuseUnknownNames(value: Json, schema: JsonObject, options: { readonly of?: string; readonly before?: Json } = {}): void {
  const [first, ...others] = unknownNames(value, schema, options.before);
  if (first === undefined) return;
  const more = others.map(({ path }) => `, nor "${path}"`).join('');
  const known = first.known.length === 0 ? 'It takes none' : `It takes ${first.known.join(', ')}`;
  throw new UserError('usage', `${options.of === undefined ? '' : `${options.of} has `}no input "${first.path}"${more}`, { hint: didYouMean(first.name, first.known) ?? known });
}

function objectOf(value: Json | undefined): JsonObject | undefined {
  return value === null || typeof value !== 'object' || Array.isArray(value) ? undefined : (value as JsonObject);
}
