import type { Json } from '../../protocol/json.ts';
import type { Asked } from '../../tracker/exchange-writer.ts';

/** Something a step asks for that no request is made for by `fetch`: an id, the time, a webhook. */
export interface Question extends Omit<Asked, 'url'> {
  /** What the answer depends on, when it does. */
  readonly about?: Json | undefined;
  /** Breaks the waiting for an answer off. */
  readonly signal?: AbortSignal | undefined;
}

/** To whom a request goes, by its address. */
export type KindOf = (url: string) => Asked['kind'];

/**
 * Everything a run's steps hear from the outside world goes through here. Two stand behind it: one asks and records
 * (`recording.ts`), the other answers from a recording (`replaying.ts`).
 */
export interface Outside {
  /** A `fetch` that does what `real` does, or what it did when it was recorded. */
  readonly fetch: (kindOf: KindOf, real: typeof fetch) => typeof fetch;
  /** Answers must be JSON. What `answer` throws is recorded and thrown again. */
  readonly ask: <T extends Json>(question: Question, answer: () => Promise<T>) => Promise<T>;
  readonly askNow: <T extends Json>(question: Question, answer: () => T) => T;
  /** Lets time pass; rejects when `signal` fires. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Resolves when every answer that has come is recorded. */
  readonly settled: () => Promise<void>;
}
