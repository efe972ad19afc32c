import stringWidth from 'string-width';
import { segmentsOf } from '../graphemes.ts';
import { drawable } from './drawable.ts';
import type { Token } from './theme.ts';

/** A piece of a line in one style. Its text may come from anywhere: the painter makes it inert. */
export interface Span {
  readonly text: string;
  readonly token?: Token | undefined;
  readonly bold?: boolean | undefined;
  readonly inverse?: boolean | undefined;
  /** Colours of its own, `#rrggbb`, where they are content and no theme knows them: a picture. */
  readonly color?: { readonly foreground?: string | undefined; readonly background?: string | undefined } | undefined;
}

/** One row of the screen. Everything that is drawn is a list of these, so nothing reaches the terminal on another way. */
export type Line = readonly Span[];

/** A span, in the shortest notation that views need. */
export function span(text: string, token?: Token, style: { readonly bold?: boolean; readonly inverse?: boolean } = {}): Span {
  return { text, token, ...style };
}

export function line(text: string, token?: Token): Line {
  return [{ text, token }];
}

/**
 * ASCII, Latin, arrows, boxes, blocks, Braille: each one unit, one cell and inert. What logs and our own signs
 * mostly consist of is measured without looking at graphemes.
 */
export const narrow = /^[\x20-\x7e\u00a1-\u00ac\u00ae-\u02ff\u2010-\u2027\u2190-\u21ff\u23ce\u23f8\u2400-\u2421\u2500-\u25fc\u2605\u2714\u2718\u2800-\u28ff]*$/;

/** Terminal cells that `text` takes, made printable first. */
export function widthOf(text: string): number {
  return narrow.test(text) ? text.length : stringWidth(drawable(text));
}

export function lineWidth(of: Line): number {
  return of.reduce((sum, one) => sum + widthOf(one.text), 0);
}

/** More characters than this a cell, and a text is too long without being measured: a line may hold 20 kB. */
const MAX_UNITS = 16;

function isWithin(text: string, cells: number): boolean {
  return text.length <= Math.max(1, cells) * MAX_UNITS && widthOf(text) <= cells;
}

/** The longest beginning of `text` that fits `cells`. */
export function takeCells(text: string, cells: number): string {
  if (cells <= 0) return '';
  if (narrow.test(text)) return text.slice(0, cells);
  // Nothing beyond this can be visible.
  const safe = drawable(text.slice(0, cells * MAX_UNITS));
  let used = 0;
  let end = 0;
  for (const { segment, index } of segmentsOf(safe)) {
    const width = stringWidth(segment);
    if (used + width > cells) break;
    used += width;
    end = index + segment.length;
  }
  return safe.slice(0, end);
}

/** `text` without its first `cells` cells; a wide character cut in half becomes a space. */
export function dropCells(text: string, cells: number): string {
  if (cells <= 0) return text;
  if (narrow.test(text)) return text.slice(cells);
  const safe = drawable(text);
  let used = 0;
  for (const { segment, index } of segmentsOf(safe)) {
    if (used >= cells) return ' '.repeat(used - cells) + safe.slice(index);
    used += stringWidth(segment);
  }
  return '';
}

/** Cuts `text` to `cells`, ending in `mark` when something was cut. */
export function clip(text: string, cells: number, mark = '…'): string {
  if (isWithin(text, cells)) return narrow.test(text) ? text : drawable(text);
  return takeCells(text, cells - widthOf(mark)) + (cells > 0 ? mark : '');
}

/** Cuts or pads `text` to exactly `cells`. */
export function fit(text: string, cells: number, align: 'left' | 'right' = 'left', mark = '…'): string {
  const cut = clip(text, cells, mark);
  const padding = ' '.repeat(Math.max(0, cells - widthOf(cut)));
  return align === 'left' ? cut + padding : padding + cut;
}

/** Cuts a line to `cells`; the last visible span ends in `mark` when something was cut. */
export function clipLine(of: Line, cells: number, mark = '…'): Line {
  if (of.every((one) => isWithin(one.text, cells)) && lineWidth(of) <= cells) return of;
  const out: Span[] = [];
  let left = cells;
  for (const one of of) {
    if (isWithin(one.text, left - 1)) {
      out.push(one);
      left -= widthOf(one.text);
      continue;
    }
    // Something follows or is cut here: the mark needs the last cell.
    out.push({ ...one, text: takeCells(one.text, left - widthOf(mark)) + mark });
    break;
  }
  return out;
}

/** `start` at the left edge and `end` at the right; `end` wins when there is no room for both. */
export function spread(start: Line, end: Line, cells: number): Line {
  const endCut = clipLine(end, cells);
  const room = cells - lineWidth(endCut) - (endCut.length > 0 ? 1 : 0);
  const startCut = room > 0 ? clipLine(start, room) : [];
  const gap = cells - lineWidth(startCut) - lineWidth(endCut);
  return [...startCut, { text: ' '.repeat(Math.max(0, gap)) }, ...endCut];
}

/** Breaks text into rows of at most `cells`, at its own line ends first and at spaces where possible. */
export function wrap(text: string, cells: number): readonly string[] {
  const width = Math.max(1, cells);
  return text.split(/\r\n|\r|\n/).flatMap((paragraph) => {
    const rows: string[] = [];
    let rest = narrow.test(paragraph) ? paragraph : drawable(paragraph);
    while (!isWithin(rest, width)) {
      const head = takeCells(rest, width);
      const space = head.lastIndexOf(' ');
      const end = space > width / 2 ? space : Math.max(1, head.length);
      rows.push(rest.slice(0, end));
      rest = rest.slice(end).replace(/^ /, '');
    }
    return [...rows, rest];
  });
}

/** The same in at most `rows`; the last ends in `mark` when there was more. */
export function wrapUpTo(text: string, cells: number, rows: number, mark = '…'): readonly string[] {
  const all = wrap(text, cells);
  return all.length <= rows ? all : [...all.slice(0, rows - 1), clip(all.slice(rows - 1).join(' '), cells, mark)];
}

/** The bare text of a line. */
export function lineText(of: Line): string {
  return of.map((one) => one.text).join('');
}

/** Breaks a line into rows of at most `cells`, styles and all; rows after the first begin with `hang`. */
export function wrapLine(of: Line, cells: number, hang = ''): readonly Line[] {
  const width = Math.max(4, cells);
  if (lineWidth(of) <= width) return [of];
  const rows: Span[][] = [[]];
  let left = width;
  for (const one of of) {
    let rest = one.text;
    while (rest !== '') {
      const head = takeCells(rest, left);
      if (head === '' && left < width) {
        rows.push([{ text: hang }]);
        left = width - widthOf(hang);
        continue;
      }
      // A character wider than the row would never fit.
      const taken = head === '' ? rest.slice(0, 1) : head;
      rows.at(-1)!.push({ ...one, text: taken });
      rest = narrow.test(rest) ? rest.slice(taken.length) : dropCells(rest, widthOf(taken));
      left -= widthOf(taken);
      if (rest !== '') {
        rows.push([{ text: hang }]);
        left = width - widthOf(hang);
      }
    }
  }
  return rows;
}
