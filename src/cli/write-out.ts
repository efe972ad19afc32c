import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../protocol/error.ts';
import type { Io } from './io.ts';

/** Writes text to standard output as fast as its reader reads, and stops when the reader is gone. */
export async function writeToStdout(pieces: AsyncIterable<string>, io: Pick<Io, 'readerGone'>): Promise<void> {
  for await (const piece of pieces) {
    if (io.readerGone.aborted) return;
    if (process.stdout.write(piece)) continue;
    await once(process.stdout, 'drain', { signal: io.readerGone }).catch((error: unknown) => {
      if (!io.readerGone.aborted) throw error;
    });
  }
}

/**
 * Writes text to a file for its owner alone, all of it or nothing: beside its place, and then moved there.
 *
 * @throws UserError `usage` when it cannot be written, `no-space` when the disk is full.
 */
export async function writeToFile(path: string, pieces: AsyncIterable<string>): Promise<void> {
  const beside = join(dirname(path), `.${basename(path).slice(0, 100)}.${randomBytes(6).toString('hex')}`);
  try {
    const file = await open(beside, 'wx', 0o600);
    try {
      for await (const piece of pieces) await file.appendFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (cause) {
    await rm(beside, { force: true });
    throw writingError(path, cause);
  }
}

function writingError(path: string, cause: unknown): unknown {
  if (cause instanceof UserError || !(cause instanceof Error) || !('syscall' in cause)) return cause;
  const { code } = cause as NodeJS.ErrnoException;
  if (code === 'ENOSPC') return new UserError('no-space', `no room for ${path}`, { cause });
  return new UserError('usage', `cannot write ${path}: ${cause.message}`, { cause });
}
