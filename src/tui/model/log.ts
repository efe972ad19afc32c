import { matchesFilter } from '../../core/filter.ts';
import { indexList } from '../../core/index-list.ts';
import { levelRank } from '../../core/levels.ts';
import { indexOfSeq } from '../../core/log-lines.ts';
import type { LogRow } from '../../protocol/rows.ts';
import { scrolled } from '../layout.ts';
import type { LogPane, OpenRun } from '../state.ts';
import { stepsOf } from './steps.ts';

/** What one slice of a scan may cost. A line whose row has to be read costs {@link ROW_COST}, one told by its level or step 1. */
const SLICE_COST = 100_000;
const ROW_COST = 20;

/**
 * Takes lines that were not looked at yet through the filters, as many as a slice allows. Costs what is new: the list
 * of lines that pass grows in place. `fromStart` looks at all of them again, after a filter changed.
 */
export function scanLog(run: OpenRun, fromStart = false): OpenRun {
  const { logs, logCount } = run.view;
  const pane = run.log;
  const isAnew = fromStart || pane.scannedLines !== logs;
  // From where a row came late, or a look at an earlier moment ends, lines are looked at again.
  const from = isAnew ? logs.first : Math.max(logs.first, Math.min(pane.scanned, logCount, logs.intactBelow(pane.edition)));
  if (!isAnew && from === logCount && pane.scanned === logCount && pane.firstKept === logs.first) return run;

  const matches = isAnew ? indexList() : pane.matches;
  matches.cutTo(matches.placeOf(from));
  matches.dropBelow(logs.first);
  const { passes, cost } = passesOf(run);
  const end = Math.min(logCount, from + Math.floor(SLICE_COST / cost));
  for (let index = from; index < end; index += 1) if (passes(index)) matches.push(index);

  const scanned = { matches, matchFirst: matches.first, matchCount: matches.length, scanned: end, scannedLines: logs, firstKept: logs.first, edition: logs.edition };
  const last = Math.max(matches.first, matches.length - 1);
  if (pane.follows || fromStart) return { ...run, log: { ...pane, ...scanned, follows: true, cursor: last, frozenCount: matches.length } };
  const kept = (place: number): number => Math.max(matches.first, Math.min(last, place));
  return { ...run, log: { ...pane, ...scanned, cursor: kept(pane.cursor), top: kept(pane.top), frozenCount: Math.max(matches.first, Math.min(pane.frozenCount, matches.length)) } };
}

/** Are there lines left that no slice has looked at? Then `scanned` messages are due. */
export function isScanning(run: OpenRun): boolean {
  return run.log.scanned < run.view.logCount;
}

/** The top of a window of `height` places that shows `place`, moved as little as needed. */
export function scrolledTo(log: LogPane, top: number, place: number, height: number): number {
  return log.matchFirst + scrolled(top - log.matchFirst, place - log.matchFirst, height, shownCount(log));
}

/** Lines that pass, of those looked at. */
export function shownCount(log: LogPane): number {
  return log.matchCount - log.matchFirst;
}

/** The line at a place among those that pass; undefined where there is none. */
export function rowAt(run: OpenRun, place: number): LogRow | undefined {
  const { log, view } = run;
  return place >= log.matchFirst && place < log.matchCount ? view.logs.at(log.matches.at(place)) : undefined;
}

/** Place of the first line that passes and has this number or a higher one; `matchCount` where there is none. */
export function placeOfSeq(run: OpenRun, seq: number): number {
  return Math.min(run.log.matchCount, run.log.matches.placeOf(indexOfSeq(run.view.logs, seq, run.view.logCount)));
}

interface Passes {
  readonly passes: (index: number) => boolean;
  readonly cost: number;
}

function passesOf(run: OpenRun): Passes {
  const { filter, filtersOff, leastLevel, onlyStep } = run.log;
  const { logs } = run.view;
  if (filtersOff) return { passes: () => true, cost: 1 };
  const least = levelRank(leastLevel);
  const displays = new Map(stepsOf(run.view).map((step) => [step.key, step.display]));
  const displayOf = (key: string): string | undefined => displays.get(key);
  const isOfStep = (key: string | null): boolean => onlyStep === undefined || key === onlyStep || (key?.startsWith(`${onlyStep}.`) ?? false);
  return {
    passes: (index) =>
      (least === 0 || logs.levelAt(index) >= least) && (onlyStep === undefined || isOfStep(logs.stepAt(index))) && (filter === undefined || matchesFilter(filter, logs.at(index), displayOf)),
    cost: filter === undefined ? 1 : ROW_COST,
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

/** Place of the next line from `from` on, in a direction and around the end, for whose index `wanted` holds; -1 when there is none. */
export function findLine(log: LogPane, from: number, direction: 1 | -1, wanted: (index: number) => boolean): number {
  const count = shownCount(log);
  for (let step = 1; step <= count; step += 1) {
    const place = log.matchFirst + ((((from - log.matchFirst + direction * step) % count) + count) % count);
    if (wanted(log.matches.at(place))) return place;
  }
  return -1;
}
