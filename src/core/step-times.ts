/** Fewer earlier runs of a step say nothing of how long it usually takes. */
const LEAST_RUNS = 5;

/**
 * The 95th percentile of how long steps took, in milliseconds by step key; the nearest rank, so it is a time that was
 * measured. Steps of which fewer than five times are known are left out.
 */
export function slowTimes(steps: readonly { readonly step_key: string; readonly duration_ms: number | null }[]): Readonly<Record<string, number>> {
  const byKey = Map.groupBy(
    steps.filter((step) => step.duration_ms !== null),
    (step) => step.step_key,
  );
  return Object.fromEntries(
    [...byKey].flatMap(([key, rows]) => {
      const sorted = rows.map((row) => row.duration_ms!).toSorted((a, b) => a - b);
      return sorted.length < LEAST_RUNS ? [] : [[key, sorted[Math.ceil(sorted.length * 0.95) - 1]!]];
    }),
  );
}
