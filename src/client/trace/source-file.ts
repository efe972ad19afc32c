import { createReadStream, createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { formatBytes } from '../../core/format.ts';
import { UserError } from '../../protocol/error.ts';
import { limits } from '../../protocol/limits.ts';

/** A file to be read more than once: as it is, or unpacked. */
export interface SourceFile {
  /** As people know it. */
  readonly name: string;
  readonly bytes: number;
  /** From the beginning, or from a place in it up to another. */
  readonly read: (from?: number, to?: number) => AsyncIterable<Uint8Array>;
  /** Removes what was made to read it. */
  readonly close: () => Promise<void>;
}

const CHUNK_BYTES = 1024 * 1024;
/** Below this a file may unpack to whatever it likes. */
const HARMLESS_BYTES = 64 * 1024 * 1024;

/**
 * Opens a file, or what comes through a pipe under the name `-`. A gzip file is unpacked beside the temporary files,
 * readable for us alone, because a trace is read more than once.
 *
 * @throws UserError `not-found` for a file that is not there, `usage` for one that is empty or damaged,
 * `too-large` for one that unpacks to more than it should.
 */
export async function openSource(path: string, stdin: Readable = process.stdin): Promise<SourceFile> {
  if (path === '-') return await opened('standard input', stdin);
  try {
    if (!statSync(path).isFile()) throw new UserError('usage', `${path} is not a file`);
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw unreadable(path, cause);
  }
  const bytes = statSync(path).size;
  if (bytes === 0) throw new UserError('usage', `${path} is empty`);
  if (await isGzip(path)) return await opened(path, createReadStream(path), bytes);
  return { name: path, bytes, read: (from, to) => reader(path, from, to), close: async () => {} };
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  try {
    const head = new Uint8Array(2);
    await file.read(head, 0, 2, 0);
    return looksLikeGzip(head);
  } finally {
    await file.close();
  }
}

const looksLikeGzip = (head: Uint8Array): boolean => head[0] === 0x1f && head[1] === 0x8b;

/** Puts a stream into a file of its own, unpacked when it is packed. `packedBytes` is known of files. */
async function opened(name: string, stream: Readable, packedBytes?: number): Promise<SourceFile> {
  const directory = mkdtempSync(join(tmpdir(), 'stepscope-import-'));
  const path = join(directory, 'source');
  const close = async (): Promise<void> => rmSync(directory, { recursive: true, force: true });
  try {
    const iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    const first = await iterator.next();
    if (first.done === true) throw new UserError('usage', `${name} is empty`);
    const head = first.value;
    let taken = 0;
    const whole = async function* () {
      for (let next: IteratorResult<Uint8Array> = { done: false, value: head }; next.done !== true; next = await iterator.next()) {
        taken += next.value.length;
        yield next.value;
      }
    };
    const target = createWriteStream(path, { mode: 0o600 });
    if (looksLikeGzip(head)) await pipeline(whole(), createGunzip(), bounded(name, () => packedBytes ?? taken), target);
    else await pipeline(whole(), bounded(name, undefined), target);
  } catch (cause) {
    await close();
    throw readingError(name, cause);
  }
  const bytes = statSync(path).size;
  if (bytes === 0) {
    await close();
    throw new UserError('usage', `${name} is empty`);
  }
  return { name, bytes, read: (from, to) => reader(path, from, to), close };
}

/** Lets bytes pass until they are too many: in all, or for the packed ones they come from. */
function bounded(name: string, packed: (() => number) | undefined): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      bytes += chunk.length;
      try {
        assertHarmless(bytes, packed?.(), name);
      } catch (error) {
        return done(error as Error);
      }
      return done(null, chunk);
    },
  });
}

/** Throws `too-large` for bytes that are too many: in all, or for the packed ones they come from. */
export function assertHarmless(bytes: number, packedBytes: number | undefined, name: string): void {
  if (bytes > limits.importBytes) throw new UserError('too-large', `${name} has more than ${formatBytes(limits.importBytes)}`);
  if (packedBytes === undefined || bytes <= HARMLESS_BYTES || bytes <= packedBytes * limits.gzipRatio) return;
  throw new UserError('too-large', `${name} unpacks to more than ${limits.gzipRatio} times its size`, { hint: 'Unpack it yourself if you trust it' });
}

async function* reader(path: string, from = 0, to = Infinity): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  try {
    for (let at = from; at < to;) {
      // Each its own: whoever reads ahead may still look at the one before.
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, to - at));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

function readingError(name: string, cause: unknown): unknown {
  if (cause instanceof UserError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code?.startsWith('Z_') === true) return new UserError('usage', `${name} cannot be unpacked: ${message}`, { cause });
  if (code === 'ENOSPC') return new UserError('no-space', `there is no room to unpack ${name} in ${tmpdir()}`, { cause });
  return cause;
}

function unreadable(path: string, cause: unknown): UserError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return code === 'ENOENT' ? new UserError('not-found', `no file ${path}`, { cause }) : new UserError('usage', `cannot read ${path}: ${message}`, { cause });
}
