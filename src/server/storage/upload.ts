import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { JsonObject, type Json } from '../../protocol/json.ts';
import { DatabaseError, type Claims, type Database } from '../../storage/database.ts';
import { readBody } from '../request-body.ts';
import type { BlobStore } from './blob-store.ts';
import { maxFileBytes, readBucket, type Bucket } from './buckets.ts';
import { checkedName } from './file-name.ts';
import { storeObject, tryStore, type FileMetadata, type NewVersion, type Place } from './objects.ts';
import { receiveFile, type ReceivedFile } from './receive-file.ts';
import type { SignedLinks } from './signed-links.ts';
import { invalid, StorageError } from './storage-error.ts';

export interface StorageServices {
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly links: SignedLinks;
  /** Where uploads are received. */
  readonly directory: string;
}

/** One request to Storage. */
export interface Call extends StorageServices {
  readonly claims: Claims;
  readonly request: Request;
  readonly url: URL;
}

/** What stands around the file in a form. */
const maxFormBytes = 1024 * 1024;

/** Does a request bring a file that is written to disk as it comes, and so takes no room in memory? */
export function isStreamedUpload(request: Request, pathname: string): boolean {
  return (
    /^\/storage\/v1\/object\/(?!(?:list|move|copy|sign)(?:\/|$))/.test(pathname) &&
    ['POST', 'PUT'].includes(request.method) &&
    !isForm(request)
  );
}

const isForm = (request: Request): boolean => /^multipart\/form-data/i.test(request.headers.get('content-type') ?? '');

/** Receives the file of a request into a place, and returns its id. Refusals come before the file is read. */
export async function receiveUpload(
  call: Call,
  claims: Claims,
  place: Place,
  { upsert, owner }: { readonly upsert: boolean; readonly owner: string | null },
): Promise<string> {
  const { database, blobs } = call;
  checkedName(place.name);
  const bucket = await readBucket(database, place.bucket);
  const version = { ...place, version: crypto.randomUUID(), owner, metadata: noMetadata, userMetadata: null };
  await tryStore(database, claims, version, upsert);
  const { file, mimetype, cacheControl, userMetadata } = await receiveContents(call, bucket);
  try {
    if (!allows(bucket, mimetype)) throw new StorageError(415, 'InvalidMimeType', `mime type ${mimetype} is not supported`);
    await blobs.put(version.version, file);
  } catch (error) {
    await rm(file.path, { force: true });
    throw error;
  }
  return await commit(call, claims, { ...version, userMetadata, metadata: metadataOf(file, mimetype, cacheControl) }, upsert);
}

/** Makes contents that are stored already those of a file, and returns the file's id. What they replace goes. */
export async function commit({ database, blobs }: Call, claims: Claims, version: NewVersion, upsert: boolean): Promise<string> {
  try {
    const { id, replaced } = await storeObject(database, claims, version, upsert);
    if (replaced !== undefined) await blobs.remove(replaced);
    return id;
  } catch (error) {
    // Of a database that went away nobody knows whether it has kept the row.
    if (error instanceof DatabaseError) await blobs.remove(version.version);
    throw error;
  }
}

interface Received {
  readonly file: ReceivedFile;
  readonly mimetype: string;
  readonly cacheControl: string;
  readonly userMetadata: Json;
}

async function receiveContents({ request, directory }: Call, bucket: Bucket): Promise<Received> {
  const maxBytes = Math.min(bucket.file_size_limit ?? maxFileBytes, maxFileBytes);
  const incoming = join(directory, 'incoming');
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes + maxFormBytes)
    throw new StorageError(413, 'EntityTooLarge', `The object exceeded the maximum allowed size of ${maxBytes} bytes`);
  if (!isForm(request)) {
    const file = await receiveFile(incoming, request.body?.values({ preventCancel: true }) ?? nothing(), maxBytes);
    const userMetadata = metadataOfHeader(request.headers.get('x-metadata'));
    return {
      file,
      userMetadata,
      mimetype: request.headers.get('content-type') ?? 'application/octet-stream',
      cacheControl: request.headers.get('cache-control') ?? 'no-cache',
    };
  }
  const body = await readBody(request, maxFileBytes + maxFormBytes, undefined);
  const form = await new Response(body, { headers: { 'content-type': request.headers.get('content-type')! } }).formData().catch(() => {
    throw invalid('the body is no form');
  });
  const [part] = [...form.values()].filter((value) => value instanceof Blob);
  if (part === undefined) throw invalid('the form has no file in it');
  const cacheControl = form.get('cacheControl');
  return {
    file: await receiveFile(incoming, part.stream(), maxBytes),
    mimetype: part.type === '' ? 'application/octet-stream' : part.type,
    cacheControl: typeof cacheControl === 'string' && /^\d{1,10}$/.test(cacheControl) ? `max-age=${cacheControl}` : 'no-cache',
    userMetadata: parsedMetadata(form.get('metadata')),
  };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

function allows({ allowed_mime_types: types }: Bucket, mimetype: string): boolean {
  const [type] = mimetype.toLowerCase().split(';');
  return (
    types === null ||
    types.length === 0 ||
    types.some((allowed) => allowed === type || (allowed.endsWith('/*') && type!.startsWith(allowed.slice(0, -1))))
  );
}

/** Of contents that have not come yet. */
export const noMetadata: FileMetadata = {
  eTag: '',
  size: 0,
  mimetype: '',
  cacheControl: '',
  lastModified: '',
  contentLength: 0,
  httpStatusCode: 200,
};

function metadataOf({ size, md5 }: ReceivedFile, mimetype: string, cacheControl: string): FileMetadata {
  return {
    eTag: `"${md5}"`,
    size,
    mimetype,
    cacheControl,
    lastModified: new Date().toISOString(),
    contentLength: size,
    httpStatusCode: 200,
  };
}

const metadataOfHeader = (header: string | null): Json =>
  parsedMetadata(header === null ? null : Buffer.from(header, 'base64').toString('utf8'));

function parsedMetadata(text: unknown): Json {
  if (typeof text !== 'string') return null;
  try {
    return JsonObject.parse(JSON.parse(text));
  } catch {
    throw invalid('the metadata are no JSON object');
  }
}
