import type { Json } from '../../protocol/json.ts';
import type { Claims, Database, Transaction } from '../../storage/database.ts';
import { noSuchFile } from './storage-error.ts';

/*
 * Files as the table storage.objects has them. Every statement here runs as whoever asks: the policies of the
 * table decide, and a file that somebody may not see is one that is not there.
 */

export interface StoredObject {
  readonly id: string;
  readonly bucket_id: string;
  readonly name: string;
  readonly owner_id: string | null;
  /** Names the contents in the blob store. */
  readonly version: string;
  readonly metadata: FileMetadata;
  readonly user_metadata: Json;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface FileMetadata {
  readonly eTag: string;
  readonly size: number;
  readonly mimetype: string;
  readonly cacheControl: string;
  readonly lastModified: string;
  readonly contentLength: number;
  readonly httpStatusCode: number;
}

export interface Place {
  readonly bucket: string;
  readonly name: string;
}

export interface NewVersion extends Place {
  readonly version: string;
  readonly owner: string | null;
  readonly metadata: FileMetadata;
  readonly userMetadata: Json;
}

const columns = 'id, bucket_id, name, owner_id, version, metadata, user_metadata, created_at, updated_at, last_accessed_at';

async function find(transaction: Transaction, { bucket, name }: Place, lock = ''): Promise<StoredObject | undefined> {
  const { rows } = await transaction.query<StoredObject>(
    `select ${columns} from storage.objects where bucket_id = $1 and name = $2 ${lock}`,
    [bucket, name],
  );
  return rows[0];
}

export async function readObject(database: Database, claims: Claims, place: Place): Promise<StoredObject> {
  const object = await database.asUser(claims, async (transaction) => await find(transaction, place));
  if (object === undefined) throw noSuchFile();
  return object;
}

/** Thrown to take back what was only tried. */
class Tried extends Error {}

/** Would the caller be let? Asked before contents are received. */
export async function tryStore(database: Database, claims: Claims, version: NewVersion, upsert: boolean): Promise<void> {
  try {
    await database.asUser(claims, async (transaction) => {
      await store(transaction, version, upsert);
      throw new Tried();
    });
  } catch (error) {
    if (!(error instanceof Tried)) throw error;
  }
}

/** Makes a version the contents of a file. `replaced` is the version it had, if any. */
export async function storeObject(
  database: Database,
  claims: Claims,
  version: NewVersion,
  upsert: boolean,
): Promise<{ readonly id: string; readonly replaced: string | undefined }> {
  return await database.asUser(claims, async (transaction) => await store(transaction, version, upsert));
}

async function store(
  transaction: Transaction,
  version: NewVersion,
  upsert: boolean,
): Promise<{ id: string; replaced: string | undefined }> {
  const old = upsert ? await find(transaction, version, 'for update') : undefined;
  const { rows } = await transaction.query<{ id: string }>(
    `insert into storage.objects (bucket_id, name, owner, owner_id, version, metadata, user_metadata)
     values ($1, $2, $3::uuid, $3::text, $4, $5::jsonb, $6::jsonb)
     ${
       upsert
         ? `on conflict (bucket_id, name) do update set owner = excluded.owner, owner_id = excluded.owner_id, version = excluded.version,
       metadata = excluded.metadata, user_metadata = excluded.user_metadata, updated_at = now()`
         : ''
     }
     returning id`,
    [
      version.bucket,
      version.name,
      version.owner,
      version.version,
      JSON.stringify(version.metadata),
      JSON.stringify(version.userMetadata ?? null),
    ],
  );
  return { id: rows[0]!.id, replaced: old?.version };
}

export async function moveObject(database: Database, claims: Claims, from: Place, to: Place): Promise<void> {
  const moved = await database.asUser(claims, async (transaction) => {
    const { rows } = await transaction.query(
      'update storage.objects set bucket_id = $3, name = $4, updated_at = now() where bucket_id = $1 and name = $2 returning id',
      [from.bucket, from.name, to.bucket, to.name],
    );
    return rows.length;
  });
  if (moved === 0) throw noSuchFile();
}

/** Removes the files of these names that the caller may remove, and returns them. */
export async function removeObjects(
  database: Database,
  claims: Claims,
  bucket: string,
  names: readonly string[],
): Promise<readonly StoredObject[]> {
  return await database.asUser(claims, async (transaction) => {
    const { rows } = await transaction.query<StoredObject>(
      `delete from storage.objects where bucket_id = $1 and name in (select jsonb_array_elements_text($2::jsonb)) returning ${columns}`,
      [bucket, JSON.stringify(names)],
    );
    return rows;
  });
}

export interface ListOptions {
  /** A folder, ended by `/`; or empty. */
  readonly prefix: string;
  /** What names in it begin with. */
  readonly search: string;
  readonly limit: number;
  readonly offset: number;
  readonly column: 'name' | 'created_at' | 'updated_at' | 'last_accessed_at';
  readonly order: 'asc' | 'desc';
}

/** One level of a bucket: folders, which have a name alone, before files, both under their names in the folder. */
export async function listObjects(database: Database, claims: Claims, bucket: string, options: ListOptions): Promise<readonly unknown[]> {
  const { prefix, search, limit, offset, column, order } = options;
  return await database.asUser(claims, async (transaction) => {
    const { rows } = await transaction.query(
      `with inside as (
         select *, substr(name, length($2::text) + 1) as rest from storage.objects where bucket_id = $1 and starts_with(name, $2)
       ), level as (
         select *, split_part(rest, '/', 1) as first, position('/' in rest) > 0 as is_folder from inside
       ), entries as (
         select first as name, null::uuid as id, null::timestamptz as updated_at, null::timestamptz as created_at,
           null::timestamptz as last_accessed_at, null::jsonb as metadata, 0 as kind from level where is_folder group by first
         union all
         select first, id, updated_at, created_at, last_accessed_at, metadata, 1 from level where not is_folder
       )
       select name, id, updated_at, created_at, last_accessed_at, metadata from entries
       where starts_with(lower(name), lower($3)) order by kind, ${column} ${order} nulls last, name ${order} limit $4 offset $5`,
      [bucket, prefix, search, limit, offset],
    );
    return rows;
  });
}
