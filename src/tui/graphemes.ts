/** One character as a person counts them, and where it begins. */
export interface Grapheme {
  readonly segment: string;
  readonly index: number;
}

const ascii = /^[\x20-\x7e]*$/;
let segmenter: Intl.Segmenter | undefined;

/** The characters of a text. The tables of Unicode are loaded at the first text that needs them: that takes as long as half a Node. */
export function segmentsOf(text: string): Iterable<Grapheme> {
  if (ascii.test(text)) return Array.from(text, (segment, index) => ({ segment, index }));
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  return segmenter.segment(text);
}

export function graphemes(text: string): readonly string[] {
  return Array.from(segmentsOf(text), (one) => one.segment);
}
