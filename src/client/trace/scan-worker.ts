import { createReadStream, fstatSync, readSync, writeSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { createGunzip } from 'node:zlib';
import { UserError } from '../../protocol/error.ts';
import type { ErrorCode } from '../../protocol/error.ts';
import type { FactLists } from '../../core/log-columns.ts';
import { assertHarmless } from './source-file.ts';
import { scanFile, type ScanKind, type ScanReport } from './scan-file.ts';

export interface ScanWorkerData {
  /** An open file, for this thread has the numbers of its process. */
  readonly descriptor: number;
  /** Where a packed file is unpacked to, for whoever reads it again. */
  readonly unpackTo: number | undefined;
  readonly kind: ScanKind;
}

export type ScanMessage =
  | ({ readonly type: 'found' } & ScanReport)
  | { readonly type: 'ended' }
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly message: string; readonly hint: string | undefined };

const CHUNK_BYTES = 1024 * 1024;
/** The first screen does not wait for more. */
const FIRST_BYTES = 64 * 1024;
/** What was found is told this often. */
const TELL_MS = 40;

const { descriptor, unpackTo, kind } = workerData as ScanWorkerData;
const scan = scanFile(kind);
let toldAt = 0;

function tell(now: boolean): void {
  const isDue = now || performance.now() - toldAt > TELL_MS;
  const report = scan.report(isDue);
  if (!report) return;
  toldAt = performance.now();
  const lists = Object.values(report.facts as unknown as Record<string, FactLists['seq']>).map(({ buffer }) => buffer as ArrayBuffer);
  parentPort!.postMessage({ type: 'found', ...report } satisfies ScanMessage, lists);
}

function readPlain(): void {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let at = 0; ;) {
    const bytes = readSync(descriptor, buffer, 0, at === 0 ? FIRST_BYTES : CHUNK_BYTES, at);
    if (bytes === 0) return;
    scan.take(buffer.subarray(0, bytes));
    at += bytes;
    tell(false);
  }
}

async function readPacked(target: number): Promise<void> {
  const packedBytes = fstatSync(descriptor).size;
  let at = 0;
  await pipeline(createReadStream('', { fd: descriptor, autoClose: false, start: 0, highWaterMark: CHUNK_BYTES }), createGunzip({ chunkSize: 256 * 1024 }), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      assertHarmless(at + chunk.length, packedBytes, 'the file');
      for (let done = 0; done < chunk.length;) done += writeSync(target, chunk, done, chunk.length - done, at + done);
      at += chunk.length;
      scan.take(chunk);
      tell(false);
    }
  });
}

try {
  if (unpackTo === undefined) readPlain();
  else await readPacked(unpackTo);
  scan.finish();
  tell(true);
  parentPort!.postMessage({ type: 'ended' } satisfies ScanMessage);
} catch (error) {
  // What was found before what is wrong stays.
  tell(true);
  const known = error instanceof UserError ? error : asUserError(error);
  if (!known) throw error;
  const { code, message, hint } = known;
  parentPort!.postMessage({ type: 'failed', code, message, hint } satisfies ScanMessage);
}

/** Undefined for a bug. */
function asUserError(error: unknown): UserError | undefined {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code?.startsWith('Z_') === true) return new UserError('usage', `it cannot be unpacked further: ${message}`);
  if (code === 'ENOSPC') return new UserError('no-space', 'there is no room to unpack it');
  return code === undefined ? undefined : new UserError('unavailable', `reading it failed: ${message}`);
}
