import { createHash } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid, StorageError } from './storage-error.ts';

/** Contents that have arrived whole and lie on disk. Whoever has one removes or renames it. */
export interface ReceivedFile {
  readonly path: string;
  readonly size: number;
  /** Hexadecimal. */
  readonly md5: string;
  readonly sha256: string;
}

/** Writes contents to a file of its own as they come, in constant memory, and on disk for good. Throws 413 beyond `maxBytes`. */
export async function receiveFile(directory: string, contents: AsyncIterable<Uint8Array>, maxBytes: number): Promise<ReceivedFile> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, crypto.randomUUID());
  const [md5, sha256] = [createHash('md5'), createHash('sha256')];
  let size = 0;
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of contents) {
      size += chunk.length;
      if (size > maxBytes)
        throw new StorageError(413, 'EntityTooLarge', `The object exceeded the maximum allowed size of ${maxBytes} bytes`);
      md5.update(chunk);
      sha256.update(chunk);
      await file.write(chunk);
    }
    await file.sync();
    return { path, size, md5: md5.digest('hex'), sha256: sha256.digest('hex') };
  } catch (error) {
    await rm(path, { force: true });
    throw described(error);
  } finally {
    await file.close();
  }
}

function described(error: unknown): unknown {
  if (error instanceof StorageError) return error;
  if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return new StorageError(507, 'unavailable', 'the disk is full');
  // Whoever sent it went away; nobody hears this.
  return (error as Error).name === 'AbortError' || error instanceof TypeError ? invalid('the upload ended before its file did') : error;
}
