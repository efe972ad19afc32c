/**
 * Quotes strings for JSON columns in the body of an insert or update, one row or a list of them. The Data API
 * reads such a string as JSON and Postgres does so again, so `"1"` would be stored as the number 1 and `"a"`
 * be refused; quoted twice more it is stored as what it is. A body that is not JSON stays as it came.
 */
export function quoteJsonStrings(body: string, jsonColumns: ReadonlySet<string>): string {
  const quoteRow = (row: unknown): unknown => {
    if (typeof row !== 'object' || row === null || Array.isArray(row)) return row;
    const quote = (key: string, value: unknown): unknown =>
      typeof value === 'string' && jsonColumns.has(key) ? JSON.stringify(JSON.stringify(value)) : value;
    return Object.fromEntries(Object.entries(row).map(([key, value]) => [key, quote(key, value)]));
  };
  try {
    const rows: unknown = JSON.parse(body);
    return JSON.stringify(Array.isArray(rows) ? rows.map(quoteRow) : quoteRow(rows));
  } catch {
    return body;
  }
}
