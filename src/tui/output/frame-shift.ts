import { blankRow, type Row } from './cells.ts';

/** Rows `top` to `bottom` move up by so many, or down where it is negative. */
export interface Shift {
  readonly top: number;
  readonly bottom: number;
  readonly by: number;
}

/** Margins, cursor and margins again. */
const SHIFT_BYTES = 16;
/** Moving the cursor to a change, and changing the style. */
const MOVE_BYTES = 6;
const STYLE_BYTES = 6;
/** Of the distances that rows may have moved, so many are looked at closely. */
const MAX_CANDIDATES = 3;
/** A text that stands in more rows than this says nothing about where it moved. */
const MAX_EQUAL_ROWS = 8;
/** At the right edge stands a scrollbar, which does not move with the rows. */
const EDGE_CELLS = 2;

/** The shift that saves most bytes, if any does. */
export function findShift(shown: readonly Row[], next: readonly Row[]): Shift | undefined {
  const height = next.length;
  const unmoved = next.map((row, at) => costOf(shown[at]!, row));
  if (unmoved.filter((cost) => cost > 0).length < 2) return undefined;
  const columns = next[0]!.texts.length;
  const blank = blankRow(columns);
  const filled = next.map((row) => costOf(blank, row));

  let best: Shift | undefined;
  let bestGain = 0;
  for (const by of candidates(shown, next, unmoved)) {
    const distance = Math.abs(by);
    const moved = sums(next.map((row, at) => (shown[at + by] ? unmoved[at]! - costOf(shown[at + by]!, row) : 0)));
    const fresh = sums(next.map((_, at) => unmoved[at]! - filled[at]!));
    for (let top = 0; top < height - distance; top += 1) {
      for (let bottom = top + distance; bottom < height; bottom += 1) {
        const kept = by > 0 ? [top, bottom - by + 1] as const : [top + distance, bottom + 1] as const;
        const empty = by > 0 ? [bottom - by + 1, bottom + 1] as const : [top, top + distance] as const;
        const gain = moved[kept[1]]! - moved[kept[0]]! + fresh[empty[1]]! - fresh[empty[0]]! - SHIFT_BYTES - distance * (by > 0 ? 2 : 3);
        if (gain > bestGain) {
          bestGain = gain;
          best = { top, bottom, by };
        }
      }
    }
  }
  return best;
}

/** `sums[n]` is the sum of the first n. */
function sums(values: readonly number[]): readonly number[] {
  const all = [0];
  for (const value of values) all.push(all.at(-1)! + value);
  return all;
}

/** The distances by which most texts have moved. */
function candidates(shown: readonly Row[], next: readonly Row[], unmoved: readonly number[]): readonly number[] {
  const places = new Map<string, number[]>();
  shown.forEach((row, at) => {
    const key = keyOf(row);
    if (key !== '') places.set(key, [...(places.get(key) ?? []), at].slice(0, MAX_EQUAL_ROWS));
  });
  const votes = new Map<number, number>();
  next.forEach((row, at) => {
    if (unmoved[at] === 0) return;
    for (const place of places.get(keyOf(row)) ?? []) {
      const by = place - at;
      if (by !== 0) votes.set(by, (votes.get(by) ?? 0) + 1);
    }
  });
  return [...votes].toSorted((one, other) => other[1] - one[1]).slice(0, MAX_CANDIDATES).map(([by]) => by);
}

function keyOf(row: Row): string {
  return row.texts.slice(0, -EDGE_CELLS).join('').trimEnd();
}

/** About how many bytes it takes to turn one row into the other. */
function costOf(shown: Row, next: Row): number {
  if (shown === next) return 0;
  let cost = 0;
  let last = -2;
  let style = '';
  for (let cell = 0; cell < next.end; cell += 1) {
    if (shown.texts[cell] === next.texts[cell] && shown.styles[cell] === next.styles[cell]) continue;
    cost += last === cell - 1 ? 1 : 1 + MOVE_BYTES;
    if (next.styles[cell] !== style && next.texts[cell] !== ' ') {
      cost += STYLE_BYTES;
      style = next.styles[cell]!;
    }
    last = cell;
  }
  return shown.end > next.end ? cost + MOVE_BYTES : cost;
}
