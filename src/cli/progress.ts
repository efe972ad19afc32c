import { printable } from '../core/format.ts';

/** Says how far something has come, to a person who waits. Quiet for what is done within a second; where nobody looks on, for longer. */
export interface Progress {
  /** Called as often as one likes. */
  readonly at: (text: string) => void;
  /** Takes the line away that was written over and over; nothing is said after it. */
  readonly end: () => void;
}

/** Over the same line of a terminal; in a file each time is a line, so seldom. */
const terminal = { quietMs: 1_000, everyMs: 200 } as const;
const file = { quietMs: 5_000, everyMs: 10_000 } as const;

export function showProgress(stream: NodeJS.WriteStream = process.stderr, now: () => number = Date.now): Progress {
  const { quietMs, everyMs } = stream.isTTY ? terminal : file;
  let toldAt = now() + quietMs - everyMs;
  let isShown = false;
  let isOver = false;
  return {
    at: (text) => {
      if (isOver || now() - toldAt < everyMs) return;
      toldAt = now();
      isShown = true;
      const line = printable(text);
      stream.write(stream.isTTY ? `\r\u001B[2K${line}` : `${line}\n`);
    },
    end: () => {
      isOver = true;
      if (isShown && stream.isTTY) stream.write('\r\u001B[2K');
    },
  };
}
