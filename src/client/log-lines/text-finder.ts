import type { LogColumns } from '../../core/log-columns.ts';
import { firstIndex, type TextTest } from '../../core/log-lines.ts';

/** Where in the bytes of a stored line its message and data lie, without making a row of it. */
export interface TextPlaces {
  /** Finds them in the text from `from` to `to`. False where only the row tells: then nothing else here means anything. */
  find(bytes: Uint8Array, from: number, to: number): boolean;
  /** The message as it is, in which nothing is escaped. */
  readonly messageFrom: number;
  readonly messageTo: number;
  /** What else may hold words that are looked for: only the row tells what they are there. */
  readonly restFrom: number;
  readonly restTo: number;
}

/** Texts are searched in blocks of about this size. */
const BLOCK_BYTES = 512 * 1024;
/** Bytes between two lines of one block: the ends of lines. */
const GAP_BYTES = 256;
/** A line that is looked at by itself costs as much as so many times its bytes in a block. */
const JUDGING = 3;

/**
 * A quick test for lines whose stored text may hold words (lower case); what it turns down has them in no field.
 * Where indexes are asked for in their order whole blocks are searched at once, and no text is parsed.
 * A letter is looked for as the two cases of ASCII write it.
 */
export function textFinder(columns: LogColumns, read: Read, words: string): TextTest<boolean> {
  const needle = plainPart(words);
  return needle.length < 2 ? { at: () => true, bytes: 0 } : lineFinder(columns, read, finder(needle), true, () => true);
}

/** The same for message and data alone: true where they hold the words, undefined where only the row tells. */
export function wordFinder(columns: LogColumns, read: Read, words: string, places: TextPlaces): TextTest<boolean | undefined> {
  const needle = plainPart(words);
  if (needle.length < 2) return { at: () => undefined, bytes: 0 };
  const find = finder(needle);
  return lineFinder(columns, read, find, undefined, (bytes, from, to): boolean | undefined => {
    if (!places.find(bytes, from, to)) return undefined;
    if (find(bytes, places.messageFrom, places.messageTo) !== -1) return needle === words ? true : undefined;
    return find(bytes, places.restFrom, places.restTo) === -1 ? false : undefined;
  });
}

type Read = (offset: number, bytes: number) => Buffer;
type Find = (bytes: Uint8Array, from: number, to: number) => number;

/** False for lines without a hit; of others what `judge` makes of their bytes, or `unsure` where they cannot be read. */
function lineFinder<Answer>(columns: LogColumns, read: Read, find: Find, unsure: Answer, judge: (bytes: Uint8Array, from: number, to: number) => Answer): TextTest<Answer | false> {
  /** Lines of the block, and where its bytes begin. */
  let [first, end] = [0, 0];
  let from = 0;
  let block: Buffer = Buffer.alloc(0);
  let bytes = 0;
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

  const judged = (index: number): Answer => {
    const at = columns.offset(index) - from;
    const size = columns.bytes(index);
    bytes += JUDGING * size;
    return judge(block, at, at + size);
  };

  const at = (index: number): Answer | false => {
    if (index >= clearFrom && index < clearTo) return false;
    if (index === clearTo && index < end && index >= clearFrom) return judged(index);
    try {
      if (index < first || index >= end) load(index);
    } catch {
      // Whoever reads the row says what is wrong with it.
      end = first;
      return unsure;
    }
    const start = columns.offset(index) - from;
    const hit = find(block, start, block.length);
    bytes += (hit === -1 ? block.length : hit) - start;
    clearFrom = index;
    clearTo = hit === -1 ? end : firstIndex(index, end, (one) => columns.offset(one) + columns.bytes(one) > from + hit);
    return clearTo === index && judged(index);
  };
  return {
    at,
    get bytes() {
      return bytes;
    },
  };
}

/** The longest part of some words that stands in JSON as it is, whoever wrote it. */
function plainPart(words: string): string {
  return (words.match(/[a-z0-9 _.-]+/g) ?? []).reduce((longest, part) => (part.length > longest.length ? part : longest), '');
}

/** Looks for ASCII text in bytes, whatever its case, skipping as much as the last byte of the place allows (Horspool). */
function finder(needle: string): Find {
  const wanted = Buffer.from(needle);
  const last = wanted.length - 1;
  const folded = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte));
  const skips = new Uint32Array(256).fill(wanted.length);
  for (let at = 0; at < last; at += 1) for (let byte = 0; byte < 256; byte += 1) if (folded[byte] === wanted[at]) skips[byte] = last - at;
  const lastSkip = skips[wanted[last]!]!;
  for (let byte = 0; byte < 256; byte += 1) if (folded[byte] === wanted[last]) skips[byte] = 0;

  return (bytes, from, to) => {
    for (let at = from + last; at < to;) {
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
