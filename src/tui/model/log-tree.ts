import type { Json, JsonObject } from '../../protocol/json.ts';
import type { LogRow } from '../../protocol/rows.ts';
import { jsonRows, type Folding, type JsonRow } from '../json/tree.ts';
import type { LogPane, OpenRun } from '../state.ts';
import { rowAt } from './log.ts';

/** Lines whose data are unfolded at one time; the one unfolded first folds when there are more. */
export const MOST_UNFOLDED = 100;

const newFolding: Folding = { toggled: new Set(), allFolded: undefined };

/** A message longer than this stands in the tree too, where it is shown whole. */
const LONG_MESSAGE = 50;

/** What stands under a line that is unfolded: its data, and what else is known of it. */
export function documentOf(row: LogRow): JsonObject {
  const place = row.file_path === null ? undefined : `${row.file_path}${row.line_number === null ? '' : `:${row.line_number}`}`;
  const all: Readonly<Record<string, Json | undefined>> = {
    message: row.message.length > LONG_MESSAGE || row.message.includes('\n') ? row.message : undefined,
    data: row.data ?? undefined,
    line: row.seq,
    time: row.timestamp,
    step: row.step_key ?? undefined,
    context: row.execution_context,
    function: row.function_name ?? undefined,
    file: place,
    duration_ms: row.duration_ms ?? undefined,
    metadata: Object.keys(row.metadata).length === 0 ? undefined : row.metadata,
  };
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, Json] => entry[1] !== undefined));
}

/** By row: a frame and a key ask for the same. */
const made = new WeakMap<LogRow, { readonly folding: Folding; readonly rows: readonly JsonRow[] }>();

/** Rows of the tree under a line; none where it is folded. */
export function treeUnder(log: LogPane, row: LogRow): readonly JsonRow[] {
  const folding = log.unfolded.get(row.seq);
  if (!folding) return [];
  const known = made.get(row);
  if (known?.folding === folding) return known.rows;
  const rows = jsonRows(documentOf(row), folding);
  made.set(row, { folding, rows });
  return rows;
}

/** Unfolds the line under the cursor, or folds it with the cursor back on it. */
export function toggleLine(run: OpenRun): OpenRun {
  const row = rowAt(run, run.log.cursor);
  if (!row) return run;
  const unfolded = new Map(run.log.unfolded);
  if (!unfolded.delete(row.seq)) unfolded.set(row.seq, newFolding);
  if (unfolded.size > MOST_UNFOLDED) unfolded.delete(unfolded.keys().next().value!);
  return { ...run, log: { ...run.log, unfolded, inside: undefined } };
}

/** One row up or down where that stays in a tree, or enters the one of the line above; undefined where it is a step between lines. */
export function stepInTree(run: OpenRun, by: 1 | -1): OpenRun | undefined {
  const { log } = run;
  const row = rowAt(run, log.cursor);
  if (!row) return undefined;
  const rows = treeUnder(log, row);
  const at = log.inside === undefined ? -1 : rows.findIndex((one) => one.path === log.inside);
  const to = at + by;
  if (by === 1) return to < rows.length ? withInside(run, rows[to]!.path) : undefined;
  if (at >= 0) return withInside(run, rows[to]?.path);
  const above = rowAt(run, log.cursor - 1);
  const last = above && treeUnder(log, above).at(-1);
  return last && { ...run, log: { ...log, cursor: log.cursor - 1, inside: last.path } };
}

/** The value under the cursor, within the tree of its line. */
export function valueInside(run: OpenRun): JsonRow | undefined {
  const { log } = run;
  const row = log.inside === undefined ? undefined : rowAt(run, log.cursor);
  return row && treeUnder(log, row).find((one) => one.path === log.inside);
}

/** Folds or unfolds the value under the cursor; undefined where there is nothing to do. */
export function foldInside(run: OpenRun, wanted: 'open' | 'closed' | 'other'): OpenRun | undefined {
  const row = rowAt(run, run.log.cursor);
  const value = valueInside(run);
  const folding = row && run.log.unfolded.get(row.seq);
  if (!row || !value?.foldable || !folding || (wanted === 'open' && value.open) || (wanted === 'closed' && !value.open)) return undefined;
  const toggled = new Set(folding.toggled);
  if (!toggled.delete(value.path)) toggled.add(value.path);
  return { ...run, log: { ...run.log, unfolded: new Map(run.log.unfolded).set(row.seq, { ...folding, toggled }) } };
}

/** From a value to what holds it; from the top level to the line itself. */
export function toHolder(run: OpenRun): OpenRun {
  const path = run.log.inside ?? '';
  const parent = path.slice(0, path.lastIndexOf('/'));
  return withInside(run, parent === '' ? undefined : parent);
}

function withInside(run: OpenRun, inside: string | undefined): OpenRun {
  return { ...run, log: { ...run.log, inside } };
}
