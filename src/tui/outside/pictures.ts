import { Worker } from 'node:worker_threads';
import type { Backend } from '../../client/backend.ts';
import { fetchFile } from '../../client/files.ts';
import { pointerTokens } from '../../core/json-diff.ts';
import { UserError, type ErrorCode } from '../../protocol/error.ts';
import type { Json } from '../../protocol/json.ts';
import { formatOf } from '../pictures/decode.ts';
import type { DrawnPicture, PictureJob } from '../pictures/picture-job.ts';
import { MAX_PICTURE_BYTES } from '../pictures/pixels.ts';
import type { Cells } from '../pictures/sequences.ts';
import type { PictureStyle } from '../pictures/style.ts';
import { writeFresh } from './files.ts';

/** Where the bytes of a picture are. Of data in a value only the place is told: it may be of megabytes. */
export type PictureAt =
  | { readonly kind: 'storage' | 'url'; readonly address: string }
  | { readonly kind: 'data'; readonly runId: string; readonly stepKey: string; readonly attempt: number; readonly place: string };

/** A picture, and its file. */
export interface ShownPicture extends DrawnPicture {
  readonly bytes: number;
}

/** The last file of a backend: what is asked next is the same picture in another size. */
const lastOf = new WeakMap<Backend, { readonly key: string; readonly file: Promise<Uint8Array> }>();

function fileOf(backend: Backend, at: PictureAt): Promise<Uint8Array> {
  const key = JSON.stringify(at);
  const known = lastOf.get(backend);
  if (known?.key === key) return known.file;
  const file = load(backend, at);
  lastOf.set(backend, { key, file });
  // What failed is tried again.
  file.catch(() => lastOf.delete(backend));
  return file;
}

function load(backend: Backend, at: PictureAt): Promise<Uint8Array> {
  switch (at.kind) {
    case 'storage':
      return backend.storedFile(at.address, MAX_PICTURE_BYTES);
    case 'url':
      return fetchFile(at.address, MAX_PICTURE_BYTES);
    case 'data':
      return dataOf(backend, at);
  }
}

async function dataOf(backend: Backend, { runId, stepKey, attempt, place }: Extract<PictureAt, { kind: 'data' }>): Promise<Uint8Array> {
  const snapshot = await backend.snapshot(runId, stepKey, attempt);
  const [name = '', ...path] = place.split(' ');
  let value = snapshot?.[name as 'outputs'] as Json | undefined;
  for (const token of pointerTokens(path.join(' '))) value = (value as Readonly<Record<string, Json>> | null | undefined)?.[token];
  const [, isBase64, text] = typeof value === 'string' ? (/^data:[^,]*?(;base64)?,(.*)$/s.exec(value) ?? []) : [];
  if (text === undefined) throw new UserError('not-found', 'the value is no longer there');
  if (text.length > MAX_PICTURE_BYTES * 1.4) throw new UserError('too-large', 'the value is too large for a picture');
  try {
    return isBase64 ? Buffer.from(text, 'base64') : Buffer.from(decodeURIComponent(text));
  } catch (cause) {
    throw new UserError('failed', 'the value is no valid data URL', { cause });
  }
}

/** Loads a picture and makes of it what can be shown. */
export async function shownPicture(backend: Backend, { at, style, room }: { readonly at: PictureAt; readonly style: PictureStyle; readonly room: Cells }): Promise<ShownPicture> {
  const file = await fileOf(backend, at);
  return { ...(await inThread({ file, style, room })), bytes: file.byteLength };
}

/** Writes the file of a picture as it is. Returns where. */
export async function writePicture(backend: Backend, at: PictureAt, name: string): Promise<string> {
  const file = await fileOf(backend, at);
  const format = formatOf(file);
  const end = format === undefined ? 'bin' : format === 'JPEG' ? 'jpg' : format.toLowerCase();
  return await writeFresh(`${name.replace(/\.\w+$/, '')}.${end}`, file);
}

const worker = new URL(import.meta.url.endsWith('.ts') ? '../pictures/picture-worker.ts' : './picture-worker.js', import.meta.url);
/** Decoding the largest picture takes two seconds of a slow machine. */
const JOB_MS = 15_000;
const WORKER_HEAP_MB = 512;

interface Said {
  readonly drawn?: DrawnPicture | undefined;
  readonly problem?: { readonly code: ErrorCode; readonly message: string; readonly hint?: string | undefined } | undefined;
}

/** Decoders of strangers' files run in a thread of their own, for as long as one picture: the screen goes on meanwhile. */
async function inThread(job: PictureJob): Promise<DrawnPicture> {
  const thread = new Worker(worker, { workerData: job, execArgv: ['--disable-warning=ExperimentalWarning'], resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MB }, name: 'picture' });
  let timer: NodeJS.Timeout | undefined;
  try {
    const { drawn, problem } = await new Promise<Said>((resolve, reject) => {
      timer = setTimeout(() => reject(new UserError('timeout', 'the picture takes too long to decode')), JOB_MS);
      thread.once('message', resolve);
      thread.once('error', (cause) => reject(new UserError('failed', `the picture cannot be decoded: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })));
      thread.once('exit', () => reject(new UserError('failed', 'the picture cannot be decoded')));
    });
    if (!drawn) throw new UserError(problem?.code ?? 'failed', problem?.message ?? 'the picture cannot be decoded', { hint: problem?.hint });
    return drawn;
  } finally {
    clearTimeout(timer);
    void thread.terminate();
  }
}
