/** A request to write rows as the Data API has understood it. */
interface Writing {
  readonly type?: string;
  readonly from?: string;
  readonly values?: unknown;
  readonly $meta?: { readonly columns?: readonly string[]; readonly missing?: string };
}

/** More digits than a JavaScript number keeps. */
const longInteger = /^-?\d{16,}$/;

/**
 * The same request with rows as PostgREST would store them. Of the columns a request names, those that a row
 * lacks are null, or the default when it asked for that: the Data API stores the default always, and then
 * answers null. Long integers, which people send as text so that they are kept, it would round.
 */
export function withWholeRows(query: Writing, isNumber: (column: string) => boolean): Writing {
  if (typeof query.values !== 'object' || query.values === null) return query;
  const { columns, missing } = query.$meta ?? {};
  // What is undefined is written as the default.
  const absent = Object.fromEntries((columns ?? []).map((name) => [name, missing === 'default' ? undefined : null]));
  const isMeant = (name: string): boolean => columns?.includes(name) ?? true;
  const whole = (row: unknown): unknown => {
    if (typeof row !== 'object' || row === null || Array.isArray(row)) return row;
    const entries = Object.entries(row).filter(([name]) => isMeant(name));
    return { ...absent, ...Object.fromEntries(entries.map(([name, value]) => [name, isNumber(name) ? exact(value) : value])) };
  };
  return { ...query, values: Array.isArray(query.values) ? query.values.map(whole) : whole(query.values) };
}

const exact = (value: unknown): unknown => (typeof value === 'string' && longInteger.test(value) ? BigInt(value) : value);
