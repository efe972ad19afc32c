import type { LogColumns } from '../../core/log-columns.ts';
import { firstIndex } from '../../core/log-lines.ts';

/** Texts are searched in blocks of about this size. */
const BLOCK_BYTES = 512 * 1024;
/** Bytes between two lines of one block: the ends of lines. */
const GAP_BYTES = 256;

/**
 * A quick test for lines whose stored text may hold words (lower case); what it turns down has them in no field.
 * Quickest where indexes are asked for in their order: then whole blocks are searched at once, and no text is parsed.
 * A letter is looked for as the two cases of ASCII write it.
 */
export function textFinder(columns: LogColumns, read: (offset: number, bytes: number) => Buffer, words: string): (index: number) => boolean {
  const needle = plainPart(words);
  if (needle.length < 2) return () => true;
  const find = finder(needle);
  /** Lines of the block, and where its bytes begin. */
  let [first, end] = [0, 0];
  let from = 0;
  let block: Buffer = Buffer.alloc(0);
  /** None of the lines from the one to before the other holds it; that one does, unless it is the end of the block. */
  let [clearFrom, clearTo] = [0, 0];

  const load = (index: number): void => {
    first = index;
    from = columns.offset(index);
    let to = from + columns.bytes(index);
    for (end = index + 1; end < columns.length && to - from < BLOCK_BYTES; end += 1) {
      const offset = columns.offset(end);
      // The text of a line that came late lies elsewhere.
      if (offset < to || offset > to + GAP_BYTES) break;
      to = offset + columns.bytes(end);
    }
    block = read(from, to - from);
    if (block.length < to - from) throw new Error('it is not there any more');
  };

  return (index) => {
    if (index >= clearFrom && index < clearTo) return false;
    if (index === clearTo && index < end && index >= clearFrom) return true;
    try {
      if (index < first || index >= end) load(index);
    } catch {
      // Whoever reads the row says what is wrong with it.
      end = first;
      return true;
    }
    const hit = find(block, columns.offset(index) - from);
    clearFrom = index;
    clearTo = hit === -1 ? end : firstIndex(index, end, (one) => columns.offset(one) + columns.bytes(one) > from + hit);
    return clearTo === index;
  };
}

/** The longest part of some words that stands in JSON as it is, whoever wrote it. */
function plainPart(words: string): string {
  return (words.match(/[a-z0-9 _.-]+/g) ?? []).reduce((longest, part) => (part.length > longest.length ? part : longest), '');
}

/** Looks for ASCII text in bytes, whatever its case, skipping as much as the last byte of the place allows (Horspool). */
function finder(needle: string): (bytes: Uint8Array, from: number) => number {
  const wanted = Buffer.from(needle);
  const last = wanted.length - 1;
  const folded = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte));
  const skips = new Uint32Array(256).fill(wanted.length);
  for (let at = 0; at < last; at += 1) for (let byte = 0; byte < 256; byte += 1) if (folded[byte] === wanted[at]) skips[byte] = last - at;
  const lastSkip = skips[wanted[last]!]!;
  for (let byte = 0; byte < 256; byte += 1) if (folded[byte] === wanted[last]) skips[byte] = 0;

  return (bytes, from) => {
    for (let at = from + last; at < bytes.length;) {
      const skip = skips[bytes[at]!]!;
      if (skip > 0) {
        at += skip;
        continue;
      }
      let back = 1;
      while (back <= last && folded[bytes[at - back]!] === wanted[last - back]) back += 1;
      if (back > last) return at - last;
      at += lastSkip;
    }
    return -1;
  };
}
