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
  readonly types: ReadonlyMap<string, string>;
  readonly primaryKey: readonly string[];
  /** Roles that may read at least the rows their policies show them. */
  readonly readers: ReadonlySet<Claims['role']>;
}

/** The tables whose changes travel, by name. */
export type Catalog = ReadonlyMap<string, TableShape>;

/** Reads what realtime must know of the published tables. Migrations have run before: it does not change. */
export async function readCatalog(database: Database): Promise<Catalog> {
  const { rows } = await database.asOwner(
    async (transaction) =>
      await transaction.query<{ name: string; columns: readonly Column[]; key: readonly string[]; readers: readonly Claims['role'][] }>(
        `select c.relname as name,
           (select jsonb_agg(jsonb_build_object('name', a.attname, 'type', t.typname) order by a.attnum)
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
    rows.map(({ name, columns, key, readers }) => [
      name,
      { name, columns, types: new Map(columns.map((column) => [column.name, column.type])), primaryKey: key, readers: new Set(readers) },
    ]),
  );
}
