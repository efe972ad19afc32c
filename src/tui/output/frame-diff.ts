import { blankRow, forgotten, rowOf, unknownRow, type Row } from './cells.ts';
import { findShift, type Shift } from './frame-shift.ts';
import type { Frame } from './frame.ts';
import { createPen, type Pen } from './pen.ts';
import type { Picture } from './picture.ts';

/** A frame in cells: what a terminal of this size shows once it has been written. */
export interface Drawn {
  readonly columns: number;
  readonly rows: readonly Row[];
  readonly pictures: readonly Picture[];
  /** The texts that the rows were made from. */
  readonly sources: readonly string[];
}

interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** Changes in one row that are this close are written as one: moving over the cells between costs as much. */
const NEAR_CELLS = 4;
/** A frame smaller than this arrives in one piece, so that marking its ends (16 bytes) gains nothing. */
const SYNCHRONIZED_FROM = 512;

const startSynchronized = '\u001b[?2026h';
const endSynchronized = '\u001b[?2026l';

/** Takes a frame to cells. Rows that `earlier` has too are taken over from there. */
export function drawnFrame(frame: Frame, size: Size, earlier?: Drawn): Drawn {
  const known = new Map<string, Row>();
  if (earlier?.columns === size.columns) earlier.sources.forEach((source, at) => known.set(source, earlier.rows[at]!));
  const sources = Array.from({ length: size.rows }, (_, at) => frame.rows[at] ?? '');
  const rows = sources.map((source) => {
    const row = known.get(source) ?? rowOf(source, size.columns);
    known.set(source, row);
    return row;
  });
  return { columns: size.columns, rows, pictures: frame.pictures, sources };
}

/** A terminal that was just cleared. */
export function clearedScreen(size: Size): Drawn {
  return drawnFrame({ rows: [], pictures: [] }, size);
}

/**
 * The bytes that turn what the terminal shows into the next frame; '' where nothing differs. Without a
 * frame before, or with one of another size, nothing of the screen is taken for known.
 *
 * Relies on no automatic wrap, leaves margins and style as a terminal has them after a reset, and blanks
 * nothing that the next frame fills, except the row that a shift brings in, which it fills at once.
 */
export function frameDiff(before: Drawn | undefined, next: Drawn): string {
  const { columns } = next;
  const isKnown = before !== undefined && before.columns === columns && before.rows.length === next.rows.length;
  const pictures = isKnown ? before.pictures : [];
  let shown: readonly Row[] = isKnown ? before.rows : next.rows.map(() => unknownRow(columns));
  const pen = createPen(columns);
  const written = new Set<number>();
  // Whoever had the terminal may have left margins and a style.
  if (!isKnown) pen.raw('\u001b[r\u001b[m');

  const gone = pictures.filter((old) => !next.pictures.some((one) => isSamePicture(old, one)));
  for (const old of gone) {
    if (old.erase !== undefined) pen.raw(old.erase);
    else shown = shown.map((row, at) => (at >= old.row && at < old.row + old.rows ? forgotten(row, old.column, old.column + old.columns) : row));
  }

  // Terminals do not agree on what becomes of pictures when rows move.
  const shift = isKnown && pictures.length + next.pictures.length === 0 ? findShift(shown, next.rows) : undefined;
  if (shift) {
    const { top, bottom, by } = shift;
    const edge = by > 0 ? bottom : top;
    const blank = blankRow(columns);
    const { from, to } = vacated(shift);
    // Row by row, each filled as it comes in: a terminal that draws between two packets shows one blank row at most.
    // Line feeds at the bottom margin, or reverse ones at the top: every terminal knows them, unlike SU and SD.
    pen.raw(`\u001b[${top + 1};${bottom + 1}r\u001b[${edge + 1}H`, edge);
    for (let at = 0; at < Math.abs(by); at += 1) {
      pen.raw(`${at === 0 ? '' : '\r'}${by > 0 ? '\n' : '\u001bM'}`, edge);
      writeRow(pen, edge, blank, next.rows[by > 0 ? from + at : to - at]!);
    }
    shown = shifted(shown, shift, columns);
    pen.raw('\u001b[r');
    shown = shown.map((row, at) => (at >= from && at <= to ? next.rows[at]! : row));
  }

  next.rows.forEach((row, at) => {
    if (writeRow(pen, at, shown[at]!, row)) written.add(at);
  });

  for (const picture of next.pictures) {
    const stands = isKnown && pictures.some((old) => isSamePicture(old, picture));
    const isOverwritten = Array.from({ length: picture.rows }, (_, at) => picture.row + at).some((at) => written.has(at));
    if (stands && !isOverwritten) continue;
    pen.moveTo(picture.row, picture.column);
    pen.raw(picture.bytes);
  }

  const bytes = pen.finish();
  return bytes.length < SYNCHRONIZED_FROM ? bytes : startSynchronized + bytes + endSynchronized;
}

function isSamePicture(one: Picture, other: Picture): boolean {
  return one.id === other.id && one.row === other.row && one.column === other.column && one.bytes === other.bytes;
}

function vacated({ top, bottom, by }: Shift): { readonly from: number; readonly to: number } {
  return by > 0 ? { from: bottom - by + 1, to: bottom } : { from: top, to: top - by - 1 };
}

function shifted(rows: readonly Row[], { top, bottom, by }: Shift, columns: number): readonly Row[] {
  const blank = blankRow(columns);
  return rows.map((row, at) => {
    if (at < top || at > bottom) return row;
    return at + by >= top && at + by <= bottom ? rows[at + by]! : blank;
  });
}

/** Writes what differs; true when something did. */
function writeRow(pen: Pen, at: number, shown: Row, next: Row): boolean {
  if (shown === next) return false;
  const columns = next.texts.length;
  const isWhole = shown.isDisputed || next.isDisputed;
  const differs = (cell: number): boolean => (isWhole && cell < next.end) || shown.texts[cell] !== next.texts[cell] || shown.styles[cell] !== next.styles[cell];
  if (isWhole && isEqual(shown, next)) return false;

  let wrote = false;
  let cell = 0;
  while (cell < next.end) {
    if (!differs(cell)) {
      cell += 1;
      continue;
    }
    let from = cell;
    let to = cell + 1;
    for (let ahead = to; ahead < next.end && ahead <= to + NEAR_CELLS; ahead += 1) if (differs(ahead)) to = ahead + 1;
    // Both halves of a wide character, of the old as of the new one, or the terminal blanks the other.
    while (from > 0 && (shown.texts[from] === '' || next.texts[from] === '')) from -= 1;
    while (to < columns && (shown.texts[to] === '' || next.texts[to] === '')) to += 1;
    pen.cells(at, next, from, to);
    wrote = true;
    cell = to;
  }

  let tail = isWhole ? next.end : Math.max(cell, next.end);
  while (!isWhole && tail < columns && !differs(tail)) tail += 1;
  if (tail < columns) {
    pen.eraseRest(at, tail);
    wrote = true;
  }
  return wrote;
}

function isEqual(one: Row, other: Row): boolean {
  return one.texts.every((text, at) => text === other.texts[at] && one.styles[at] === other.styles[at]);
}
