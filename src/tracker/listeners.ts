/** Who wants to hear of something. */
export interface Listeners<T> {
  readonly count: () => number;
  /** Returns how to stop. */
  readonly add: (listener: (what: T) => void) => () => void;
  readonly tell: (what: T) => void;
  readonly clear: () => void;
}

/** A listener that throws is its own affair: the others are told all the same, and the error surfaces as uncaught. */
export function createListeners<T>(): Listeners<T> {
  const listeners = new Set<(what: T) => void>();
  return {
    count: () => listeners.size,
    add: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    tell: (what) => {
      for (const listener of listeners) {
        try {
          listener(what);
        } catch (error) {
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    },
    clear: () => listeners.clear(),
  };
}
