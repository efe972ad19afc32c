import { z } from 'zod';
import { UserError } from '../../protocol/error.ts';
import type { ChangeNotice } from '../../protocol/realtime.ts';
import { DatabaseError, type Claims, type Database } from '../../storage/database.ts';
import type { Catalog, TableShape } from './catalog.ts';
import { conditionSql, parseFilter, quoted, type Condition } from './filter.ts';
import type { FilteredRow } from './row-reader.ts';

/** One entry of `config.postgres_changes` as a client asks for it; echoed in the reply as it came. */
export const BindingRequest = z.looseObject({
  event: z.enum(['INSERT', 'UPDATE', 'DELETE', '*']),
  schema: z.string().nullish(),
  table: z.string().nullish(),
  filter: z.string().nullish(),
  select: z.array(z.string()).max(1_600).nullish(),
});
export type BindingRequest = z.infer<typeof BindingRequest>;

/** What a row must be like. Two of the same text are the same. */
export interface Filter {
  readonly text: string;
  readonly conditions: readonly Condition[];
}

/** What a channel listens for. `id` is what the client knows it by. */
export interface Binding {
  readonly id: number;
  readonly event: BindingRequest['event'];
  /** Undefined: every published table. */
  readonly table: string | undefined;
  readonly filter: Filter | undefined;
  /** The run that the filter names, when it names one: most notices are settled by it without reading a row. */
  readonly run: string | undefined;
  /** The columns to tell. Undefined: all. */
  readonly select: readonly string[] | undefined;
}

/** Makes a binding. Throws `usage` or `forbidden` in words for the person whose channel it is. */
export async function createBinding(
  id: number,
  request: BindingRequest,
  { database, catalog, claims }: { readonly database: Database; readonly catalog: Catalog; readonly claims: Claims },
): Promise<Binding> {
  const { event, schema, table } = request;
  const select = request.select?.length ? request.select : undefined;
  const conditions = parseFilter(request.filter ?? '');
  if (schema != null && schema !== 'public' && schema !== '*')
    throw new UserError('usage', `changes of schema ${schema} are not published`);
  const isWildcard = table == null || table === '*';
  if (select !== undefined && (isWildcard || schema === '*'))
    throw new UserError('usage', 'a column selection needs a schema and a table: it does not work with wildcards');
  if (isWildcard) {
    if (conditions.length > 0) throw new UserError('usage', 'a filter needs a table');
    if (![...catalog.values()].some(({ readers }) => readers.has(claims.role)))
      throw new UserError('forbidden', 'permission denied for tables of schema public', { hint: 'Sign in first' });
    return { id, event, table: undefined, filter: undefined, run: undefined, select: undefined };
  }
  const shape = catalog.get(table);
  if (shape === undefined) {
    throw new UserError('usage', `changes of table ${table} are not published`, {
      hint: `Published are ${[...catalog.keys()].toSorted().join(', ')}`,
    });
  }
  if (!shape.readers.has(claims.role)) throw new UserError('forbidden', `permission denied for table ${table}`, { hint: 'Sign in first' });
  const unknown = select?.find((column) => !shape.types.has(column));
  if (unknown !== undefined) throw new UserError('usage', `invalid column for select ${unknown}`);
  for (const condition of conditions) await assertWorks(database, claims, shape, condition);
  const filter = conditions.length === 0 ? undefined : { text: JSON.stringify(conditions), conditions };
  return { id, event, table, filter, run: runNamedBy(conditions), select };
}

/** Asks Postgres whether a condition makes sense for its column, by trying it on a row of nothing. */
async function assertWorks(database: Database, claims: Claims, shape: TableShape, condition: Condition): Promise<void> {
  const { column, operator, values } = condition;
  const parameters: string[] = [];
  const sql = conditionSql(condition, shape, (value) => `$${parameters.push(value)}`);
  const isPattern = operator === 'match' || operator === 'imatch';
  try {
    await database.asUser(
      claims,
      async (transaction) =>
        await transaction.query(
          // A pattern is not even looked at when it is compared with nothing.
          `select ${sql} as answer${isPattern ? `, '' ~ $1::text as pattern` : ''} from jsonb_populate_record(null::public.${quoted(shape.name)}, '{}') as ${quoted(shape.name)}`,
          parameters,
        ),
    );
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    throw new UserError('usage', `the filter ${column}=${operator}.${values.join(',')} does not work: ${error.message}`, { cause: error });
  }
}

/** False when no row of the notice can be for this binding. */
export function mayConcern(binding: Binding, notice: ChangeNotice): boolean {
  return (
    (binding.event === '*' || binding.event === notice.op) &&
    (binding.table === undefined || binding.table === notice.table) &&
    (binding.run === undefined || notice.run == null || binding.run === notice.run)
  );
}

/** The filters that only a look at the row can settle, each once. */
export function openFilters(bindings: readonly Binding[], notices: readonly ChangeNotice[]): readonly Filter[] {
  const open = new Map<string, Filter>();
  for (const binding of bindings) {
    if (binding.filter === undefined || open.has(binding.filter.text)) continue;
    if (notices.some((notice) => mayConcern(binding, notice) && !isSettled(binding, notice))) open.set(binding.filter.text, binding.filter);
  }
  return [...open.values()];
}

/** The bindings that a row of the notice is for. */
export function concerned(bindings: readonly Binding[], notice: ChangeNotice, { passes }: FilteredRow): readonly Binding[] {
  return bindings.filter(
    (binding) =>
      mayConcern(binding, notice) && (binding.filter === undefined || isSettled(binding, notice) || passes.has(binding.filter.text)),
  );
}

/** All that the filter asks for is the run, which the notice names. */
const isSettled = ({ filter, run }: Binding, notice: ChangeNotice): boolean =>
  run !== undefined && filter?.conditions.length === 1 && notice.run === run;

function runNamedBy(conditions: readonly Condition[]): string | undefined {
  return conditions.find(({ column, operator, negated }) => column === 'test_run_id' && operator === 'eq' && !negated)?.values[0];
}
