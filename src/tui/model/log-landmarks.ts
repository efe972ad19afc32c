import { indexList, type IndexList } from '../../core/index-list.ts';
import { levelRank } from '../../core/levels.ts';
import type { OpenRun } from '../state.ts';
import { placeOfSeq } from './log.ts';

/*
 * Places of a log that people go to: errors, lines with the words searched for, marked lines. What was found is kept
 * beside the list of lines that pass, and only what came since is looked at.
 */

interface Found {
  readonly places: IndexList;
  /** Places before this one were looked at. */
  upTo: number;
  edition: number;
}

function landmarks(keyOf: (run: OpenRun) => string, isOne: (run: OpenRun, place: number) => boolean): (run: OpenRun) => IndexList {
  let of: { readonly matches: IndexList; readonly key: string; readonly found: Found } | undefined;
  return (run) => {
    const { matches, matchFirst, matchCount, edition } = run.log;
    const key = keyOf(run);
    const isSame = of !== undefined && of.matches === matches && of.key === key && of.found.edition === edition && of.found.upTo <= matchCount;
    const found: Found = isSame ? of!.found : { places: indexList(), upTo: matchFirst, edition };
    if (!isSame) of = { matches, key, found };
    found.places.dropBelow(matchFirst);
    for (found.upTo = Math.max(found.upTo, matchFirst); found.upTo < matchCount; found.upTo += 1) if (isOne(run, found.upTo)) found.places.push(found.upTo);
    return found.places;
  };
}

const leastError = levelRank('error');

/** Places of errors among the lines that pass. */
export const errorPlaces = landmarks(() => '', (run, place) => run.view.logs.levelAt(run.log.matches.at(place)) >= leastError);

/** Places of marked lines, among those that pass. */
export function bookmarkPlaces(run: OpenRun): IndexList {
  const { log, view, bookmarks } = run;
  const places = indexList();
  for (const { seq } of bookmarks) {
    const place = placeOfSeq(run, seq);
    if (place < log.matchCount && view.logs.seqAt(log.matches.at(place)) === seq) places.push(place);
  }
  return places;
}

/** Which of the landmarks comes next from a place, in a direction and around the end. */
export interface NextLandmark {
  readonly place: number;
  /** Counted from 1. */
  readonly number: number;
  readonly count: number;
  readonly wrapped: boolean;
}

/** The next of some places in a direction; undefined where there is none at all. */
export function nextLandmark(places: IndexList, from: number, direction: 1 | -1): NextLandmark | undefined {
  const { first, length } = places;
  if (length === first) return undefined;
  const next = direction === 1 ? places.placeOf(from + 1) : places.placeOf(from) - 1;
  const wrapped = next >= length || next < first;
  const at = !wrapped ? next : direction === 1 ? first : length - 1;
  return { place: places.at(at), number: at - first + 1, count: length - first, wrapped };
}
