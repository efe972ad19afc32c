import { publishedTables } from '../../protocol/rows.ts';
import type { Claims, Database } from '../../storage/database.ts';

/** A column as a `postgres_changes` message names it: arrays as `_text`. */
interface Column {
  readonly name: string;
  readonly type: string;
}

export interface TableShape {
  readonly name: string;
  readonly columns: readonly Column[];
  /** The columns' types as SQL writes them, by name. */
  readonly types: ReadonlyMap<string, string>;
  readonly primaryKey: readonly string[];
  /** Whether old rows are told whole, `replica identity full`, or by their key. */
  readonly tellsWholeOldRow: boolean;
  /** Roles that may read at least the rows their policies show them. */
  readonly readers: ReadonlySet<Claims['role']>;
}

/** The tables whose changes travel, by name. */
export type Catalog = ReadonlyMap<string, TableShape>;

interface Row {
  readonly name: string;
  readonly columns: readonly (Column & { readonly sql: string })[];
  readonly key: readonly string[];
  readonly whole: boolean;
  readonly readers: readonly Claims['role'][];
}

/** Reads what realtime must know of the published tables. Migrations have run before: it does not change. */
export async function readCatalog(database: Database): Promise<Catalog> {
  const { rows } = await database.asOwner(
    async (transaction) =>
      await transaction.query<Row>(
        `select c.relname as name, c.relreplident = 'f' as whole,
           (select jsonb_agg(jsonb_build_object('name', a.attname, 'type', t.typname, 'sql', format_type(t.oid, -1)) order by a.attnum)
              from pg_attribute a join pg_type t on t.oid = a.atttypid
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
           (select jsonb_agg(a.attname order by a.attnum) from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey)
              where i.indrelid = c.oid and i.indisprimary) as key,
           (select coalesce(jsonb_agg(role), '[]') from unnest(array['anon', 'authenticated', 'service_role']) as role
              where has_table_privilege(role, c.oid, 'select')) as readers
         from pg_class c where c.relnamespace = 'public'::regnamespace and c.relname = any ($1::text[])`,
        [publishedTables],
      ),
  );
  return new Map(
    rows.map(({ name, columns, key, whole, readers }) => [
      name,
      {
        name,
        columns: columns.map((column) => ({ name: column.name, type: column.type })),
        types: new Map(columns.map((column) => [column.name, column.sql])),
        primaryKey: key,
        tellsWholeOldRow: whole,
        readers: new Set(readers),
      },
    ]),
  );
}
