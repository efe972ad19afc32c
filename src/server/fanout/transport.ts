/**
 * A way from one server to all others on the same database, itself included. A message arrives once or not
 * at all, and those of one sender in their order.
 */
export interface Transport {
  /** Rejects when the message was not handed on. */
  publish(text: string): Promise<void>;
  close(): Promise<void>;
}

/** Messages are larger than what a client sends, by its envelope and base64. */
export const maxMessageBytes = 4 * 1024 * 1024;
