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

/** The data of a line as it stands behind the message. */
export function dataText(row: LogRow): string {
  return row.data === null ? '' : `  ${clip(JSON.stringify(row.data), MAX_DATA)}`;
}

/** Cells the log can be scrolled sideways before the longest line in sight ends. */
export function farthestLeft(run: OpenRun, area: Area): number {
  const { log } = run;
  const top = log.follows ? Math.max(log.matchFirst, log.matchCount - area.rows) : Math.min(log.top, log.cursor);
  let longest = 0;
  for (let place = top; place < Math.min(log.matchCount, top + area.rows); place += 1) {
    const row = rowAt(run, place);
    if (row) longest = Math.max(longest, widthOf(row.message) + widthOf(dataText(row)));
  }
  return Math.max(0, longest - messageCells(area.columns));
}
