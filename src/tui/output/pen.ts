import { isDisputedText, styleOf, type Row, type Style } from './cells.ts';

/** Writes cells, and knows where the cursor is and in which style, so that it sends as little as it can for both. */
export interface Pen {
  /** Puts the cells from `from` up to `to` of a row where they belong. */
  cells(row: number, of: Row, from: number, to: number): void;
  /** Blanks a row from `column` to its end. */
  eraseRest(row: number, column: number): void;
  moveTo(row: number, column: number): void;
  /** Other bytes, sent in the default style, which leave the cursor at the beginning of row `at`, or nobody knows where. */
  raw(bytes: string, at?: number): void;
  /** Back to the default style; what was written so far. */
  finish(): string;
}

/** More pairs of styles than this are forgotten and made again; each is some bytes. */
const MAX_TRANSITIONS = 4_096;
const transitions = new Map<string, string>();

/** The shortest sequence from one style to another. */
function transition(from: string, to: string): string {
  if (from === to) return '';
  const key = `${from}>${to}`;
  let bytes = transitions.get(key);
  if (bytes === undefined) {
    if (transitions.size >= MAX_TRANSITIONS) transitions.clear();
    const afresh = to === '' ? '' : `0;${to}`;
    const change = changes(styleOf(from), styleOf(to));
    bytes = `\u001b[${change.length <= afresh.length ? change : afresh}m`;
    transitions.set(key, bytes);
  }
  return bytes;
}

function changes(from: Style, to: Style): string {
  const codes: string[] = [];
  const isLighter = (from.bold !== '' && to.bold === '') || (from.dim !== '' && to.dim === '');
  if (isLighter) codes.push('22');
  if (to.bold !== '' && (isLighter || from.bold === '')) codes.push('1');
  if (to.dim !== '' && (isLighter || from.dim === '')) codes.push('2');
  const toggles = [['italic', '23'], ['underline', '24'], ['inverse', '27'], ['foreground', '39'], ['background', '49']] as const;
  for (const [name, off] of toggles) if (from[name] !== to[name]) codes.push(to[name] === '' ? off : to[name]);
  return codes.join(';');
}

/** A blank looks the same in every style of its background in which nothing is drawn on a blank. */
function isBlankIn(style: string, wanted: string): boolean {
  const { underline, inverse, background } = styleOf(style);
  return underline === '' && inverse === '' && background === wanted;
}

/** `columns` is the width of the terminal: in its last column terminals disagree on where the cursor is. */
export function createPen(columns: number): Pen {
  let out = '';
  let row = -1;
  /** -1: not known. */
  let column = -1;
  let style = '';

  const restyle = (to: string): void => {
    out += transition(style, to);
    style = to;
  };

  const moveTo = (toRow: number, toColumn: number): void => {
    if (row === toRow && column === toColumn) return;
    const ways = [toColumn === 0 ? `\u001b[${toRow === 0 ? '' : toRow + 1}H` : `\u001b[${toRow + 1};${toColumn + 1}H`];
    if (row === toRow) {
      if (toColumn === 0) ways.push('\r');
      ways.push(`\u001b[${toColumn + 1}G`);
      if (column >= 0) {
        const by = toColumn - column;
        ways.push(by > 0 ? `\u001b[${by === 1 ? '' : by}C` : by === -1 ? '\b' : `\u001b[${-by}D`);
      }
    }
    // Never at a margin: what is below is inside of it, or there is none.
    if (row >= 0 && toRow === row + 1) ways.push(toColumn === 0 ? '\r\n' : `\r\n\u001b[${toColumn === 1 ? '' : toColumn}C`);
    if (column >= 0 && column === toColumn && row >= 0) {
      const by = toRow - row;
      if (by !== 0) ways.push(by > 0 ? `\u001b[${by === 1 ? '' : by}B` : `\u001b[${by === -1 ? '' : -by}A`);
    }
    out += ways.reduce((best, one) => (one.length < best.length ? one : best));
    row = toRow;
    column = toColumn;
  };

  return {
    moveTo,
    cells(at, of, from, to) {
      for (let cell = from; cell < to; cell += 1) {
        const text = of.texts[cell]!;
        if (text === '') continue;
        moveTo(at, cell);
        const wanted = of.styles[cell]!;
        if (style !== wanted && !(text === ' ' && isBlankIn(style, wanted))) restyle(wanted);
        const width = of.texts[cell + 1] === '' ? 2 : 1;
        const isDisputed = of.isDisputed && isDisputedText(text);
        // Where it is narrow, what stood in the second cell would stay.
        if (isDisputed && width === 2) out += `  \u001b[${cell + 1}G`;
        out += text;
        column = isDisputed || cell + width >= columns ? -1 : cell + width;
      }
    },
    eraseRest(at, from) {
      moveTo(at, from);
      restyle('');
      out += '\u001b[K';
    },
    raw(bytes, at) {
      restyle('');
      out += bytes;
      row = at ?? -1;
      column = at === undefined ? -1 : 0;
    },
    finish() {
      restyle('');
      const all = out;
      out = '';
      return all;
    },
  };
}

