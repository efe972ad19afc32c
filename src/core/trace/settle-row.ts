import type { JsonObject } from '../../protocol/json.ts';
import { traceTables } from '../../protocol/trace.ts';
import type { TraceTable } from '../../protocol/trace.ts';

/** A row of a recording as it is stored, and what of it has no place in its table: an export puts that over the row again. */
export interface SettledRow {
  readonly row: JsonObject;
  readonly extra: JsonObject | undefined;
}

/**
 * Nobody goes on with what was recorded elsewhere: a run that was under way is interrupted here, a command or an approval
 * that waited is not answered any more. Otherwise a runner would take it up.
 */
const ended: Partial<Record<TraceTable, { readonly column: string; readonly open: readonly string[]; readonly becomes: string }>> = {
  test_execution_runs: { column: 'status', open: ['pending', 'running', 'paused'], becomes: 'interrupted' },
  test_execution_commands: { column: 'state', open: ['pending', 'accepted'], becomes: 'refused' },
  approvals: { column: 'state', open: ['waiting'], becomes: 'withdrawn' },
};

export function settleRow(table: TraceTable, row: JsonObject): SettledRow {
  const { shape } = traceTables[table];
  const extra: [string, JsonObject[string]][] = Object.entries(row).filter(([column]) => !Object.hasOwn(shape, column));
  // With columns that an older program did not have, and without those of a newer one.
  let settled = traceTables[table].parse(row) as unknown as JsonObject;
  const rule = ended[table];
  if (rule !== undefined && rule.open.includes(row[rule.column] as string)) {
    extra.push([rule.column, row[rule.column]!]);
    settled = { ...settled, [rule.column]: rule.becomes };
  }
  return { row: settled, extra: extra.length === 0 ? undefined : Object.fromEntries(extra) };
}

/** The same run with ids of its own. `idOf` gives the same new id for the same old one; what was edited where is kept. */
export function copyRow(row: JsonObject, runId: string, idOf: (id: string) => string): JsonObject {
  const copy: Record<string, JsonObject[string]> = { ...row, test_run_id: runId };
  for (const column of ['id', 'log_id']) if (typeof row[column] === 'string') copy[column] = idOf(row[column]);
  return copy;
}
