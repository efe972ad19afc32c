import type { Json } from '../../protocol/json.ts';

/** Sixteen digits and more outside of quotes may be more than a number keeps. */
const longNumber = /[[:,\s](?:-?\d{16,}|-?\d[\d.]{15,})/;

type Reviver = (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown;

/** JSON in which an integer that a number would round is kept as its text. Throws `SyntaxError`. */
export function parseExactJson(text: string): Json {
  if (!longNumber.test(text)) return JSON.parse(text) as Json;
  const exact: Reviver = (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && Number.isInteger(value) && !Number.isSafeInteger(value) ? source : value;
  return JSON.parse(text, exact as (key: string, value: unknown) => unknown) as Json;
}
