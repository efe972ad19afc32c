import { UserError } from '../protocol/error.ts';
import type { Transaction } from './database.ts';

/*
 * A database may have what a seed program made before us: tables and helpers of the same names. Its tables
 * are set aside, whole, in the schema `stepscope_before`, ours are made, and the rows are copied. Nothing is
 * dropped. Everything else of our names belongs to somebody, and is a conflict.
 */

/** Tables for which ours stand in: whoever knows only the old columns can go on with them. */
const adoptable: ReadonlySet<string> = new Set([
  'user_roles',
  'test_execution_runs',
  'test_execution_logs',
  'test_execution_snapshots',
  'test_execution_comparisons',
]);
const adoptableFunctions: ReadonlySet<string> = new Set(['is_admin_user', 'cleanup_old_test_runs', 'get_test_run_summary']);

/** What was there before us and can be adopted. */
export interface Foreign {
  /** Names in `public`, in the order in which their rows refer to each other. */
  readonly tables: readonly string[];
  /** With their arguments: `public.get_test_run_summary(text)`. */
  readonly functions: readonly string[];
}

interface Sql {
  readonly sql: string;
}

/** Finds what others made under the names that `pending` will make. Throws `conflict` for what cannot be adopted, naming all of it. */
export async function findForeign(
  transaction: Transaction,
  { applied, pending }: { readonly applied: readonly Sql[]; readonly pending: readonly Sql[] },
): Promise<Foreign> {
  const ours = new Set(applied.flatMap(namesOf));
  const coming = [...new Set(pending.flatMap(namesOf))].filter((name) => !ours.has(name));
  if (coming.length === 0) return { tables: [], functions: [] };

  const { rows } = await transaction.query<{ kind: string; name: string; whole: string }>(
    `select case when c.relkind in ('r', 'p') then 'table' when c.relkind = 'i' then 'index' else 'relation' end as kind,
       n.nspname || '.' || c.relname as name, n.nspname || '.' || c.relname as whole
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname || '.' || c.relname = any ($1)
     union all
     select 'function', n.nspname || '.' || p.proname, n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')'
     from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname || '.' || p.proname = any ($1)
     order by 1, 2`,
    [coming],
  );
  const bare = (name: string): string => name.replace(/^public\./, '');
  const isAdoptable = ({ kind, name }: (typeof rows)[number]): boolean =>
    (kind === 'table' && adoptable.has(bare(name))) || (kind === 'function' && adoptableFunctions.has(bare(name)));

  const tables = coming.map(bare).filter((name) => rows.some((row) => row.kind === 'table' && isAdoptable(row) && bare(row.name) === name));
  const conflicts = rows.filter((row) => !isAdoptable(row)).map(({ kind, whole }) => `${kind} ${whole}`);
  const kept = conflicts.filter((name) => !name.startsWith('index '));
  // The indexes of a table that is set aside go with it.
  const indexes = conflicts.filter((name) => name.startsWith('index '));
  const stray =
    indexes.length === 0
      ? []
      : await indexesOfOthers(
          transaction,
          indexes.map((name) => name.slice('index '.length)),
          tables,
        );
  const dependents = tables.length === 0 ? [] : await dependentsOf(transaction, tables);
  const all = [...kept, ...stray, ...dependents];
  if (all.length > 0) {
    throw new UserError(
      'conflict',
      `the database has what belongs to another program, under names that stepscope needs: ${all.join(', ')}`,
      {
        hint: 'Rename it, or give stepscope a database of its own. Nothing was changed',
      },
    );
  }
  return { tables, functions: rows.filter(({ kind }) => kind === 'function').map(({ whole }) => whole) };
}

/** Tables, functions, views and indexes that a migration makes, with their schema. Our files write each on a line of its own. */
export function namesOf({ sql }: Sql): readonly string[] {
  const made = sql.matchAll(/^create (?:table|function|view)\s+(?:if not exists\s+)?((?:public|stepscope)\.\w+)/gim);
  const indexes = sql.matchAll(/^create (?:unique )?index (\w+) on (public|stepscope)\./gim);
  return [...Array.from(made, ([, name]) => name!), ...Array.from(indexes, ([, name, schema]) => `${schema}.${name}`)];
}

async function indexesOfOthers(transaction: Transaction, names: readonly string[], tables: readonly string[]): Promise<readonly string[]> {
  const { rows } = await transaction.query<{ name: string }>(
    `select 'index ' || schemaname || '.' || indexname || ' of ' || tablename as name from pg_indexes
     where schemaname || '.' || indexname = any ($1) and tablename <> all ($2)`,
    [names, tables],
  );
  return rows.map(({ name }) => name);
}

/** Views, foreign keys and policies of others that look at a table: they would go on looking at the old one. */
async function dependentsOf(transaction: Transaction, tables: readonly string[]): Promise<readonly string[]> {
  const { rows } = await transaction.query<{ name: string }>(
    `with adopted as (select oid from pg_class where relnamespace = 'public'::regnamespace and relname = any ($1))
     select distinct 'view ' || r.ev_class::regclass || ' on ' || d.refobjid::regclass as name
     from pg_depend d join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
     where d.refobjid in (select oid from adopted) and r.ev_class not in (select oid from adopted)
     union all
     select 'foreign key ' || conname || ' of ' || conrelid::regclass from pg_constraint
     where contype = 'f' and confrelid in (select oid from adopted) and conrelid not in (select oid from adopted)
     union all
     select distinct 'policy ' || p.polname || ' of ' || p.polrelid::regclass
     from pg_depend d join pg_policy p on d.classid = 'pg_policy'::regclass and p.oid = d.objid
     where d.refobjid in (select oid from adopted) and p.polrelid not in (select oid from adopted)
     order by 1`,
    [tables],
  );
  return rows.map(({ name }) => name);
}

/** SQL that moves them out of the way; empty when there is nothing to move. */
export function setAside({ tables, functions }: Foreign): string {
  if (tables.length + functions.length === 0) return '';
  return [
    'create schema if not exists stepscope_before;',
    ...tables.map((name) => `alter table public.${name} set schema stepscope_before;`),
    ...functions.map((name) => `alter function ${name} set schema stepscope_before;`),
  ].join('\n');
}

/** SQL that copies the rows into our tables, which must be there by now. Throws `conflict` when a column does not fit, naming all. */
export async function copyBack(transaction: Transaction, { tables }: Foreign): Promise<string> {
  if (tables.length === 0) return '';
  const { rows } = await transaction.query<{ table: string; column: string; was: string; is: string | null; fits: boolean | null }>(
    `select c.relname::text as table, old.attname::text as column, format_type(old.atttypid, old.atttypmod) as was,
       format_type(new.atttypid, new.atttypmod) as is,
       old.atttypid = new.atttypid or new.atttypid = 'text'::regtype or exists (
         select from pg_cast where castsource = old.atttypid and casttarget = new.atttypid and castcontext in ('a', 'i')) as fits
     from pg_class c
     join pg_attribute old on old.attrelid = c.oid and old.attnum > 0 and not old.attisdropped
     left join pg_attribute new on new.attrelid = to_regclass('public.' || quote_ident(c.relname)) and new.attname = old.attname
       and new.attnum > 0 and not new.attisdropped
     where c.relnamespace = 'stepscope_before'::regnamespace and c.relname = any ($1)
     order by c.relname, old.attnum`,
    [tables],
  );
  const differences = rows
    .filter(({ fits }) => fits !== true)
    .map(({ table, column, was, is }) => `${table}.${column} is ${was}${is === null ? ', which ours has not' : ` and not ${is}`}`);
  if (differences.length > 0) {
    throw new UserError('conflict', `tables that are there cannot be adopted: ${differences.join('; ')}`, {
      hint: 'Rename the tables or change these columns, or give stepscope a database of its own. Nothing was changed',
    });
  }
  return tables
    .map((table) => {
      const columns = rows.filter((row) => row.table === table).map(({ column }) => `"${column.replaceAll('"', '""')}"`);
      // Rows get their numbers in the order in which they come.
      const order = ['"timestamp"', '"created_at"'].find((name) => columns.includes(name));
      const list = columns.join(', ');
      return `insert into public.${table} (${list}) select ${list} from stepscope_before.${table}${order === undefined ? '' : ` order by ${order}`};`;
    })
    .join('\n');
}
