import type { SupabaseClient } from '@supabase/supabase-js';
import { formatBytes } from '../core/format.ts';
import { UserError } from '../protocol/error.ts';
import { REQUEST_TIMEOUT_MS } from './door.ts';
import { send } from './request.ts';

/** Files that runs have stored. */
export interface StoredFiles {
  /**
   * The content of a file in the storage, as whoever is signed in may read it. `path` begins with the bucket. `not-found`;
   * `too-large` before more than `maxBytes` have been loaded.
   */
  storedFile(path: string, maxBytes: number): Promise<Uint8Array>;
}

/** What storage-js answers. */
interface StorageAnswer {
  readonly data: unknown;
  /** A hosted storage answers 400 for whatever is wrong, and says in `statusCode` what it means. */
  readonly error: null | { readonly message: string; readonly status?: number | undefined; readonly statusCode?: string | undefined };
}

export function openFiles(supabase: SupabaseClient, url: string): StoredFiles {
  return {
    storedFile: async (path, maxBytes) => {
      const [bucket = '', ...name] = path.split('/');
      const ask = (doing: string, asked: PromiseLike<StorageAnswer>) => send(url, doing, Promise.resolve(asked).then(({ data, error }) => ({ data, error: error && { message: error.message }, status: error ? Number(error.statusCode ?? error.status ?? 0) || (error.status ?? 0) : 200 })));
      const files = supabase.storage.from(bucket);
      const facts = (await ask(`find ${path}`, files.info(name.join('/')))) as { readonly size?: number };
      if ((facts.size ?? 0) > maxBytes) throw tooLarge(path, facts.size!, maxBytes);
      const content = (await ask(`load ${path}`, files.download(name.join('/')))) as Blob;
      if (content.size > maxBytes) throw tooLarge(path, content.size, maxBytes);
      return new Uint8Array(await content.arrayBuffer());
    },
  };
}

function tooLarge(what: string, bytes: number, most: number): UserError {
  return new UserError('too-large', `${what} has ${formatBytes(bytes)}; at most ${formatBytes(most)} are loaded`);
}

/**
 * Loads what lies under an address, without credentials and without following it elsewhere. Only http(s); stops in the middle
 * when it is more than `maxBytes`, or takes longer than a request may.
 */
export async function fetchFile(address: string, maxBytes: number): Promise<Uint8Array> {
  if (!/^https?:$/.test(URL.parse(address)?.protocol ?? '')) throw new UserError('usage', 'only addresses that begin with http:// or https:// are loaded');
  const { host } = new URL(address);
  try {
    const answer = await fetch(address, { redirect: 'manual', signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS), credentials: 'omit' });
    if (answer.status >= 300 && answer.status < 400) throw new UserError('failed', `${host} leads on to ${URL.parse(answer.headers.get('location') ?? '', address)?.host ?? 'nowhere'}, which was not asked for`);
    if (!answer.ok) throw new UserError(answer.status === 404 || answer.status === 410 ? 'not-found' : 'failed', `${host} answered ${answer.status}${answer.statusText === '' ? '' : ` ${answer.statusText}`}`, answer.status === 404 || answer.status === 410 ? { hint: 'Providers keep files for an hour or so' } : {});
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const piece of answer.body ?? []) {
      bytes += piece.byteLength;
      if (bytes > maxBytes) throw tooLarge('It', Number(answer.headers.get('content-length') ?? bytes), maxBytes);
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const isLate = error instanceof Error && error.name === 'TimeoutError';
    throw new UserError(isLate ? 'timeout' : 'unavailable', isLate ? `${host} did not answer in time` : `${host} cannot be reached`, { cause: error });
  }
}
