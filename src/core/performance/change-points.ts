import type { ChangePoint } from './performance.ts';
import { LEAST_EFFECT } from './noise.ts';
import { median, ranks } from './statistics.ts';

/** On either side of a change; fewer say nothing about what is usual there. */
const FEWEST_ON_A_SIDE = 5;
const MOST_CHANCE = 0.05;

/**
 * Where a series of times (milliseconds, oldest first) changed for good, in its order; noise and single outliers
 * are no changes.
 *
 * The test is Pettitt's: of all splits the one whose sides differ most in rank, U(t) = 2·Σ rank − t·(n + 1), with
 * p ≈ 2·exp(−6·U² / (n³ + n²)) (A. N. Pettitt, "A Non-Parametric Approach to the Change-Point Problem", Applied
 * Statistics 28, 1979). Each side of a change is then looked at for itself. The medians must differ by a tenth.
 */
export function changePoints(values: readonly number[]): readonly ChangePoint[] {
  return splitAt(values, 0, values.length)
    .map((one, i, all) => describe(values, one, all[i - 1]?.index ?? 0, all[i + 1]?.index ?? values.length))
    .filter(({ beforeMs, ratio }) => beforeMs > 0 && Math.abs(ratio - 1) >= LEAST_EFFECT);
}

interface Split {
  readonly index: number;
  readonly p: number;
}

function splitAt(values: readonly number[], from: number, to: number): readonly Split[] {
  const n = to - from;
  if (n < 2 * FEWEST_ON_A_SIDE) return [];
  const part = values.slice(from, to);
  let [sum, best, at] = [0, 0, 0];
  for (const [i, rank] of ranks(part).entries()) {
    sum += rank;
    const size = i + 1;
    const u = Math.abs(2 * sum - size * (n + 1));
    if (size >= FEWEST_ON_A_SIDE && n - size >= FEWEST_ON_A_SIDE && u > best) [best, at] = [u, size];
  }
  const p = Math.min(1, 2 * Math.exp((-6 * best ** 2) / (n ** 3 + n ** 2)));
  if (at === 0 || p > MOST_CHANCE) return [];
  const index = from + at;
  return [...splitAt(values, from, index), { index, p }, ...splitAt(values, index, to)];
}

function describe(values: readonly number[], { index, p }: Split, from: number, to: number): ChangePoint {
  const [beforeMs, afterMs] = [median(values.slice(from, index)), median(values.slice(index, to))];
  return { index, beforeMs, afterMs, ratio: afterMs / beforeMs, p };
}
