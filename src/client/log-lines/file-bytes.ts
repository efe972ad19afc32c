import { readSync } from 'node:fs';

/** Bytes are read in pages of this size; some of them are held. */
const PAGE_BYTES = 256 * 1024;
const HELD_PAGES = 8;

/** Reads places of an open file, also one that still grows. Answers fewer bytes where the file ends before. */
export function fileBytes(descriptor: number): (offset: number, bytes: number) => Buffer {
  /** By number; the one that was used last stands last. */
  const held = new Map<number, Buffer>();

  const read = (offset: number, bytes: number): Buffer => {
    const buffer = Buffer.allocUnsafe(bytes);
    let got = 0;
    while (got < bytes) {
      const some = readSync(descriptor, buffer, got, bytes - got, offset + got);
      if (some === 0) break;
      got += some;
    }
    return buffer.subarray(0, got);
  };

  const page = (number: number, needed: number): Buffer => {
    const known = held.get(number);
    held.delete(number);
    // The last page of a file that was read while it grew is short.
    const bytes = known && known.length >= needed ? known : read(number * PAGE_BYTES, PAGE_BYTES);
    held.set(number, bytes);
    if (held.size > HELD_PAGES) held.delete(held.keys().next().value!);
    return bytes;
  };

  return (offset, bytes) => {
    const number = Math.floor(offset / PAGE_BYTES);
    const from = offset - number * PAGE_BYTES;
    return from + bytes > PAGE_BYTES ? read(offset, bytes) : page(number, from + bytes).subarray(from, from + bytes);
  };
}
