import stringWidth from 'string-width';
import { segmentsOf } from '../graphemes.ts';
import { narrow } from './line.ts';

/*
 * Rows as terminals keep them: one entry a cell. A style is the SGR parameters that lead to it from the
 * default one, in a fixed order, so that two cells look the same exactly when text and style are equal.
 */

export interface Row {
  /** What stands in each cell; '' is the second half of a wide character, undefined a cell that nobody knows. */
  readonly texts: readonly (string | undefined)[];
  readonly styles: readonly string[];
  /** All cells from here on are blank. */
  readonly end: number;
  /** Holds a character on whose width terminals may disagree: such a row is written whole, and in pieces that are placed. */
  readonly isDisputed: boolean;
}

/** What a style consists of. Each is an SGR parameter, or ''. */
export interface Style {
  readonly bold: string;
  readonly dim: string;
  readonly italic: string;
  readonly underline: string;
  readonly inverse: string;
  readonly foreground: string;
  readonly background: string;
}

const plain: Style = { bold: '', dim: '', italic: '', underline: '', inverse: '', foreground: '', background: '' };
const attributes: Readonly<Record<string, Partial<Style>>> = {
  1: { bold: '1' }, 2: { dim: '2' }, 3: { italic: '3' }, 4: { underline: '4' }, 7: { inverse: '7' },
  22: { bold: '', dim: '' }, 23: { italic: '' }, 24: { underline: '' }, 27: { inverse: '' }, 39: { foreground: '' }, 49: { background: '' },
};

/** The style after these SGR parameters. What is not known here changes nothing. */
export function styleAfter(before: Style, parameters: string): Style {
  let style = before;
  const codes = parameters === '' ? ['0'] : parameters.split(';');
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] === '' ? 0 : Number(codes[at]);
    if (code === 0) style = plain;
    else if (code === 38 || code === 48) {
      const length = codes[at + 1] === '2' ? 5 : 3;
      style = { ...style, [code === 38 ? 'foreground' : 'background']: codes.slice(at, at + length).join(';') };
      at += length - 1;
    } else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) style = { ...style, foreground: String(code) };
    else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107)) style = { ...style, background: String(code) };
    else style = { ...style, ...attributes[code] };
  }
  return style;
}

export function styleName({ bold, dim, italic, underline, inverse, foreground, background }: Style): string {
  return [bold, dim, italic, underline, inverse, foreground, background].filter((one) => one !== '').join(';');
}

export function styleOf(name: string): Style {
  return name === '' ? plain : styleAfter(plain, name);
}

/** A blank shows its background alone, unless a line or reverse video makes the rest visible. */
function blankStyle(style: Style): string {
  return style.inverse === '' && style.underline === '' ? style.background : styleName(style);
}

/**
 * Whether terminals, and what runs between them and us, may disagree on the width: characters that consist
 * of several, and pictographs, which were narrow before Unicode 9.
 */
export function isDisputedText(grapheme: string): boolean {
  const first = grapheme.codePointAt(0)!;
  return first >= 0x80 || grapheme.length > 1 ? grapheme.length > String.fromCodePoint(first).length || pictograph.test(grapheme) : false;
}

const pictograph = /\p{Emoji_Presentation}/u;
// oxlint-disable-next-line no-control-regex -- these are the bytes that change styles
const sequence = /\u001b\[([0-9;]*)m/g;
// oxlint-disable-next-line no-control-regex -- these are the bytes that must not get through
const control = /[\u0000-\u001f\u007f-\u009f]/g;

/** A row of exactly `columns` cells; whatever is neither text nor a style is left out, and so is what does not fit. */
export function rowOf(text: string, columns: number): Row {
  const texts: string[] = Array.from({ length: columns }, () => ' ');
  const styles: string[] = Array.from({ length: columns }, () => '');
  let style = plain;
  let name = '';
  let blank = '';
  let cell = 0;
  let isDisputed = false;

  const put = (one: string, width: number): void => {
    if (cell + width > columns) {
      cell = columns;
      return;
    }
    texts[cell] = one;
    styles[cell] = one === ' ' ? blank : name;
    if (width === 2) {
      texts[cell + 1] = '';
      styles[cell + 1] = name;
    }
    cell += width;
  };
  const write = (piece: string): void => {
    if (narrow.test(piece)) {
      for (let at = 0; at < piece.length && cell < columns; at += 1) put(piece[at]!, 1);
      return;
    }
    for (const { segment } of segmentsOf(piece.replaceAll(control, ''))) {
      if (cell >= columns) return;
      const width = stringWidth(segment);
      // Alone, a mark that joins what stands before it has no cell of its own.
      if (width === 0) continue;
      isDisputed ||= isDisputedText(segment);
      put(segment, Math.min(width, 2));
    }
  };

  let from = 0;
  for (const found of text.matchAll(sequence)) {
    write(text.slice(from, found.index));
    style = styleAfter(style, found[1]!);
    name = styleName(style);
    blank = blankStyle(style);
    from = found.index + found[0].length;
  }
  write(text.slice(from));

  let end = columns;
  while (end > 0 && texts[end - 1] === ' ' && styles[end - 1] === '') end -= 1;
  return { texts, styles, end, isDisputed };
}

export function blankRow(columns: number): Row {
  return rowOf('', columns);
}

/** A row of which nothing is known: every cell of it has to be written. */
export function unknownRow(columns: number): Row {
  return { texts: Array.from({ length: columns }, () => undefined), styles: Array.from({ length: columns }, () => ''), end: columns, isDisputed: false };
}

/** `row`, of which nothing is known from one cell up to another. */
export function forgotten(row: Row, from: number, to: number): Row {
  return { ...row, texts: row.texts.map((text, cell) => (cell >= from && cell < to ? undefined : text)), end: row.texts.length };
}
