import { z } from 'zod';
import type { Json } from '../../protocol/json.ts';
import type { Claims, Database } from '../../storage/database.ts';
import { invalid, noSuchBucket, StorageError } from './storage-error.ts';

export interface Bucket {
  readonly id: string;
  readonly public: boolean;
  readonly file_size_limit: number | null;
  readonly allowed_mime_types: readonly string[] | null;
}

/** Bytes of one file, whatever its bucket allows. */
export const maxFileBytes = 50 * 1024 * 1024;

/** Words that stand after `/object/` themselves. */
const reserved = new Set(['public', 'sign', 'upload', 'info', 'list', 'list-v2', 'move', 'copy', 'authenticated']);

const Settings = z.object({
  public: z.boolean().optional(),
  file_size_limit: z.int().min(1).max(maxFileBytes).nullish(),
  allowed_mime_types: z.array(z.string().max(100)).max(100).nullish(),
});
const NewBucket = Settings.extend({
  id: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{1,62}$/)
    .refine((id) => !reserved.has(id)),
  name: z.string().optional(),
});

const columns = 'id, name, owner, public, file_size_limit, allowed_mime_types, created_at, updated_at';

/** As it is, whoever asks: what may be done in it is the policies' to say. Throws when there is none. */
export async function readBucket(database: Database, id: string): Promise<Bucket> {
  const { rows } = await database.asOwner(
    async (transaction) => await transaction.query<Bucket>(`select ${columns} from storage.buckets where id = $1`, [id]),
  );
  if (rows[0] === undefined) throw noSuchBucket();
  return { ...rows[0], file_size_limit: rows[0].file_size_limit === null ? null : Number(rows[0].file_size_limit) };
}

export async function listBuckets(database: Database, claims: Claims, id?: string): Promise<readonly unknown[]> {
  const { rows } = await database.asUser(
    claims,
    async (transaction) =>
      await transaction.query(`select ${columns} from storage.buckets where $1::text is null or id = $1 order by id`, [id ?? null]),
  );
  if (id !== undefined && rows.length === 0) throw noSuchBucket();
  return rows;
}

export async function createBucket(database: Database, claims: Claims, body: unknown): Promise<string> {
  const parsed = NewBucket.safeParse(body);
  if (!parsed.success)
    throw invalid(
      'a bucket has an id of 2 to 63 letters a-z, digits, points, dashes; public, file_size_limit (at most 50 MB) and allowed_mime_types',
    );
  const { id } = parsed.data;
  await database.asUser(claims, async (transaction) => {
    const values = [id, parsed.data.public ?? false, parsed.data.file_size_limit ?? null, json(parsed.data.allowed_mime_types)];
    await transaction.query(
      `insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types) values ($1, $1, $2, $3, ${textArray('$4')})`,
      values,
    );
  });
  return id;
}

export async function changeBucket(database: Database, claims: Claims, id: string, body: unknown): Promise<void> {
  const parsed = Settings.safeParse(body);
  if (!parsed.success) throw invalid('of a bucket can be changed: public, file_size_limit (at most 50 MB) and allowed_mime_types');
  const { public: isPublic, file_size_limit: size, allowed_mime_types: types } = parsed.data;
  const { affectedRows } = await database.asUser(
    claims,
    async (transaction) =>
      await transaction.query(
        `update storage.buckets set public = coalesce($2, public), file_size_limit = case when $3 then $4 else file_size_limit end,
           allowed_mime_types = case when $5 then ${textArray('$6')} else allowed_mime_types end, updated_at = now() where id = $1`,
        [id, isPublic ?? null, size !== undefined, size ?? null, types !== undefined, json(types)],
      ),
  );
  if (affectedRows === 0) throw noSuchBucket();
}

export async function removeBucket(database: Database, claims: Claims, id: string): Promise<void> {
  const removed = await database.asUser(claims, async (transaction) => {
    const { rows } = await transaction.query('select from storage.objects where bucket_id = $1 limit 1', [id]);
    if (rows.length > 0) throw new StorageError(409, 'InvalidRequest', 'The bucket you tried to delete is not empty');
    return (await transaction.query('delete from storage.buckets where id = $1', [id])).affectedRows;
  });
  if (removed === 0) throw noSuchBucket();
}

const json = (types: readonly string[] | null | undefined): Json => (types ? JSON.stringify(types) : null);
const textArray = (parameter: string): string => `(select array_agg(value) from jsonb_array_elements_text(${parameter}::jsonb))`;
