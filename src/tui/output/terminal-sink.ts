import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import type { WriteStream } from 'node:tty';

/** Where bytes for the terminal go. Never waits for a terminal that stands still. */
export interface Sink {
  /** Takes as much as the terminal takes now: the number of bytes. Throws when the terminal is gone. */
  write(bytes: Uint8Array): number;
  close(): void;
}

/**
 * The terminal of the standard output, opened anew and non-blocking: Node's own writes to a terminal block the whole
 * program while it stands still. As a file description of its own it leaves the shell's flags alone.
 * Where it cannot be had, the stream itself takes everything, and blocks.
 */
export function terminalSink(stdout: WriteStream): Sink {
  for (const path of ['/proc/self/fd/1', '/dev/tty']) {
    const fd = openTerminal(path);
    if (fd !== undefined) return { write: (bytes) => writeSome(fd, bytes), close: () => closeSync(fd) };
  }
  // Whoever keeps what others write to the stream does not keep this.
  const write = stdout.write.bind(stdout);
  return { write: (bytes) => (write(bytes), bytes.length), close: () => undefined };
}

function openTerminal(path: string): number | undefined {
  try {
    // The controlling terminal is another one when the output was led elsewhere.
    if (path === '/dev/tty' && fstatSync(0).rdev !== fstatSync(1).rdev) return undefined;
    return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return undefined;
  }
}

function writeSome(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EAGAIN' || code === 'EINTR') return 0;
    throw error;
  }
}
