import { z } from 'zod';
import type { Claims } from '../../storage/database.ts';
import { discard, readBody } from '../request-body.ts';
import { changeBucket, createBucket, listBuckets, readBucket, removeBucket } from './buckets.ts';
import { contentsOf } from './contents.ts';
import { checkedName } from './file-name.ts';
import { listObjects, moveObject, readObject, removeObjects, tryStore, type Place } from './objects.ts';
import { commit, noMetadata, receiveUpload, type Call, type StorageServices } from './upload.ts';
import { answerOf, invalid, noSuchBucket, StorageError } from './storage-error.ts';

/*
 * Storage, as storage-js asks for it. Contents lie in a blob store, by version; names, owners and what else is
 * known of a file in the table storage.objects, whose policies decide. Contents are stored before their row and
 * removed after it, so that a file appears whole or not at all, whenever the server dies.
 */

type Handler = (call: Call, ...words: string[]) => Promise<Response>;

/** The links say who may; the policies have been asked when they were made. */
const trusted: Claims = { role: 'service_role' };
const maxJsonBytes = 1024 * 1024;
const uploadLinkS = 2 * 60 * 60;
const maxLinkS = 365 * 24 * 60 * 60;

const routes: readonly (readonly [method: string, path: RegExp, handler: Handler])[] = [
  ['GET', /^bucket$/, async ({ database, claims }) => answer(await listBuckets(database, claims))],
  ['POST', /^bucket$/, async (call) => answer({ name: await createBucket(call.database, call.claims, await jsonOf(call)) })],
  ['GET', /^bucket\/([^/]+)$/, async ({ database, claims }, id) => answer((await listBuckets(database, claims, id))[0])],
  [
    'PUT',
    /^bucket\/([^/]+)$/,
    async (call, id) => await done('Successfully updated', changeBucket(call.database, call.claims, id!, await jsonOf(call))),
  ],
  [
    'DELETE',
    /^bucket\/([^/]+)$/,
    async ({ database, claims }, id) => await done('Successfully deleted', removeBucket(database, claims, id!)),
  ],
  ['POST', /^bucket\/([^/]+)\/empty$/, emptyBucket],
  ['GET', /^object\/public\/([^/]+)\/(.+)$/, downloadPublic],
  ['HEAD', /^object\/public\/([^/]+)\/(.+)$/, downloadPublic],
  ['GET', /^object\/sign\/([^/]+)\/(.+)$/, downloadSigned],
  ['HEAD', /^object\/sign\/([^/]+)\/(.+)$/, downloadSigned],
  ['POST', /^object\/sign\/([^/]+)\/(.+)$/, signDownload],
  ['POST', /^object\/sign\/([^/]+)$/, signDownloads],
  ['POST', /^object\/upload\/sign\/([^/]+)\/(.+)$/, signUpload],
  ['PUT', /^object\/upload\/sign\/([^/]+)\/(.+)$/, uploadSigned],
  ['GET', /^object\/info\/(?:authenticated\/)?([^/]+)\/(.+)$/, describeFile],
  ['POST', /^object\/list\/([^/]+)$/, list],
  ['POST', /^object\/(move|copy)$/, moveOrCopy],
  [
    'DELETE',
    /^object\/([^/]+)$/,
    async (call, bucket) =>
      await remove(call, bucket!, (await parsed(call, z.object({ prefixes: z.array(z.string()).max(1000) }))).prefixes),
  ],
  ['DELETE', /^object\/([^/]+)\/(.+)$/, async (call, bucket, name) => await remove(call, bucket!, [name!])],
  [
    'POST',
    /^object\/([^/]+)\/(.+)$/,
    async (call, bucket, name) => await upload(call, { bucket: bucket!, name: name! }, call.request.headers.get('x-upsert') === 'true'),
  ],
  ['PUT', /^object\/([^/]+)\/(.+)$/, async (call, bucket, name) => await upload(call, { bucket: bucket!, name: name! }, true)],
  [
    'GET',
    /^object\/(?:authenticated\/)?([^/]+)\/(.+)$/,
    async (call, bucket, name) => await download(call, call.claims, { bucket: bucket!, name: name! }),
  ],
  [
    'HEAD',
    /^object\/(?:authenticated\/)?([^/]+)\/(.+)$/,
    async (call, bucket, name) => await download(call, call.claims, { bucket: bucket!, name: name! }),
  ],
];

/** Answers what is below `/storage/v1`. Who asks has been checked; what they may, the policies say. */
export async function answerStorage(services: StorageServices, claims: Claims, request: Request, url: URL): Promise<Response> {
  const path = decodeURIComponent(url.pathname.slice('/storage/v1/'.length));
  const isRead = ['GET', 'HEAD'].includes(request.method) || /^object\/(list|sign)\//.test(path);
  try {
    for (const [method, pattern, handler] of routes) {
      const words = method === request.method ? pattern.exec(path) : null;
      if (words !== null) return await handler({ ...services, claims, request, url }, ...words.slice(1));
    }
    // A path that the address itself has made shorter, or something we do not have.
    throw new StorageError(404, 'NotFound', `Route ${request.method}:${url.pathname} not found`);
  } catch (error) {
    await discard(request);
    const response = answerOf(error, isRead);
    if (response === undefined) throw error;
    return response;
  }
}

async function upload(call: Call, place: Place, upsert: boolean): Promise<Response> {
  const id = await receiveUpload(call, call.claims, place, { upsert, owner: ownerOf(call.claims) });
  return answer({ Key: `${place.bucket}/${place.name}`, Id: id });
}

async function uploadSigned(call: Call, bucket: string, name: string): Promise<Response> {
  const { owner, upsert } = await call.links.verify({ bucket, name }, 'upload', call.url.searchParams.get('token'));
  await receiveUpload(call, trusted, { bucket, name }, { upsert, owner });
  return answer({ Key: `${bucket}/${name}` });
}

async function download(call: Call, claims: Claims, place: Place): Promise<Response> {
  const object = await readObject(call.database, claims, { ...place, name: checkedName(place.name) });
  return await contentsOf(call.blobs, object, call.request, call.url.searchParams.get('download'));
}

async function downloadPublic(call: Call, bucket: string, name: string): Promise<Response> {
  if (!(await readBucket(call.database, bucket)).public) throw noSuchBucket();
  return await download(call, trusted, { bucket, name });
}

async function downloadSigned(call: Call, bucket: string, name: string): Promise<Response> {
  await call.links.verify({ bucket, name }, 'download', call.url.searchParams.get('token'));
  return await download(call, trusted, { bucket, name });
}

async function describeFile(call: Call, bucket: string, name: string): Promise<Response> {
  const { id, version, metadata, user_metadata, created_at, updated_at } = await readObject(call.database, call.claims, {
    bucket,
    name: checkedName(name),
  });
  const { size, mimetype, cacheControl, eTag, lastModified } = metadata;
  return answer({
    id,
    name,
    version,
    bucket_id: bucket,
    size,
    content_type: mimetype,
    cache_control: cacheControl,
    etag: eTag,
    last_modified: lastModified,
    metadata: user_metadata ?? {},
    created_at,
    updated_at,
  });
}

const ExpiresIn = z.int('expiresIn is a number of seconds').min(1).max(maxLinkS);

async function signDownload(call: Call, bucket: string, name: string): Promise<Response> {
  const { expiresIn } = await parsed(call, z.object({ expiresIn: ExpiresIn }));
  return answer({ signedURL: await downloadLink(call, { bucket, name }, expiresIn) });
}

async function signDownloads(call: Call, bucket: string): Promise<Response> {
  const { expiresIn, paths } = await parsed(call, z.object({ expiresIn: ExpiresIn, paths: z.array(z.string()).max(1000) }));
  const links = paths.map(async (path) => {
    const signedURL = await downloadLink(call, { bucket, name: path }, expiresIn).catch((error: unknown) => {
      if (error instanceof StorageError) return null;
      throw error;
    });
    return { path, signedURL, error: signedURL === null ? 'Either the object does not exist or you do not have access to it' : null };
  });
  return answer(await Promise.all(links));
}

async function downloadLink({ database, claims, links }: Call, place: Place, seconds: number): Promise<string> {
  await readObject(database, claims, { ...place, name: checkedName(place.name) });
  // Not encoded: storage-js does that with the whole address.
  return `/object/sign/${place.bucket}/${place.name}?token=${await links.sign(place, { use: 'download' }, seconds)}`;
}

async function signUpload(call: Call, bucket: string, name: string): Promise<Response> {
  const upsert = call.request.headers.get('x-upsert') === 'true';
  const place = { bucket, name: checkedName(name) };
  await readBucket(call.database, bucket);
  const owner = ownerOf(call.claims);
  await tryStore(
    call.database,
    call.claims,
    { ...place, version: crypto.randomUUID(), owner, metadata: noMetadata, userMetadata: null },
    upsert,
  );
  const token = await call.links.sign(place, { use: 'upload', owner, upsert }, uploadLinkS);
  return answer({ url: `/object/upload/sign/${bucket}/${name}?token=${token}`, token });
}

const ListRequest = z.object({
  prefix: z.string().max(1024).default(''),
  search: z.string().max(1024).default(''),
  limit: z.int().min(1).max(1000).default(100),
  offset: z.int().min(0).max(1_000_000).default(0),
  sortBy: z
    .object({
      column: z.enum(['name', 'created_at', 'updated_at', 'last_accessed_at']).default('name'),
      order: z.enum(['asc', 'desc']).default('asc'),
    })
    .prefault({}),
});

async function list(call: Call, bucket: string): Promise<Response> {
  const { prefix, sortBy, ...rest } = await parsed(call, ListRequest);
  const folder = prefix.replace(/^\/+|\/+$/g, '');
  if (folder !== '') checkedName(folder);
  await readBucket(call.database, bucket);
  return answer(await listObjects(call.database, call.claims, bucket, { ...rest, ...sortBy, prefix: folder === '' ? '' : `${folder}/` }));
}

const MoveRequest = z.object({
  bucketId: z.string(),
  sourceKey: z.string(),
  destinationKey: z.string(),
  destinationBucket: z.string().nullish(),
});

async function moveOrCopy(call: Call, verb: string): Promise<Response> {
  const { bucketId, sourceKey, destinationKey, destinationBucket } = await parsed(call, MoveRequest);
  const from = { bucket: bucketId, name: checkedName(sourceKey) };
  const to = { bucket: destinationBucket ?? bucketId, name: checkedName(destinationKey) };
  if (verb === 'move') return await done('Successfully moved', moveObject(call.database, call.claims, from, to));

  const { database, claims, blobs } = call;
  const upsert = call.request.headers.get('x-upsert') === 'true';
  const source = await readObject(database, claims, from);
  const version = {
    ...to,
    version: crypto.randomUUID(),
    owner: ownerOf(claims),
    metadata: source.metadata,
    userMetadata: source.user_metadata,
  };
  await tryStore(database, claims, version, upsert);
  await blobs.copy(source.version, version.version);
  return answer({ Key: `${to.bucket}/${to.name}`, Id: await commit(call, claims, version, upsert) });
}

async function remove(call: Call, bucket: string, names: readonly string[]): Promise<Response> {
  await readBucket(call.database, bucket);
  const removed = await removeObjects(call.database, call.claims, bucket, names.map(checkedName));
  for (const { version } of removed) await call.blobs.remove(version);
  return answer(removed);
}

/** At most so many files at a time, so that no transaction is long. */
const emptiedAtOnce = 1000;

async function emptyBucket(call: Call, bucket: string): Promise<Response> {
  // Only whoever may remove the bucket: for others this would remove what is theirs in it, which nobody asks for by this name.
  if (call.claims.role !== 'service_role') throw new StorageError(403, 'AccessDenied', 'emptying a bucket takes a secret key');
  await readBucket(call.database, bucket);
  for (;;) {
    const names = await call.database.asUser(call.claims, async (transaction) => {
      const { rows } = await transaction.query<{ name: string }>('select name from storage.objects where bucket_id = $1 limit $2', [
        bucket,
        emptiedAtOnce,
      ]);
      return rows.map(({ name }) => name);
    });
    if (names.length === 0) return await done('Successfully emptied');
    for (const { version } of await removeObjects(call.database, call.claims, bucket, names)) await call.blobs.remove(version);
  }
}

const ownerOf = (claims: Claims): string | null => (claims.role === 'authenticated' ? (claims.sub ?? null) : null);

async function jsonOf({ request }: Call): Promise<unknown> {
  const body = await readBody(request, maxJsonBytes, 1);
  try {
    return JSON.parse(Buffer.from(body ?? []).toString('utf8'));
  } catch {
    throw new StorageError(400, 'PGRST102', 'Empty or invalid json');
  }
}

async function parsed<T>(call: Call, schema: z.ZodType<T>): Promise<T> {
  const result = schema.safeParse(await jsonOf(call));
  if (!result.success) throw invalid(`${result.error.issues[0]!.path.join('.')}: ${result.error.issues[0]!.message}`);
  return result.data;
}

function answer(body: unknown): Response {
  return Response.json(body, { headers: { 'access-control-allow-origin': '*', 'cache-control': 'no-store' } });
}

async function done(message: string, work?: Promise<void>): Promise<Response> {
  await work;
  return answer({ message });
}
