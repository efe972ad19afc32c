/*
 * Robust statistics: times have long tails, and one run on a busy machine must not decide anything.
 */

/** The value below which a share of the sorted values lies, interpolated between neighbours; NaN for none. */
export function quantile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share;
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  return low === undefined || high === undefined ? Number.NaN : low + (high - low) * (place - Math.floor(place));
}

export function median(values: readonly number[]): number {
  return quantile(ascending(values), 0.5);
}

export function ascending(values: readonly number[]): readonly number[] {
  return values.toSorted((a, b) => a - b);
}

/** Median of the distances from the median: the spread, untouched by outliers. */
export function medianDeviation(values: readonly number[]): number {
  const middle = median(values);
  return median(values.map((value) => Math.abs(value - middle)));
}

/** The place of each value among all, from 1; equal values share the mean of their places. */
export function ranks(values: readonly number[]): readonly number[] {
  const order = values.map((_, i) => i).toSorted((a, b) => values[a]! - values[b]!);
  const found: number[] = Array.from({ length: values.length }, () => 0);
  for (let i = 0; i < order.length;) {
    let end = i;
    while (end < order.length && values[order[end]!] === values[order[i]!]) end++;
    for (let j = i; j < end; j++) found[order[j]!] = (i + 1 + end) / 2;
    i = end;
  }
  return found;
}

/** Two-sided p of the rank-sum test of Mann and Whitney (1947), by the normal approximation with ties: for five values a side and more. */
export function rankSumP(a: readonly number[], b: readonly number[]): number {
  const all = ranks([...a, ...b]);
  const [n, m] = [a.length, b.length];
  if (n === 0 || m === 0) return 1;
  const u = all.slice(0, n).reduce((sum, rank) => sum + rank, 0) - (n * (n + 1)) / 2;
  const ties = [...Map.groupBy(all, (rank) => rank).values()].reduce((sum, { length: t }) => sum + (t ** 3 - t), 0);
  const variance = ((n * m) / 12) * (n + m + 1 - ties / ((n + m) * (n + m - 1)));
  if (!(variance > 0)) return 1;
  const z = Math.max(0, Math.abs(u - (n * m) / 2) - 0.5) / Math.sqrt(variance);
  return 2 * (1 - normalBelow(z));
}

/** Share of a normal distribution below z ≥ 0: Abramowitz and Stegun 26.2.17, to 7.5e-8. */
function normalBelow(z: number): number {
  const t = 1 / (1 + 0.231_641_9 * z);
  const tail = t * (0.319_381_53 + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
  return 1 - (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * tail;
}
