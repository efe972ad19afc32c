import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, open, rename, rm, stat, writeFile, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';

/** What Storage keeps of a stored file beside its contents. */
interface FileMetadata {
  readonly cacheControl: string;
  readonly contentLength: number;
  readonly size: number;
  readonly mimetype: string;
  readonly lastModified: Date;
  readonly eTag: string;
  readonly httpStatusCode: number;
}

interface StoredFile {
  readonly metadata: FileMetadata;
  readonly httpStatusCode: number;
  readonly body: ReadableStream;
}

type Contents = ReadableStream<Uint8Array> | Uint8Array;

/** The half of Storage that holds bytes; which bucket and who may is decided before it is called. */
export interface FileStore {
  readonly driver: null;
  getObject(bucket: string, key: string): Promise<StoredFile>;
  uploadObject(
    bucket: string,
    key: string,
    version: string | undefined,
    body: Contents,
    contentType: string,
    cacheControl: string,
  ): Promise<FileMetadata>;
  deleteObject(bucket: string, key: string): Promise<void>;
  deleteObjects(bucket: string, keys: readonly string[]): Promise<void>;
  copyObject(fromBucket: string, fromKey: string, version: string | undefined, toBucket: string, toKey: string): Promise<FileMetadata>;
  headObject(bucket: string, key: string): Promise<FileMetadata>;
  privateAssetUrl(bucket: string, key: string): Promise<string>;
}

/**
 * Files in one directory, private to the user. A file is named by the hash of bucket and key, so no key can
 * lead out of the directory; it appears whole or not at all.
 */
export function createFileStore(root: string): FileStore {
  const pathOf = (bucket: string, key: string): string => {
    const hash = createHash('sha256').update(`${bucket}/${key}`).digest('hex');
    return join(root, hash.slice(0, 2), hash.slice(2));
  };
  const metadataPath = (path: string): string => `${path}.json`;

  async function head(bucket: string, key: string): Promise<FileMetadata> {
    const path = pathOf(bucket, key);
    const [file, description] = await Promise.all([stat(path), readFile(metadataPath(path), 'utf8')]);
    const { mimetype, cacheControl, eTag } = JSON.parse(description) as Pick<FileMetadata, 'mimetype' | 'cacheControl' | 'eTag'>;
    return { mimetype, cacheControl, eTag, contentLength: file.size, size: file.size, lastModified: file.mtime, httpStatusCode: 200 };
  }

  async function write(bucket: string, key: string, body: Contents, mimetype: string, cacheControl: string): Promise<FileMetadata> {
    const path = pathOf(bucket, key);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const half = `${path}.${randomUUID()}`;
    const hash = createHash('md5');
    const file = await open(half, 'wx', 0o600);
    try {
      for await (const chunk of body instanceof Uint8Array ? [body] : Readable.fromWeb(body as never)) {
        hash.update(chunk as Uint8Array);
        await file.write(chunk as Uint8Array);
      }
      await file.sync();
    } catch (error) {
      await rm(half, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    const description = { key: `${bucket}/${key}`, mimetype, cacheControl, eTag: `"${hash.digest('hex')}"` };
    await writeFile(metadataPath(path), JSON.stringify(description), { mode: 0o600 });
    await rename(half, path);
    return await head(bucket, key);
  }

  async function remove(bucket: string, key: string): Promise<void> {
    const path = pathOf(bucket, key);
    await rm(path, { force: true });
    await rm(metadataPath(path), { force: true });
  }

  return {
    driver: null,
    headObject: head,
    deleteObject: remove,
    uploadObject: async (bucket, key, _version, body, contentType, cacheControl) =>
      await write(bucket, key, body, contentType, cacheControl),
    deleteObjects: async (bucket, keys) => {
      for (const key of keys) await remove(bucket, key);
    },
    getObject: async (bucket, key) => {
      const metadata = await head(bucket, key);
      return { metadata, httpStatusCode: 200, body: Readable.toWeb(createReadStream(pathOf(bucket, key))) as ReadableStream };
    },
    copyObject: async (fromBucket, fromKey, _version, toBucket, toKey) => {
      const [from, to] = [pathOf(fromBucket, fromKey), pathOf(toBucket, toKey)];
      await mkdir(dirname(to), { recursive: true, mode: 0o700 });
      await copyFile(metadataPath(from), metadataPath(to));
      await copyFile(from, to);
      return await head(toBucket, toKey);
    },
    privateAssetUrl: async (bucket, key) => `file://${pathOf(bucket, key)}`,
  };
}
