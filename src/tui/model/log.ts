import { matchesFilter } from '../../core/filter.ts';
import { levelRank } from '../../core/levels.ts';
import type { LogRow } from '../../protocol/rows.ts';
import type { LogPane, OpenRun } from '../state.ts';
import { stepsOf } from './steps.ts';

/**
 * Takes the rows that came since the last time through the filters. Costs what is new: the list of rows
 * that pass grows in place. `fromStart` looks at all of them again, after a filter changed.
 */
export function scanLog(run: OpenRun, fromStart = false): OpenRun {
  const { logs, logCount } = run.view;
  const pane = run.log;
  // A late row puts itself before rows that were scanned: the fold then made a new array.
  if (!fromStart && pane.scanned > logCount && pane.scanned > 0 && logs === scannedArrays.get(pane.matches as LogRow[])) return cutLog(run);
  const again = fromStart || pane.scanned > logCount || (pane.scanned > 0 && logs !== scannedArrays.get(pane.matches as LogRow[]));
  const matches = again ? [] : pane.scanned === 0 ? [] : (pane.matches as LogRow[]);
  const kept = again || pane.scanned === 0 ? 0 : pane.matchCount;
  if (!again && pane.scanned === logCount && pane.scanned > 0) return run;
  matches.length = kept;

  const passes = passesOf(run);
  for (let index = again ? 0 : pane.scanned; index < logCount; index += 1) {
    const row = logs[index]!;
    if (passes(row)) matches.push(row);
  }
  scannedArrays.set(matches, logs);

  const matchCount = matches.length;
  const log: LogPane = { ...pane, matches, matchCount, scanned: logCount };
  if (!pane.follows && !fromStart) return { ...run, log: { ...log, cursor: Math.min(log.cursor, Math.max(0, matchCount - 1)) } };
  return { ...run, log: { ...log, cursor: Math.max(0, matchCount - 1), frozenCount: matchCount, follows: pane.follows || fromStart } };
}

/** Takes back rows of the end, as a look at an earlier moment does. */
function cutLog(run: OpenRun): OpenRun {
  const { logs, logCount } = run.view;
  const lastSeq = logs[logCount - 1]?.seq ?? -1;
  const matches = run.log.matches as LogRow[];
  let count = run.log.matchCount;
  while (count > 0 && matches[count - 1]!.seq > lastSeq) count -= 1;
  matches.length = count;
  return { ...run, log: { ...run.log, matchCount: count, scanned: logCount, cursor: Math.max(0, Math.min(run.log.follows ? count - 1 : run.log.cursor, count - 1)), frozenCount: Math.min(run.log.frozenCount, count) } };
}

/** Which array of rows a list of matches was made from. */
const scannedArrays = new WeakMap<LogRow[], readonly LogRow[]>();

function passesOf(run: OpenRun): (row: LogRow) => boolean {
  const { filter, filtersOff, leastLevel, onlyStep } = run.log;
  if (filtersOff) return () => true;
  const least = levelRank(leastLevel);
  const displays = new Map(stepsOf(run.view).map((step) => [step.key, step.display]));
  return (row) => {
    if (levelRank(row.log_level) < least) return false;
    if (onlyStep !== undefined && row.step_key !== onlyStep && !row.step_key?.startsWith(`${onlyStep}.`)) return false;
    return filter === undefined || matchesFilter(filter, row, (key) => displays.get(key));
  };
}

/** Are any of the filters at work? */
export function isFiltered(log: LogPane): boolean {
  return !log.filtersOff && (log.filter !== undefined || log.leastLevel !== 'debug' || log.onlyStep !== undefined);
}

/** Does a line hold the words searched for? What is compared is what is shown. */
export function lineHolds(row: LogRow, search: string): boolean {
  return row.message.toLowerCase().includes(search) || (row.data !== null && JSON.stringify(row.data).toLowerCase().includes(search));
}

/** Index of the next line from `from` on, in a direction and around the end, for which `wanted` holds; -1 when there is none. */
export function findLine(log: LogPane, from: number, direction: 1 | -1, wanted: (row: LogRow) => boolean): number {
  for (let step = 1; step <= log.matchCount; step += 1) {
    const index = (((from + direction * step) % log.matchCount) + log.matchCount) % log.matchCount;
    if (wanted(log.matches[index]!)) return index;
  }
  return -1;
}
