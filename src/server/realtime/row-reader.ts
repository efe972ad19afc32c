import type { JsonObject } from '../../protocol/json.ts';
import type { ChangeNotice } from '../../protocol/realtime.ts';
import type { Claims, Database, Transaction } from '../../storage/database.ts';
import type { Filter } from './binding.ts';
import type { Catalog, TableShape } from './catalog.ts';
import { visibilitySql, type DeletedRows } from './deleted-rows.ts';
import { conditionSql, quoted } from './filter.ts';

/** A row, and the filters that it passes, by their text. */
export interface FilteredRow {
  readonly row: JsonObject;
  readonly passes: ReadonlySet<string>;
}

/** The rows behind one notice, as one set of claims may see them, in the order they were written. */
export interface NoticeRows {
  readonly notice: ChangeNotice;
  readonly rows: readonly FilteredRow[];
  /** Not all that the notice is about could be read. */
  readonly isLost: boolean;
}

export interface ReadOptions {
  readonly claims: Claims;
  readonly catalog: Catalog;
  readonly deleted: DeletedRows;
  /** The filters that listeners with these claims have on a table. Postgres evaluates them. */
  readonly filtersOf: (table: string) => readonly Filter[];
}

/**
 * Reads the rows of many notices back, under the policies of whoever they are for: one transaction, one
 * query for each table and run. A row that changed twice is read once, as it is now; one that is gone again,
 * or is not for these eyes, is not there. A deleted row is there as it last was, for whoever could see it.
 */
export async function readRows(
  database: Database,
  notices: readonly ChangeNotice[],
  { claims, catalog, deleted, filtersOf }: ReadOptions,
): Promise<readonly NoticeRows[]> {
  return await database.asUser(claims, async (transaction) => {
    const readers = new Map<string, TableReader>();
    for (const { table } of notices) {
      const shape = catalog.get(table);
      if (shape !== undefined && !readers.has(table)) readers.set(table, createTableReader(transaction, shape, filtersOf(table)));
    }
    for (const [table, reader] of readers) {
      const ofTable = notices.filter((notice) => notice.table === table);
      await reader.readByKey(ofTable.flatMap(({ op, keys = [] }) => (op === 'DELETE' ? [] : keys)));
      for (const range of rangesByRun(ofTable)) await reader.readBySeq(range);
      await reader.readDeleted(
        ofTable.flatMap((notice) => notice.deleted ?? []),
        deleted,
      );
    }
    return notices.map((notice) => ({
      notice,
      rows: readers.get(notice.table)?.rowsOf(notice) ?? [],
      isLost: notice.untold === true || (notice.deleted ?? []).some((id) => !deleted.has(id)),
    }));
  });
}

interface Range {
  readonly run: string;
  readonly from: number;
  readonly to: number;
}

/** One range for each run that the notices name ranges of. */
function rangesByRun(notices: readonly ChangeNotice[]): readonly Range[] {
  const ranges = new Map<string, Range>();
  for (const { op, run, from, to } of notices) {
    if (op === 'DELETE' || run == null || from === undefined || to === undefined) continue;
    const known = ranges.get(run) ?? { run, from, to };
    ranges.set(run, { run, from: Math.min(known.from, from), to: Math.max(known.to, to) });
  }
  return [...ranges.values()];
}

interface TableReader {
  readByKey(keys: readonly JsonObject[]): Promise<void>;
  /** Rows that a run and a range of numbers name: logs, which come many at a time. */
  readBySeq(range: Range): Promise<void>;
  readDeleted(ids: readonly number[], deleted: DeletedRows): Promise<void>;
  /** Of what has been read. */
  rowsOf(notice: ChangeNotice): readonly FilteredRow[];
}

function createTableReader(transaction: Transaction, shape: TableShape, filters: readonly Filter[]): TableReader {
  const table = `public.${quoted(shape.name)}`;
  const byKey = new Map<string, FilteredRow>();
  const byRun = new Map<string, readonly FilteredRow[]>();
  const byDeletedId = new Map<number, FilteredRow>();

  /** `query` gets the SQL of what each filter says of a row under the table's name; `$1` to `$n` are `parameters`. */
  async function select<Row extends object>(parameters: readonly unknown[], query: (passes: string) => string) {
    const all = [...parameters];
    const place = (value: string): string => `$${all.push(value)}`;
    const answers = filters.map(({ conditions }) => conditions.map((condition) => conditionSql(condition, shape, place)).join(' and '));
    const { rows } = await transaction.query<Row & { passes: readonly (boolean | null)[] }>(
      query(`to_jsonb(array[${answers.join(', ')}]::boolean[])`),
      all,
    );
    return rows.map((row) => ({ ...row, passes: new Set(filters.filter((_, at) => row.passes[at] === true).map(({ text }) => text)) }));
  }
  const keyOf = (row: JsonObject): string => JSON.stringify(shape.primaryKey.map((column) => row[column]));

  return {
    async readByKey(keys) {
      if (keys.length === 0) return;
      const wanted = new Map(keys.map((key) => [keyOf(key), key]));
      const rows = await select<{ row: JsonObject }>(
        [[...wanted.values()]],
        (passes) => `select to_jsonb(${quoted(shape.name)}) as row, ${passes} as passes from ${table}
          join jsonb_populate_recordset(null::${table}, $1::jsonb) as wanted using (${shape.primaryKey.map(quoted).join(', ')})`,
      );
      for (const found of rows) byKey.set(keyOf(found.row), found);
    },
    async readBySeq({ run, from, to }) {
      const rows = await select<{ row: JsonObject }>(
        [run, from, to],
        (passes) => `select to_jsonb(${quoted(shape.name)}) as row, ${passes} as passes from ${table}
          where test_run_id = $1 and seq between $2::bigint and $3::bigint order by seq`,
      );
      byRun.set(run, rows);
    },
    async readDeleted(ids, deleted) {
      const kept = ids.filter((id) => deleted.has(id));
      const images = kept.map((id) => deleted.get(id)!);
      if (images.length === 0) return;
      const visibility = await visibilitySql(transaction, shape.name);
      const rows = await select<{ at: number }>(
        [images],
        // Policies name columns by themselves: inside, nothing else has names.
        (passes) => `select image.at::int as at, seen.passes from jsonb_array_elements($1::jsonb) with ordinality as image (body, at),
          lateral (select ${passes} as passes from jsonb_populate_record(null::${table}, image.body) as ${quoted(shape.name)}
            where ${visibility}) as seen`,
      );
      for (const { at, passes } of rows) byDeletedId.set(kept[at - 1]!, { row: images[at - 1]!, passes });
    },
    rowsOf({ op, run, keys, from = Infinity, to = -1, deleted: ids }) {
      if (op === 'DELETE') return (ids ?? []).flatMap((id) => byDeletedId.get(id) ?? []);
      if (keys !== undefined) return keys.flatMap((key) => byKey.get(keyOf(key)) ?? []);
      return (byRun.get(run ?? '') ?? []).filter(({ row }) => Number(row['seq']) >= from && Number(row['seq']) <= to);
    },
  };
}
