import { createReadStream } from 'node:fs';
import { copyFile, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import type { ReceivedFile } from './receive-file.ts';

/** Bytes `first` to `last`, both included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Contents of files by the id of their version. A version never changes and its id tells nothing of the
 * file's name, so that no name can lead anywhere, moving is a matter of the database alone, and a file shows
 * its old contents until the new are whole.
 */
export interface BlobStore {
  /** Takes the received file over, or leaves nothing behind. */
  put(id: string, file: ReceivedFile): Promise<void>;
  /** Undefined when there is none. Throws `StorageError` 503 when the store is away. */
  get(id: string, range?: ByteRange): Promise<ReadableStream<Uint8Array> | undefined>;
  copy(from: string, to: string): Promise<void>;
  /** What is not there is gone already. */
  remove(id: string): Promise<void>;
}

/** Contents in a directory that is private to the user. */
export function createDiskStore(root: string): BlobStore {
  const pathOf = (id: string): string => join(root, 'blobs', id.slice(-2), id);
  const ready = async (id: string): Promise<string> => {
    await mkdir(dirname(pathOf(id)), { recursive: true, mode: 0o700 });
    return pathOf(id);
  };
  return {
    put: async (id, file) => await rename(file.path, await ready(id)),
    get: async (id, range) => {
      const path = pathOf(id);
      if ((await stat(path).catch(() => undefined)) === undefined) return undefined;
      return Readable.toWeb(createReadStream(path, range && { start: range.first, end: range.last })) as ReadableStream<Uint8Array>;
    },
    copy: async (from, to) => await copyFile(pathOf(from), await ready(to)),
    remove: async (id) => await rm(pathOf(id), { force: true }),
  };
}

/** Uploads that take longer than this have ended with the process that received them. */
const abandonedMs = 60 * 60_000;

/** Removes what is left of uploads whose server died. */
export async function removeAbandoned(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    const path = join(directory, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > abandonedMs) await rm(path, { force: true });
  }
}
