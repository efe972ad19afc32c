import type { BlobStore, ByteRange } from './blob-store.ts';
import type { StoredObject } from './objects.ts';
import { noSuchFile, StorageError } from './storage-error.ts';

/** The answer that carries a file: whole, a range of it, its description alone, or that it has not changed. */
export async function contentsOf(blobs: BlobStore, object: StoredObject, request: Request, download: string | null): Promise<Response> {
  const { eTag, size, mimetype, cacheControl, lastModified } = object.metadata;
  const headers = new Headers({
    'access-control-allow-origin': '*',
    'accept-ranges': 'bytes',
    'content-type': mimetype,
    'cache-control': cacheControl,
    etag: eTag,
    'last-modified': new Date(lastModified).toUTCString(),
    // Files come from strangers: a page among them must not act as one of this server's.
    'content-security-policy': "default-src 'none'; sandbox",
    'x-content-type-options': 'nosniff',
  });
  if (download !== null) {
    const name = download === '' ? object.name.split('/').at(-1)! : download;
    headers.set('content-disposition', `attachment; filename*=UTF-8''${encodeURIComponent(name.toWellFormed())}`);
  }
  if (request.headers.get('if-none-match') === eTag) return new Response(null, { status: 304, headers });
  const range = rangeOf(request.headers.get('range'), size);
  headers.set('content-length', String(range === undefined ? size : range.last - range.first + 1));
  if (range !== undefined) headers.set('content-range', `bytes ${range.first}-${range.last}/${size}`);
  const status = range === undefined ? 200 : 206;
  if (request.method === 'HEAD' || size === 0) return new Response(null, { status, headers });
  const body = await blobs.get(object.version, range);
  if (body === undefined) throw noSuchFile();
  return new Response(body, { status, headers });
}

/** One range; several, and what is no range of bytes, are answered with the whole, as HTTP allows. */
function rangeOf(header: string | null, size: number): ByteRange | undefined {
  const [, from, to] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined;
  const first = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (first > last) throw new StorageError(416, 'InvalidRange', `the file has ${size} bytes`);
  return { first, last };
}
