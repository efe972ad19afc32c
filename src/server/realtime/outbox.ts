import type { WebSocket } from 'ws';

/** Bytes that may wait for a reader. One that is further behind is cut off and reads what it missed. */
export const maxBufferedBytes = 4 * 1024 * 1024;
/** Bytes handed to the socket ahead of the reader. They cannot be taken back, so that a close comes after them. */
const maxHandedOverBytes = 64 * 1024;
/** WebSocket close code: try again later. */
const tryAgainLater = 1013;

/** What is sent to one reader, in order, and never more of it than fits. */
export interface Outbox {
  send(data: string | Uint8Array): void;
  /**
   * Drops what waits and closes the socket with a reason. A reader that reads again hears it; one that does not
   * is forgotten when the server's close timeout is over.
   */
  cutOff(reason: string): void;
}

export function createOutbox(socket: WebSocket): Outbox {
  let waiting: (string | Uint8Array)[] = [];
  /** Characters count as bytes: texts are mostly ASCII, and kept as such. */
  let waitingBytes = 0;

  function pump(): void {
    while (waiting.length > 0 && socket.bufferedAmount < maxHandedOverBytes) {
      const data = waiting.shift()!;
      waitingBytes -= data.length;
      socket.send(data, pump);
    }
  }

  function cutOff(reason: string): void {
    waiting = [];
    waitingBytes = 0;
    socket.close(tryAgainLater, reason);
  }

  return {
    cutOff,
    send(data) {
      if (socket.readyState !== socket.OPEN) return;
      waiting.push(data);
      waitingBytes += data.length;
      pump();
      if (waitingBytes > maxBufferedBytes) cutOff('too slow: read after your last seq');
    },
  };
}
