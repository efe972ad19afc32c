import { describe, expect, it } from 'vitest';
import { parseRetryAfter, retryDelayMs, type FailedAttempt } from './retry.ts';

/** With the middle of the jitter the waits are whole seconds. */
const wait = (kind: FailedAttempt['kind'], outcome: FailedAttempt['outcome'], attempt = 1, retryAfterMs?: number) =>
  retryDelayMs({ kind, outcome, attempt, retryAfterMs }, 0.5);

describe('retrying a request to a provider', () => {
  it('repeats a create only when the provider certainly did not act on it', () => {
    const outcomes = [429, 'refused', 400, 401, 402, 404, 422, 500, 502, 503, 504, 'lost', 'timeout'] as const;
    expect(outcomes.filter((outcome) => wait('create', outcome) !== undefined)).toEqual([429, 'refused']);
  });

  it('repeats a read after everything but an answer that will not change', () => {
    const outcomes = [429, 'refused', 'lost', 'timeout', 500, 502, 503, 504, 400, 401, 402, 404, 422] as const;
    expect(outcomes.filter((outcome) => wait('read', outcome) !== undefined)).toEqual([
      429,
      'refused',
      'lost',
      'timeout',
      500,
      502,
      503,
      504,
    ]);
  });

  it('waits 1, 2, 4 and 8 seconds and then gives up', () => {
    expect([1, 2, 3, 4, 5].map((attempt) => wait('read', 503, attempt))).toEqual([1_000, 2_000, 4_000, 8_000, undefined]);
  });

  it('spreads each wait by a fifth to both sides', () => {
    const failed: FailedAttempt = { kind: 'read', outcome: 503, attempt: 3 };
    expect([0, 0.25, 0.5, 0.75].map((jitter) => retryDelayMs(failed, jitter))).toEqual([3_200, 3_600, 4_000, 4_400]);
  });

  it('waits as long as the provider asks, but never shorter than its own wait', () => {
    expect(wait('create', 429, 1, 7_000)).toBe(7_000);
    expect(wait('create', 429, 4, 500)).toBe(8_000);
  });

  it('gives up on a provider that asks for more than a minute', () => {
    expect(wait('create', 429, 1, 61_000)).toBeUndefined();
  });

  it('reads Retry-After as seconds or as a date', () => {
    const now = Date.parse('2026-11-20T12:00:00Z');
    const cases: readonly (readonly [string | null, number | undefined])[] = [
      ['3', 3_000],
      ['0.5', 500],
      ['Fri, 20 Nov 2026 12:00:10 GMT', 10_000],
      ['Fri, 20 Nov 2026 11:00:00 GMT', 0],
      ['soon', undefined],
      ['', undefined],
      [null, undefined],
    ];
    for (const [header, expected] of cases) expect(parseRetryAfter(header, now), String(header)).toBe(expected);
  });
});
