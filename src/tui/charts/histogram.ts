import { countSigns } from './sparkline.ts';

/** How often values lie where, and where one of them lies. */
export interface Histogram {
  readonly from: number;
  readonly to: number;
  /** One sign a cell. */
  readonly signs: readonly string[];
  /** The cell of the marked value; undefined when none is marked. */
  readonly at: number | undefined;
}

/** Values in `cells` parts of equal width from the least to the greatest, the marked one within. Undefined where there is nothing to count. */
export function histogram(values: readonly number[], mark: number | undefined, cells: number, isAscii: boolean): Histogram | undefined {
  const counted = values.filter(Number.isFinite);
  const marked = mark !== undefined && Number.isFinite(mark) ? mark : undefined;
  const all = marked === undefined ? counted : [...counted, marked];
  if (counted.length === 0 || cells < 1) return undefined;
  const from = all.reduce((low, value) => Math.min(low, value), Infinity);
  const to = all.reduce((high, value) => Math.max(high, value), -Infinity);
  // Halves, because the distance of two numbers may be more than a number holds.
  const above = (value: number) => value / 2 - from / 2;
  const range = above(to);
  // All the same: one tower in the middle.
  const cellOf = (value: number) => (range === 0 ? Math.floor(cells / 2) : Math.min(cells - 1, Math.floor((above(value) / range) * cells)));
  const counts = Array.from({ length: cells }, () => 0);
  for (const value of counted) counts[cellOf(value)]! += 1;
  return { from, to, signs: countSigns(counts, isAscii), at: marked === undefined ? undefined : cellOf(marked) };
}
