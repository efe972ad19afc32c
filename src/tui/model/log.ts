import { plural } from '../../core/format.ts';
import { indexList } from '../../core/index-list.ts';
import { indexOfSeq } from '../../core/log-lines.ts';
import type { RunView } from '../../core/run-view.ts';
import type { LogRow } from '../../protocol/rows.ts';
import { scrolled } from '../layout.ts';
import type { LogPane, OpenRun, ReadingPlace } from '../state.ts';
import { passesOf, SLICE_COST } from './log-passes.ts';
import { searchedPart } from './log-search.ts';

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
  const question = passesOf(run);
  let end = from;
  for (; end < logCount && question.spent() < SLICE_COST; end += 1) if (question.passes(end)) matches.push(end);

  const reading = fromStart ? (pane.reading ?? placeOfReader(run)) : pane.reading;
  const scanned = { matches, matchFirst: matches.first, matchCount: matches.length, scanned: end, scannedLines: logs, firstKept: logs.first, edition: logs.edition };
  const last = Math.max(matches.first, matches.length - 1);
  if (pane.follows) return { ...run, log: { ...pane, ...scanned, reading: undefined, cursor: last, frozenCount: matches.length } };
  if (reading !== undefined) {
    const isThere = end === logCount || logs.seqAt(end - 1) >= reading.seq;
    return { ...run, log: readAgain({ ...pane, ...scanned }, run.view, reading, isThere) };
  }
  const kept = (place: number): number => Math.max(matches.first, Math.min(last, place));
  return { ...run, log: { ...pane, ...scanned, cursor: kept(pane.cursor), top: kept(pane.top), frozenCount: Math.max(matches.first, Math.min(pane.frozenCount, matches.length)) } };
}

/** What becomes of a log that stands still from now on. */
export function frozen({ log, view }: OpenRun): Pick<LogPane, 'follows' | 'frozenCount' | 'frozenSeq'> {
  if (!log.follows) return { follows: false, frozenCount: log.frozenCount, frozenSeq: log.frozenSeq };
  return { follows: false, frozenCount: log.matchCount, frozenSeq: view.logCount > view.logs.first ? view.logs.seqAt(view.logCount - 1) : -1 };
}

/** Where the reader of a log that stands still is, in terms that outlast other filters. */
export function placeOfReader(run: OpenRun): ReadingPlace | undefined {
  const { log, view } = run;
  if (log.follows || shownCount(log) === 0) return undefined;
  const before = Math.min(log.frozenCount, log.matchCount);
  return {
    seq: view.logs.seqAt(log.matches.at(log.cursor)),
    above: log.cursor - log.top,
    frozenSeq: Math.max(log.frozenSeq, before > log.matchFirst ? view.logs.seqAt(log.matches.at(before - 1)) : -1),
  };
}

/** The log at the line that was read, or the next one that passes; until a scan has come there, at its beginning. */
function readAgain(log: LogPane, { logs, logCount }: RunView, reading: ReadingPlace, isThere: boolean): LogPane {
  const { matches } = log;
  const index = indexOfSeq(logs, reading.seq, logCount);
  const cursor = Math.max(matches.first, Math.min(matches.length - 1, matches.placeOf(index)));
  const isSame = shownCount(log) > 0 && logs.seqAt(matches.at(cursor)) === reading.seq;
  return {
    ...log,
    cursor,
    top: Math.max(matches.first, cursor - reading.above),
    frozenCount: matches.placeOf(indexOfSeq(logs, reading.frozenSeq + 1, logCount)),
    inside: isSame ? log.inside : undefined,
    // Where nothing passes, the place is kept for the filter after this one.
    reading: isThere && shownCount(log) > 0 ? undefined : reading,
  };
}

/** How many of the lines were taken through the filters, from 0 to 1. */
export function scannedPart({ log, view }: OpenRun): number {
  const count = view.logCount - view.logs.first;
  return count === 0 ? 1 : Math.min(1, Math.max(0, log.scanned - view.logs.first) / count);
}

/** Are there lines left that no slice has looked at? Then `scanned` messages are due. */
export function isScanning(run: OpenRun): boolean {
  return run.log.scanned < run.view.logCount || searchedPart(run) < 1;
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

/** The line with this number, whether it passes or not; undefined where it is not kept. */
export function rowOfSeq(run: OpenRun, seq: number): LogRow | undefined {
  const { logs, logCount } = run.view;
  const index = indexOfSeq(logs, seq, logCount);
  return index < logCount && logs.seqAt(index) === seq ? logs.at(index) : undefined;
}

/** Place of the first line that passes and has this number or a higher one; `matchCount` where there is none. */
export function placeOfSeq(run: OpenRun, seq: number): number {
  return Math.min(run.log.matchCount, run.log.matches.placeOf(indexOfSeq(run.view.logs, seq, run.view.logCount)));
}

/** Are any of the filters at work? */
export function isFiltered(log: LogPane): boolean {
  return !log.filtersOff && (log.filter !== undefined || log.leastLevel !== 'debug' || log.onlyStep !== undefined || log.onlyId !== undefined);
}

/** How many lines a filter lets through, or so far. */
export function filterCount(run: OpenRun): string {
  const { first } = run.view.logs;
  const all = run.view.logCount - first;
  const passed = `${shownCount(run.log).toLocaleString('en-US')} of ${plural(all, 'line')}`;
  return isScanning(run) ? `${passed} so far, ${Math.floor((100 * (run.log.scanned - first)) / all)} %` : `${passed} pass`;
}
