import type { JsonObject } from '../../protocol/json.ts';
import type { ChangeNotice } from '../../protocol/realtime.ts';
import type { Claims, Database, Transaction } from '../../storage/database.ts';
import type { Catalog, TableShape } from './catalog.ts';

/** The rows behind one notice, as one set of claims may see them, in the order they were written. */
export interface NoticeRows {
  readonly notice: ChangeNotice;
  readonly rows: readonly JsonObject[];
}

/**
 * Reads the rows of many notices back, under the policies of whoever they are for: one transaction, one
 * query for each table and run. A row that changed twice is read once, as it is now; one that is gone again,
 * or is not for these eyes, is not there. Of a deleted row only the key is left, for those who see all rows.
 */
export async function readRows(
  database: Database,
  claims: Claims,
  catalog: Catalog,
  notices: readonly ChangeNotice[],
): Promise<readonly NoticeRows[]> {
  return await database.asUser(claims, async (transaction) => {
    const written = notices.filter((notice) => notice.op !== 'DELETE');
    const byKey = await readByKey(transaction, catalog, written);
    const bySeq = await readBySeq(transaction, written);
    const showsDeleted = notices.length > written.length && (await seesEverything(transaction, claims));
    return notices.map((notice) => {
      if (notice.op === 'DELETE') return { notice, rows: showsDeleted ? deletedRows(notice) : [] };
      if (notice.keys === undefined) return { notice, rows: bySeq(notice) };
      const found = byKey.get(notice.table);
      const rows = notice.keys.map((key) => found?.get(keyText(catalog.get(notice.table)!, key))).filter((row) => row !== undefined);
      return { notice, rows };
    });
  });
}

/** Keys of the deleted rows, with the run they were of so that filters on it hold. */
function deletedRows({ keys = [], run }: ChangeNotice): readonly JsonObject[] {
  return keys.map((key) => (run == null ? key : { ...key, test_run_id: run })) as readonly JsonObject[];
}

async function seesEverything(transaction: Transaction, claims: Claims): Promise<boolean> {
  if (claims.role !== 'authenticated') return claims.role === 'service_role';
  const { rows } = await transaction.query<{ admin: boolean }>('select public.is_admin_user() as admin');
  return rows[0]?.admin === true;
}

type ByKey = ReadonlyMap<string, ReadonlyMap<string, JsonObject>>;

async function readByKey(transaction: Transaction, catalog: Catalog, notices: readonly ChangeNotice[]): Promise<ByKey> {
  const wanted = new Map<string, Map<string, Record<string, unknown>>>();
  for (const { table, keys = [] } of notices) {
    const shape = catalog.get(table);
    if (shape === undefined || keys.length === 0) continue;
    const known = wanted.get(table) ?? new Map<string, Record<string, unknown>>();
    for (const key of keys) known.set(keyText(shape, key), key);
    wanted.set(table, known);
  }
  const found = new Map<string, Map<string, JsonObject>>();
  for (const [table, keys] of wanted) {
    const shape = catalog.get(table)!;
    const { rows } = await transaction.query<{ row: JsonObject }>(
      `select to_jsonb(t) as row from public.${quoted(table)} t
       join jsonb_populate_recordset(null::public.${quoted(table)}, $1::jsonb) as wanted using (${shape.primaryKey.map(quoted).join(', ')})`,
      [[...keys.values()]],
    );
    found.set(table, new Map(rows.map(({ row }) => [keyText(shape, row), row])));
  }
  return found;
}

/** Rows that a run and a range of numbers name: logs, which come many at a time. */
async function readBySeq(
  transaction: Transaction,
  notices: readonly ChangeNotice[],
): Promise<(notice: ChangeNotice) => readonly JsonObject[]> {
  const wanted = new Map<string, { readonly table: string; readonly run: string; from: number; to: number }>();
  for (const { table, run, from, to } of notices) {
    if (run == null || from === undefined || to === undefined) continue;
    const range = wanted.get(`${table} ${run}`);
    if (range === undefined) wanted.set(`${table} ${run}`, { table, run, from, to });
    else [range.from, range.to] = [Math.min(range.from, from), Math.max(range.to, to)];
  }
  const found = new Map<string, readonly JsonObject[]>();
  for (const [name, { table, run, from, to }] of wanted) {
    const { rows } = await transaction.query<{ row: JsonObject }>(
      `select to_jsonb(t) as row from public.${quoted(table)} t where test_run_id = $1 and seq between $2::bigint and $3::bigint order by seq`,
      [run, from, to],
    );
    found.set(
      name,
      rows.map(({ row }) => row),
    );
  }
  return ({ table, run, from, to }) =>
    (found.get(`${table} ${run}`) ?? []).filter((row) => Number(row['seq']) >= (from ?? Infinity) && Number(row['seq']) <= (to ?? -1));
}

const keyText = (shape: TableShape, row: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(shape.primaryKey.map((column) => row[column]));
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
