import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Bytes that are added at the end, read anywhere, and let go at the beginning. Places never shift. */
export interface ByteLog {
  /** Bytes ever added. */
  readonly length: number;
  /** First byte that is still there. */
  readonly first: number;
  /** Why bytes had to be let go that should have been kept, in words. */
  readonly problem: string | undefined;
  /** Adds some bytes, which are read again together or in part, but never with others before or after them. */
  append(bytes: Uint8Array): number;
  /** Bytes of a place; none where they were let go. May share memory with what is kept. */
  read(offset: number, length: number): Buffer;
  dropBelow(offset: number): void;
  close(): void;
}

export interface ByteLogOptions {
  /** What is held in memory before anything is written to a disk. */
  readonly memoryBytes?: number | undefined;
  /** Folder for what is written; the system's for temporary files. */
  readonly directory?: string | undefined;
}

const MEMORY_BYTES = 16 * 1024 * 1024;
/** Without a disk this much is held, and the oldest is let go. */
const DISKLESS_BYTES = 64 * 1024 * 1024;
/** Bytes are written, read and let go in pieces of this size. */
const PIECE_BYTES = 1024 * 1024;
/** Pieces in one file. A file goes when the last of them is let go. */
const PIECES_A_FILE = 64;
/** Pieces of the disk that are held after they were read. */
const HELD_PIECES = 8;

interface Piece {
  readonly start: number;
  length: number;
  memory: Buffer | undefined;
  file: SpoolFile | undefined;
  at: number;
}

interface SpoolFile {
  readonly descriptor: number;
  pieces: number;
  bytes: number;
  /** Pieces of it that are still wanted. */
  wanted: number;
}

/**
 * Up to `memoryBytes` in memory; beyond that the oldest in files that are readable for us alone and have no name, so
 * that nothing of them is left however the process ends.
 */
export function byteLog({ memoryBytes = MEMORY_BYTES, directory = tmpdir() }: ByteLogOptions = {}): ByteLog {
  const pieces: Piece[] = [];
  const held: Piece[] = [];
  let length = 0;
  let first = 0;
  let inMemory = 0;
  let problem: string | undefined;
  let file: SpoolFile | undefined;
  /** Pieces before this one lie on the disk. */
  let spilled = 0;

  const release = (piece: Piece): void => {
    if (!piece.file) {
      inMemory -= piece.length;
      return;
    }
    piece.file.wanted -= 1;
    if (piece.file.wanted === 0 && piece.file !== file) closeSync(piece.file.descriptor);
  };
  const dropFirst = (): void => {
    const piece = pieces.shift()!;
    first = piece.start + piece.length;
    spilled = Math.max(0, spilled - 1);
    release(piece);
  };

  const spill = (): void => {
    const piece = pieces[spilled]!;
    try {
      if (!file || file.pieces === PIECES_A_FILE) {
        const full = file;
        file = { descriptor: openNameless(directory), pieces: 0, bytes: 0, wanted: 0 };
        if (full?.wanted === 0) closeSync(full.descriptor);
      }
      writeWhole(file.descriptor, piece.memory!.subarray(0, piece.length), file.bytes);
    } catch (error) {
      problem ??= `${(error as NodeJS.ErrnoException).code === 'ENOSPC' ? `there is no room in ${directory}` : `nothing can be written to ${directory}`}, so only the newest lines are kept`;
      return;
    }
    piece.file = file;
    piece.at = file.bytes;
    piece.memory = undefined;
    file.pieces += 1;
    file.wanted += 1;
    file.bytes += piece.length;
    inMemory -= piece.length;
    spilled += 1;
  };

  const bytesOf = (piece: Piece): Buffer => {
    if (piece.memory) return piece.memory;
    const found = held.find((one) => one.start === piece.start);
    if (found) return found.memory!;
    const memory = Buffer.allocUnsafe(piece.length);
    let got = 0;
    while (got < piece.length) {
      const some = readSync(piece.file!.descriptor, memory, got, piece.length - got, piece.at + got);
      if (some === 0) break;
      got += some;
    }
    held.push({ ...piece, memory });
    if (held.length > HELD_PIECES) held.shift();
    return memory;
  };
  const pieceAt = (offset: number): number => {
    let [low, high] = [0, pieces.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { start, length: size } = pieces[middle]!;
      if (start + size <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  return {
    get length() {
      return length;
    },
    get first() {
      return first;
    },
    get problem() {
      return problem;
    },
    append(bytes) {
      let piece = pieces.at(-1);
      if (!piece?.memory || piece.length + bytes.length > piece.memory.length) {
        piece = { start: length, length: 0, memory: Buffer.allocUnsafe(Math.max(PIECE_BYTES, bytes.length)), file: undefined, at: 0 };
        pieces.push(piece);
      }
      piece.memory!.set(bytes, piece.length);
      piece.length += bytes.length;
      length += bytes.length;
      inMemory += bytes.length;
      while (problem === undefined && inMemory > memoryBytes && spilled < pieces.length - 1) spill();
      while (problem !== undefined && inMemory > Math.max(memoryBytes, DISKLESS_BYTES) && pieces.length > 1) dropFirst();
      return length - bytes.length;
    },
    read(offset, size) {
      const parts: Buffer[] = [];
      for (let at = pieceAt(offset), from = offset; at < pieces.length && from < offset + size; at += 1) {
        const piece = pieces[at]!;
        if (from < piece.start) break;
        parts.push(bytesOf(piece).subarray(from - piece.start, Math.min(piece.length, offset + size - piece.start)));
        from = piece.start + piece.length;
      }
      return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    },
    dropBelow(offset) {
      while (pieces.length > 1 && pieces[0]!.start + pieces[0]!.length <= offset) dropFirst();
    },
    close() {
      held.length = 0;
      const files = new Set(pieces.flatMap((piece) => piece.file ?? []));
      if (file) files.add(file);
      pieces.length = 0;
      spilled = 0;
      file = undefined;
      inMemory = 0;
      first = length;
      for (const one of files) closeSync(one.descriptor);
    },
  };
}

/** A new file without a name: it goes with the process. */
export function openNameless(directory: string): number {
  const folder = mkdtempSync(join(directory, 'stepscope-log-'));
  try {
    return openSync(join(folder, 'lines'), 'wx+', 0o600);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function writeWhole(descriptor: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done, bytes.length - done, at + done);
}
