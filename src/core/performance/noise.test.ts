import { describe, expect, it } from 'vitest';
import { judgementWords, judgeTime, judgeTimes } from './noise.ts';
import { quantile, rankSumP, ranks } from './statistics.ts';

const noisy = [980, 1_020, 1_000, 1_100, 950, 1_030, 990, 1_010, 1_060, 970, 1_000, 1_040];

describe('judging a time', () => {
  it('says how much slower than the noise of earlier runs it is', () => {
    expect(judgementWords(judgeTime(2_100, noisy))).toBe('2.1x slower (p95 of 12 earlier runs: 1.1 s)');
    expect(judgementWords(judgeTime(400, noisy))).toBe('2.5x faster (median of 12 earlier runs: 1.0 s)');
  });

  it('calls what lies within it noise', () => {
    expect(judgementWords(judgeTime(1_120, noisy))).toBe('within noise');
    expect(judgeTime(1_120, [200, 1_900, 1_000, 400, 2_500, 1_200]).verdict).toBe('within-noise');
  });

  it('does not judge by too few', () => {
    expect(judgementWords(judgeTime(2_100, noisy.slice(0, 4)))).toBe('too few earlier runs to judge (4 of 5)');
    expect(judgementWords(judgeTime(2_100, []))).toBe('too few earlier runs to judge (0 of 5)');
  });

  it('makes nothing of what nobody would notice', () => {
    expect(judgeTime(4, [1, 1, 1, 1, 1, 1]).verdict).toBe('within-noise');
    expect(judgeTime(1_050, [1_000, 1_000, 1_000, 1_000, 1_000]).verdict).toBe('within-noise');
    expect(judgeTime(0, [0, 0, 0, 0, 0]).verdict).toBe('within-noise');
  });

  it('is not fooled by one earlier run that took an hour', () => {
    expect(judgeTime(2_100, [...noisy, 3_600_000]).verdict).toBe('slower');
  });

  it('finds in several runs together a shift that no single one shows', () => {
    const shifted = noisy.map((ms) => ms + 110);
    expect(shifted.filter((ms) => judgeTime(ms, noisy).verdict !== 'within-noise').length).toBeLessThan(5);
    expect(judgeTimes(shifted, noisy).verdict).toBe('slower');
    expect(judgeTimes(noisy.toReversed(), noisy).verdict).toBe('within-noise');
  });
});

describe('statistics', () => {
  it('interpolates quantiles and shares ranks', () => {
    expect([quantile([1, 2, 3, 4], 0.5), quantile([10, 20], 0.95), quantile([7], 0.3)]).toEqual([2.5, 19.5, 7]);
    expect(ranks([30, 10, 20, 20])).toEqual([4, 1, 2.5, 2.5]);
  });

  it('gives the p of the rank-sum test, with the correction for continuity', () => {
    // Ranks of the first add up to 27, so U is 6, and z = (18 - 6 - 0.5) / sqrt(39).
    expect(rankSumP([1.1, 2.2, 3.3, 4.4, 5.5, 6.6], [4, 5, 6, 7, 8, 9])).toBeCloseTo(0.0656, 3);
    expect(rankSumP([1, 1, 1, 1, 1], [1, 1, 1, 1, 1])).toBe(1);
  });
});
