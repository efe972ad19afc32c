import { indexList, type IndexList } from '../../core/index-list.ts';
import { levelRank } from '../../core/levels.ts';
import type { OpenRun } from '../state.ts';
import { placeOfSeq } from './log.ts';

/*
 * Places of a log that people go to: errors and marked lines. Errors that were found are kept beside the list of lines
 * that pass, and only what came since is looked at.
 */

const leastError = levelRank('error');

/** Errors found in a list of lines that pass, as it was at an edition; places before `upTo` were looked at. */
interface Found {
  readonly matches: IndexList;
  readonly edition: number;
  readonly places: IndexList;
  upTo: number;
}

let found: Found | undefined;

/** Places of errors among the lines that pass. */
export function errorPlaces(run: OpenRun): IndexList {
  const { matches, matchFirst, matchCount, edition } = run.log;
  if (found?.matches !== matches || found.edition !== edition || found.upTo > matchCount) found = { matches, edition, places: indexList(), upTo: matchFirst };
  found.places.dropBelow(matchFirst);
  for (found.upTo = Math.max(found.upTo, matchFirst); found.upTo < matchCount; found.upTo += 1) if (run.view.logs.levelAt(matches.at(found.upTo)) >= leastError) found.places.push(found.upTo);
  return found.places;
}

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
