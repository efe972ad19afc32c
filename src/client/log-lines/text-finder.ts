import type { LogColumns } from '../../core/log-columns.ts';

/** Texts are searched in blocks of about this size. */
const BLOCK_BYTES = 512 * 1024;
/** Bytes between two lines of one block, as the ends of lines and what is around a row take. */
const GAP_BYTES = 256;

/**
 * A quick test for lines whose stored text may hold words (lower case); what it turns down has them in no field.
 * Quickest where indexes are asked for in their order: then whole blocks are searched at once, and no text is parsed.
 */
export function textFinder(columns: LogColumns, read: (offset: number, bytes: number) => Buffer, words: string): (index: number) => boolean {
  const needle = plainPart(words);
  if (needle.length < 2) return () => true;
  /** Characters that become ASCII when their case is lowered. */
  const odd = /[ki]/.test(needle) ? /\u00e2\u0084\u00aa|\u00c4\u00b0/ : undefined;
  let from = 0;
  let to = 0;
  let text = '';
  let isOdd = false;
  /** The first hit at or after `searched`, both in `text`. */
  let hit = -1;
  let searched = 0;

  const load = (index: number): void => {
    from = columns.offset(index);
    to = from + columns.bytes(index);
    for (let next = index + 1; next < columns.length && to - from < BLOCK_BYTES; next += 1) {
      const offset = columns.offset(next);
      if (offset < to || offset > to + GAP_BYTES) break;
      to = offset + columns.bytes(next);
    }
    const bytes = read(from, to - from);
    if (bytes.length < to - from) to = from;
    const plain = bytes.toString('latin1');
    isOdd = odd?.test(plain) ?? false;
    text = plain.toLowerCase();
    hit = searched = 0;
    hit = text.indexOf(needle);
  };

  return (index) => {
    const offset = columns.offset(index);
    const bytes = columns.bytes(index);
    try {
      if (offset < from || offset + bytes > to) load(index);
    } catch {
      // Whoever reads the row says what is wrong with it.
      return true;
    }
    if (isOdd || offset + bytes > to) return true;
    const at = offset - from;
    if (at < searched || (hit !== -1 && hit < at)) {
      searched = at;
      hit = text.indexOf(needle, at);
    }
    return hit !== -1 && hit + needle.length <= at + bytes;
  };
}

/** The longest part of some words that stands in JSON as it is, whoever wrote it. */
function plainPart(words: string): string {
  return (words.match(/[a-z0-9 _.-]+/g) ?? []).reduce((longest, part) => (part.length > longest.length ? part : longest), '');
}
