/** The time of a pause: how long a run is held before its policy applies, unless a terminal says that it is there. */
export interface HoldLease {
  /** Begins anew, or goes on until `until` of an earlier holder. Returns when it ends, as ISO 8601. */
  readonly start: (until?: string | null) => string;
  /** A terminal holds the pause until then at least. */
  readonly extend: (until: string) => void;
  readonly stop: () => void;
}

/** The longest time a timer takes; what is longer is looked at again then. */
const MOST_TIMER_MS = 2 ** 31 - 1;

/** `onEnd` is called when the time is over, on a timer that keeps no process alive. */
export function createHoldLease(leaseMs: number, onEnd: () => void): HoldLease {
  let timer: NodeJS.Timeout | undefined;
  let endsMs = 0;

  const arm = () => {
    clearTimeout(timer);
    timer = setTimeout(() => (Date.now() < endsMs ? arm() : onEnd()), Math.min(Math.max(0, endsMs - Date.now()), MOST_TIMER_MS));
    timer.unref();
  };
  return {
    start: (until) => {
      const earlierMs = until == null ? Number.NaN : Date.parse(until);
      endsMs = Number.isNaN(earlierMs) ? Date.now() + leaseMs : earlierMs;
      arm();
      return new Date(endsMs).toISOString();
    },
    // The timer looks at the time again when it is due.
    extend: (until) => void (endsMs = Math.max(endsMs, Date.parse(until))),
    stop: () => clearTimeout(timer),
  };
}
