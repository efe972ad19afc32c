import type { PauseLease } from '../core/command-rules.ts';
import type { Batch } from '../protocol/batch.ts';
import type { ControlFeed } from '../client/holder.ts';
import type { Unsubscribe } from '../client/backend.ts';

/** Rows of one run on their way to the backend, already masked. */
export type Rows = Omit<Batch, 'run_id' | 'holder_id'>;

/**
 * Where a tracker's rows go.
 *
 * Three stand behind it: the write-behind to a backend (`write-behind.ts`), the port to a supervising
 * thread (`run-port.ts`), and nothing at all.
 */
export interface Sink {
  /**
   * Takes rows over, at once and without waiting: whatever the caller does next (spin, exit, be terminated)
   * cannot lose them to it. Never throws. Later rows of the same id replace earlier ones.
   */
  write(rows: Rows): void;
  /** Resolves when everything written before is stored, or spooled because nobody answers. Never rejects. */
  flush(): Promise<void>;
  /** Flushes and lets go. Safe to call twice. */
  close(): Promise<void>;
}

/** How a tracker hears orders and answers them. */
export interface Controls {
  /** As `Holder.followControl`, for the one run. */
  follow(feed: ControlFeed): Promise<Unsubscribe>;
  /** Compare-and-set of a command's state. False when it was not ours to move: then do nothing. */
  settle(commandId: string, state: 'accepted' | 'done' | 'refused', reason?: string): Promise<boolean>;
  /**
   * Says, before a held run goes on without a command, that nobody else may take it up here any more. False when it
   * is not ours or nobody answers: then it must not go on.
   */
  leave(): Promise<boolean>;
  /** Whose the pause is now, while the lease of a terminal lives. */
  lease(): Promise<PauseLease | undefined>;
}

/** Both directions between a tracker and whoever keeps its run. */
export interface RunLink {
  readonly sink: Sink;
  readonly controls: Controls;
}
