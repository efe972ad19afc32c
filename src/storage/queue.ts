import { UserError } from '../protocol/error.ts';

/** Nobody waits longer than this for a turn. */
const MAX_WAIT_MS = 15_000;

/** A fair queue for something that only so many may have at a time. */
export interface Queue {
  /** Waits for a turn and answers with how to end it. */
  enter(): Promise<() => void>;
  readonly isIdle: () => boolean;
}

/** First come, first served. Who waits longer than `maxWaitMs` gets a UserError `unavailable`. */
export function createQueue({
  places = 1,
  maxWaitMs = MAX_WAIT_MS,
}: { readonly places?: number; readonly maxWaitMs?: number } = {}): Queue {
  const waiting: (() => void)[] = [];
  let taken = 0;

  function leave(): void {
    const next = waiting.shift();
    if (next) next();
    else taken -= 1;
  }

  function turn(): () => void {
    let over = false;
    return () => {
      if (over) return;
      over = true;
      leave();
    };
  }

  return {
    enter() {
      if (taken < places) {
        taken += 1;
        return Promise.resolve(turn());
      }
      return new Promise((resolve, reject) => {
        const start = (): void => {
          clearTimeout(clock);
          resolve(turn());
        };
        const clock = setTimeout(() => {
          waiting.splice(waiting.indexOf(start), 1);
          reject(new UserError('unavailable', `the database was busy for ${maxWaitMs / 1000} s`, { hint: 'Try again shortly' }));
        }, maxWaitMs);
        waiting.push(start);
      });
    },
    isIdle: () => taken === 0,
  };
}
