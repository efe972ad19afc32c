/** Requests a server works on at once; more than these only wait in memory for the database's queue. */
const maxRequestsInFlight = 512;

/** Bytes of all bodies that are being read or worked on. One body alone may always come. */
const maxBytesInFlight = 64 * 1024 * 1024;

/** Attempts to sign in from one address in a minute that fail or are under way. Each costs a hash that is slow on purpose. */
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
  /** Takes one back that was counted in this minute. */
  takeBack(key: string): void;
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
    takeBack(key) {
      const count = counts.get(key);
      if (count !== undefined && window === Math.floor(now() / 60_000)) counts.set(key, Math.max(0, count - 1));
    },
  };
}

/** Attempts by key in windows of one minute, of which only those that fail are held against anybody. */
export interface AttemptCounter {
  /** Counts an attempt that begins; false when there were too many. */
  begin(key: string): boolean;
  /** It has ended. A failed one stays counted, for all servers together while they can share a count. */
  end(key: string, failed: boolean): Promise<void>;
}

/** `count` adds one for all servers; undefined when each counts for itself. */
export function createAttemptCounter(
  max: number,
  count: (key: string, lifetimeS: number) => Promise<number | undefined>,
  now: () => number = Date.now,
): AttemptCounter {
  const minute = () => Math.floor(now() / 60_000);
  // Counted here too, so that nobody starts anew when the others can no longer be asked.
  const own = createMinuteCounter(max, now);
  /** Whom all servers together have seen fail too often, and in which minute. */
  let over = { minute: 0, keys: new Set<string>() };
  return {
    begin: (key) => own.allow(key) && !(over.minute === minute() && over.keys.has(key)),
    async end(key, failed) {
      if (!failed) return own.takeBack(key);
      const current = minute();
      const shared = await count(`${current}:${key}`, 120);
      if (shared === undefined || shared < max) return;
      if (over.minute !== current) over = { minute: current, keys: new Set() };
      over.keys.add(key);
    },
  };
}
