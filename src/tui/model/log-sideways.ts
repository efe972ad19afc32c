import type { LogRow } from '../../protocol/rows.ts';
import type { Area } from '../layout.ts';
import { clip, widthOf } from '../output/line.ts';
import type { OpenRun } from '../state.ts';
import { rowAt } from './log.ts';

/** Screens this wide have room for where a line came from. */
export const CONTEXT_COLUMNS = 100;
/** Data beside a message, in characters; Enter shows all of it. */
const MAX_DATA = 400;
/** Cells before the message: cursor, time, level, step; and where there is room the context. */
const HEAD_CELLS = 21;
const CONTEXT_CELLS = 9;

/** Cells that are left for message and data. */
export function messageCells(columns: number): number {
  return Math.max(8, columns - HEAD_CELLS - (columns >= CONTEXT_COLUMNS ? CONTEXT_CELLS : 0));
}

/** The data of a line as it stands behind the message, in so many cells at most. */
export function dataText(row: LogRow, cells: number = MAX_DATA): string {
  return row.data === null ? '' : `  ${clip(JSON.stringify(row.data), Math.min(MAX_DATA, cells))}`;
}

/** Cells that a line is scrolled sideways at most; who wants to read further unfolds it. */
export const MOST_LEFT = 4_000;

/** Cells the log is scrolled sideways: never beyond the end of the longest line in sight. */
export function leftOf(run: OpenRun, area: Area): number {
  return run.log.left === 0 ? 0 : Math.min(run.log.left, farthestLeft(run, area));
}

/** Cells the log can be scrolled sideways before the longest line in sight ends, {@link MOST_LEFT} at most. */
export function farthestLeft(run: OpenRun, area: Area): number {
  const { log } = run;
  const top = log.follows ? Math.max(log.matchFirst, log.matchCount - area.rows) : Math.min(log.top, log.cursor);
  const room = messageCells(area.columns);
  let longest = 0;
  for (let place = top; place < Math.min(log.matchCount, top + area.rows) && longest < MOST_LEFT + room; place += 1) {
    const row = rowAt(run, place);
    if (row) longest = Math.max(longest, cellsOf(row));
  }
  return Math.max(0, Math.min(MOST_LEFT, longest - room));
}

const measured = new WeakMap<LogRow, number>();

/** Cells of message and data, measured once; as many as count of a line that is longer than that. */
function cellsOf(row: LogRow): number {
  const known = measured.get(row);
  if (known !== undefined) return known;
  const cells = row.message.length > 2 * MOST_LEFT ? 2 * MOST_LEFT : widthOf(row.message) + widthOf(dataText(row));
  measured.set(row, cells);
  return cells;
}
