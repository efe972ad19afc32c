import { UserError } from '../../protocol/error.ts';
import { DatabaseError } from '../../storage/database.ts';
import { describeFailure } from '../rest-error.ts';

/** What Storage says no with. `status` stands in the body; as hosted projects do, the answer itself is a 400 for whatever the caller can mend. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const invalid = (message: string): StorageError => new StorageError(400, 'InvalidRequest', message);
export const noSuchFile = (): StorageError => new StorageError(404, 'NoSuchKey', 'Object not found');
export const noSuchBucket = (): StorageError => new StorageError(404, 'NoSuchBucket', 'Bucket not found');
export const storeIsAway = (): StorageError =>
  new StorageError(503, 'unavailable', 'the store of files does not answer now; try again shortly');

/** The answer to a failure in Storage's shape; undefined for a bug of ours. */
export function answerOf(error: unknown, isRead: boolean): Response | undefined {
  const known = error instanceof StorageError ? error : translated(error, isRead);
  if (known === undefined) return undefined;
  const status = known.status >= 500 || known.status === 413 || known.status === 416 ? known.status : 400;
  return Response.json(
    { statusCode: String(known.status), code: known.code, error: known.code, message: known.message },
    { status, headers: { 'access-control-allow-origin': '*', 'cache-control': 'no-store', ...(status === 503 && { 'retry-after': '1' }) } },
  );
}

function translated(error: unknown, isRead: boolean): StorageError | undefined {
  if (error instanceof DatabaseError) {
    if (error.code === '42501') {
      const message = isRead
        ? 'you may not read this; sign in as somebody who may, or use a secret key'
        : 'new row violates row-level security policy';
      return new StorageError(403, 'AccessDenied', message);
    }
    if (error.code === '23505') return new StorageError(409, 'Duplicate', 'The resource already exists');
    if (error.code === '23503') return noSuchBucket();
  }
  if (!(error instanceof DatabaseError || error instanceof UserError)) return undefined;
  const failure = describeFailure(error, false);
  return failure && new StorageError(failure.status, failure.code, failure.message);
}
