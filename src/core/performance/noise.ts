import type { TimeJudgement } from '../../protocol/comparison.ts';
import { plural } from '../format.ts';
import { formatDuration } from '../format.ts';
import { ascending, medianDeviation, quantile, rankSumP } from './statistics.ts';

/** Fewer earlier times than this say nothing about noise. */
export const FEWEST_EARLIER = 5;
/** Beyond this a modified z-score is an outlier: B. Iglewicz and D. Hoaglin, "How to Detect and Handle Outliers", 1993. */
const MOST_SCORE = 3.5;
/** A median deviation is this share of a standard deviation in normal noise. */
const DEVIATION_SHARE = 0.6745;
/** Less than this much, or than this many milliseconds, matters to nobody, however steady the times are. */
export const LEAST_EFFECT = 0.1;
const LEAST_EFFECT_MS = 5;
/** Times this steady are rare: never judge by less spread than this share of the median. */
const LEAST_SPREAD = 0.03;
/** Two sets differ when chance makes as large a difference less often than this. */
const MOST_CHANCE = 0.01;

/** Judges a time by those of earlier runs: outside of their spread, and by enough to matter? Milliseconds. */
export function judgeTime(ms: number, earlier: readonly number[]): TimeJudgement {
  const facts = factsOf(ms, earlier);
  if (earlier.length < FEWEST_EARLIER) return { verdict: 'unknown', ...facts };
  const middle = facts.median!;
  const spread = Math.max(medianDeviation(earlier) / DEVIATION_SHARE, LEAST_SPREAD * middle, 1);
  const isOutside = Math.abs(ms - middle) / spread > MOST_SCORE;
  return { verdict: isOutside ? verdictOf(ms, middle) : 'within-noise', ...facts };
}

/**
 * Judges several new times together by earlier ones, five of each at least: by the rank-sum test, so a shift much
 * smaller than the noise of one run is found. With fewer new ones, their median is judged as one time.
 */
export function judgeTimes(newer: readonly number[], earlier: readonly number[]): TimeJudgement {
  const ms = quantile(ascending(newer), 0.5);
  if (newer.length < FEWEST_EARLIER || earlier.length < FEWEST_EARLIER) return judgeTime(ms, earlier);
  const facts = factsOf(ms, earlier);
  return { verdict: rankSumP(newer, earlier) < MOST_CHANCE ? verdictOf(ms, facts.median!) : 'within-noise', ...facts };
}

/** `2.1x slower (p95 of 12 earlier runs: 1.4 s)`, `within noise`, `too few earlier runs to judge (2 of 5)`. */
export function judgementWords({ verdict, earlier, p95, ratio, median }: TimeJudgement): string {
  if (verdict === 'unknown') return `too few earlier runs to judge (${earlier} of ${FEWEST_EARLIER})`;
  if (verdict === 'within-noise') return 'within noise';
  const times = ratio === null || ratio === 0 ? '' : `${factor(verdict === 'slower' ? ratio : 1 / ratio)}x `;
  const edge = verdict === 'slower' ? `p95 of ${plural(earlier, 'earlier run')}: ${formatDuration(p95!)}` : `median of ${plural(earlier, 'earlier run')}: ${formatDuration(median!)}`;
  return `${times}${verdict} (${edge})`;
}

function factor(value: number): string {
  return value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en-US');
}

function verdictOf(ms: number, middle: number): TimeJudgement['verdict'] {
  const isNotable = Math.abs(ms - middle) >= Math.max(LEAST_EFFECT * middle, LEAST_EFFECT_MS);
  return !isNotable ? 'within-noise' : ms > middle ? 'slower' : 'faster';
}

function factsOf(ms: number, earlier: readonly number[]): Omit<TimeJudgement, 'verdict'> {
  const sorted = ascending(earlier);
  const middle = sorted.length === 0 ? null : quantile(sorted, 0.5);
  return { ms, earlier: sorted.length, median: middle, p95: sorted.length === 0 ? null : quantile(sorted, 0.95), ratio: middle === null || middle === 0 ? null : ms / middle };
}
