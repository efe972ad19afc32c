/** How a request to a provider ended when it did not succeed. */
export interface FailedAttempt {
  /** A read changes nothing, so it may be sent again whatever happened to it. */
  readonly kind: 'read' | 'create';
  /** Requests sent so far, this one included. */
  readonly attempt: number;
  /** The HTTP status, or how the connection failed. */
  readonly outcome: number | 'refused' | 'lost' | 'timeout';
  /** What the provider's `Retry-After` said, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** Requests sent at most, so four waits. */
export const MAX_ATTEMPTS = 5;

/** A provider that asks for a longer wait than this is not waited for. */
const MAX_WAIT_MS = 60_000;

/**
 * How long to wait before the request is sent again, in milliseconds; undefined when it must not be.
 *
 * Reads are repeated after 429, 5xx and every failure of the connection. A create is repeated only when the
 * provider certainly did not act on it: after 429 and a refused connection. After a 5xx, a time-out or a
 * connection lost half way its outcome is unknown, and a second one could cost twice.
 *
 * The waits are 1, 2, 4 and 8 s ±20 %, or what `Retry-After` says when that is longer. `jitter` is a
 * number in [0, 1).
 */
export function retryDelayMs(failed: FailedAttempt, jitter: number): number | undefined {
  if (failed.attempt >= MAX_ATTEMPTS || !mayRepeat(failed)) return undefined;
  const backoffMs = 1_000 * 2 ** (failed.attempt - 1) * (0.8 + 0.4 * jitter);
  const waitMs = Math.round(Math.max(backoffMs, failed.retryAfterMs ?? 0));
  return waitMs > MAX_WAIT_MS ? undefined : waitMs;
}

function mayRepeat({ kind, outcome }: FailedAttempt): boolean {
  if (outcome === 429 || outcome === 'refused') return true;
  if (kind === 'create') return false;
  return typeof outcome === 'string' || outcome >= 500;
}

/** The wait a `Retry-After` header asks for (seconds or an HTTP date), in milliseconds; undefined when it says nothing. */
export function parseRetryAfter(header: string | null, nowMs: number): number | undefined {
  if (header === null || header.trim() === '') return undefined;
  if (/^\d+(\.\d+)?$/.test(header.trim())) return Number(header) * 1_000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
