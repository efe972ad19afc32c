import { indexList, type IndexList } from '../../core/index-list.ts';
import type { LogRow } from '../../protocol/rows.ts';
import type { OpenRun } from '../state.ts';
import { FACTS_COST, rowCost, SLICE_COST, textCost } from './log-passes.ts';

/** What a search in the log has found so far. */
export interface FoundWords {
  readonly words: string;
  /** The lines that were searched, and their edition. */
  readonly matches: IndexList;
  readonly edition: number;
  /** Places of lines with the words, among those before `upTo`. Grows in place. */
  readonly hits: IndexList;
  readonly upTo: number;
}

const nothing: IndexList = indexList();

/** Looks for the words searched for in lines that were not looked at yet, as many as a slice allows. */
export function searchLog(run: OpenRun): OpenRun {
  const { log, view } = run;
  const words = log.search.toLowerCase();
  if (words === '') return log.found === undefined ? run : { ...run, log: { ...log, found: undefined } };
  const known = foundNow(run);
  const hits = known?.hits ?? indexList();
  const from = Math.max(log.matchFirst, Math.min(known?.upTo ?? 0, log.matchCount));
  if (known?.upTo === log.matchCount && hits.first >= hits.placeOf(log.matchFirst)) return run;

  hits.cutTo(hits.placeOf(from));
  hits.dropBelow(log.matchFirst);
  const says = view.logs.says(words);
  let upTo = from;
  for (let spent = 0; upTo < log.matchCount && spent + textCost(says.bytes) < SLICE_COST; upTo += 1) {
    const index = log.matches.at(upTo);
    spent += FACTS_COST;
    let isHit = says.at(index);
    if (isHit === undefined) {
      spent += rowCost(view.logs.sizeAt(index));
      isHit = lineHolds(view.logs.at(index), words);
    }
    if (isHit) hits.push(upTo);
  }
  return { ...run, log: { ...log, found: { words, matches: log.matches, edition: log.edition, hits, upTo } } };
}

/** Places of lines with the words searched for that are known by now, among those that pass. */
export function hitPlaces(run: OpenRun): IndexList {
  return foundNow(run)?.hits ?? nothing;
}

/** How much of the log was searched, from 0 to 1. */
export function searchedPart(run: OpenRun): number {
  const { matchFirst, matchCount, search } = run.log;
  if (search === '' || matchCount === matchFirst) return 1;
  return Math.max(0, ((foundNow(run)?.upTo ?? matchFirst) - matchFirst) / (matchCount - matchFirst));
}

/** Can it be said by now which hit comes next from the cursor in a direction, around the end? */
export function knowsNext(run: OpenRun, direction: 1 | -1): boolean {
  const found = foundNow(run);
  const { cursor, matchCount, matchFirst } = run.log;
  if (!found) return matchCount === matchFirst;
  if (found.upTo >= matchCount) return true;
  const { hits } = found;
  return direction === 1 ? hits.placeOf(cursor + 1) < hits.length : found.upTo >= cursor && hits.placeOf(cursor) > hits.first;
}

/** Does a line hold the words searched for? What is compared is what is shown. */
export function lineHolds(row: LogRow, search: string): boolean {
  return row.message.toLowerCase().includes(search) || (row.data !== null && JSON.stringify(row.data).toLowerCase().includes(search));
}

function foundNow({ log }: OpenRun): FoundWords | undefined {
  const { found } = log;
  return found && found.words === log.search.toLowerCase() && found.matches === log.matches && found.edition === log.edition ? found : undefined;
}
