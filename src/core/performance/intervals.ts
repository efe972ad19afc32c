/** A span of time in milliseconds since 1970. */
export interface Interval {
  readonly from: number;
  readonly to: number;
}

/** Of these times, how much is covered by one span at least. */
export function covered(spans: readonly Interval[]): number {
  let sum = 0;
  let end = -Infinity;
  for (const { from, to } of spans.toSorted((a, b) => a.from - b.from)) {
    if (to <= end) continue;
    sum += to - Math.max(from, end);
    end = to;
  }
  return sum;
}

/** The parts of these spans that lie within another. */
export function within(spans: readonly Interval[], around: Interval): readonly Interval[] {
  return spans.map(({ from, to }) => ({ from: Math.max(from, around.from), to: Math.min(to, around.to) })).filter(({ from, to }) => from < to);
}
