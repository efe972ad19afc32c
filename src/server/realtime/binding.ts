import { z } from 'zod';
import { UserError } from '../../protocol/error.ts';
import type { JsonObject } from '../../protocol/json.ts';
import type { ChangeNotice } from '../../protocol/realtime.ts';
import type { Claims } from '../../storage/database.ts';
import type { Catalog } from './catalog.ts';
import { compileFilter, parseFilter, type Condition, type RowFilter } from './filter.ts';

/** One entry of `config.postgres_changes` as a client asks for it; echoed in the reply as it came. */
export const BindingRequest = z.looseObject({
  event: z.enum(['INSERT', 'UPDATE', 'DELETE', '*']),
  schema: z.string(),
  table: z.string().nullish(),
  filter: z.string().nullish(),
});
export type BindingRequest = z.infer<typeof BindingRequest>;

/** What a channel listens for. `id` is what the client knows it by. */
export interface Binding {
  readonly id: number;
  readonly event: BindingRequest['event'];
  /** Undefined: every published table. */
  readonly table: string | undefined;
  /** The run that the filter names, when it names one: most notices are settled by it without reading a row. */
  readonly run: string | undefined;
  readonly matches: RowFilter;
}

/** Makes a binding. Throws `usage` or `forbidden` in words for the person whose channel it is. */
export function createBinding(id: number, request: BindingRequest, catalog: Catalog, role: Claims['role']): Binding {
  const table = request.table ?? undefined;
  const all = { id, event: request.event };
  if (request.schema !== 'public' && request.schema !== '*')
    throw new UserError('usage', `changes of schema ${request.schema} are not published`);
  if (table === undefined || table === '*') {
    if (request.filter) throw new UserError('usage', 'a filter needs a table');
    return { ...all, table: undefined, run: undefined, matches: () => true };
  }
  const shape = catalog.get(table);
  if (shape === undefined) {
    throw new UserError('usage', `changes of table ${table} are not published`, {
      hint: `Published are ${[...catalog.keys()].toSorted().join(', ')}`,
    });
  }
  if (!shape.readers.has(role)) throw new UserError('forbidden', `permission denied for table ${table}`, { hint: 'Sign in first' });
  if (!request.filter) return { ...all, table, run: undefined, matches: () => true };
  const conditions = parseFilter(request.filter);
  return { ...all, table, run: runNamedBy(conditions), matches: compileFilter(conditions, shape.types) };
}

/** False when no row of the notice can be for this binding. */
export function mayConcern(binding: Binding, notice: ChangeNotice): boolean {
  return (
    (binding.event === '*' || binding.event === notice.op) &&
    (binding.table === undefined || binding.table === notice.table) &&
    (binding.run === undefined || notice.run == null || binding.run === notice.run)
  );
}

/** The ids of the bindings that a row of the notice is for. */
export function concerned(bindings: readonly Binding[], notice: ChangeNotice, row: JsonObject): readonly number[] {
  return bindings.filter((binding) => mayConcern(binding, notice) && binding.matches(row)).map((binding) => binding.id);
}

function runNamedBy(conditions: readonly Condition[]): string | undefined {
  return conditions.find(({ column, operator, negated }) => column === 'test_run_id' && operator === 'eq' && !negated)?.values[0];
}
