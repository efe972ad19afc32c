import type { Area } from '../layout.ts';
import type { IndexList } from '../../core/index-list.ts';
import type { OpenRun } from '../state.ts';
import { shownCount } from './log.ts';
import { bookmarkPlaces, errorPlaces } from './log-landmarks.ts';
import { hitPlaces } from './log-search.ts';

/** What one cell of a scrollbar shows: a landmark in the lines it stands for, and whether some of these are in sight. */
export interface ScrollCell {
  readonly mark: 'bookmark' | 'hit' | 'error' | undefined;
  readonly inSight: boolean;
}

/**
 * Has the log a scrollbar now? Not while it follows: its rows then move as a whole, which costs a link least, and the place is
 * the end. Empty cells of it are blank for the same reason.
 */
export function hasScrollbar(run: OpenRun, area: Area): boolean {
  return !run.log.follows && shownCount(run.log) > area.rows && area.rows > 2;
}

/**
 * A scrollbar of so many cells, for a log whose first line in sight stands at `top`. It is about the lines there were when the
 * view was frozen, and those that were looked at since: what comes in moves nothing.
 */
export function scrollCells(run: OpenRun, height: number, top: number): readonly ScrollCell[] {
  const { matchFirst: first, matchCount, frozenCount } = run.log;
  const end = Math.min(matchCount, Math.max(frozenCount, top + height));
  const count = end - first;
  const bounds = Array.from({ length: height + 1 }, (_, cell) => first + Math.floor((count * cell) / height));
  const size = Math.max(1, Math.round((height * height) / count));
  const highest = height - size;
  const thumb = count <= height ? 0 : Math.min(highest, Math.round((highest * (top - first)) / (count - height)));
  const lists: readonly (readonly [NonNullable<ScrollCell['mark']>, IndexList])[] = [
    ['bookmark', bookmarkPlaces(run)],
    ...(run.log.search === '' ? [] : [['hit', hitPlaces(run)] as const]),
    ['error', errorPlaces(run)],
  ];
  return Array.from({ length: height }, (_, cell) => ({
    mark: lists.find(([, places]) => places.placeOf(bounds[cell]!) < places.placeOf(bounds[cell + 1]!))?.[0],
    inSight: cell >= thumb && cell < thumb + size,
  }));
}
