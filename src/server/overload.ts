/** Requests a server works on at once; more than these only wait in memory for the database's queue. */
const maxRequestsInFlight = 512;

/** Bytes of all bodies that are being read or worked on. One body alone may always come. */
const maxBytesInFlight = 64 * 1024 * 1024;

/** Attempts to sign in from one address in a minute. Each costs a hash that is slow on purpose. */
export const maxSignInsPerMinute = 60;

/** Room for requests, taken before their bodies are read. */
export interface Room {
  /** Undefined when there is none left; otherwise how to give it back. */
  take(bytes: number): (() => void) | undefined;
}

export function createRoom(): Room {
  let [requests, bytesTaken] = [0, 0];
  return {
    take(bytes) {
      if (requests >= maxRequestsInFlight || (bytesTaken > 0 && bytesTaken + bytes > maxBytesInFlight)) return undefined;
      requests += 1;
      bytesTaken += bytes;
      return () => {
        requests -= 1;
        bytesTaken -= bytes;
      };
    },
  };
}

/** Counts what happens per key in windows of one minute. */
export interface MinuteCounter {
  /** Counts one more; false when that is one too many. */
  allow(key: string): boolean;
}

export function createMinuteCounter(max: number, now: () => number = Date.now): MinuteCounter {
  let window = 0;
  let counts = new Map<string, number>();
  return {
    allow(key) {
      const current = Math.floor(now() / 60_000);
      if (current !== window) {
        window = current;
        counts = new Map();
      }
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      return count <= max;
    },
  };
}

/** Counts as {@link createMinuteCounter} does, for all servers together while they can share a count. */
export interface SharedMinuteCounter {
  allow(key: string): Promise<boolean>;
}

/** `count` adds one for all servers; undefined when each counts for itself. */
export function shareMinuteCounter(
  max: number,
  count: (key: string, lifetimeS: number) => Promise<number | undefined>,
  now: () => number = Date.now,
): SharedMinuteCounter {
  const own = createMinuteCounter(max, now);
  return {
    async allow(key) {
      // Counted here too, so that nobody starts anew when the others can no longer be asked.
      const isAllowed = own.allow(key);
      const shared = await count(`${Math.floor(now() / 60_000)}:${key}`, 120);
      return isAllowed && (shared ?? 0) <= max;
    },
  };
}
