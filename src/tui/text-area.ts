import { graphemes } from './graphemes.ts';

/** Text being edited, with a cursor. Rows and columns count from 0; columns are graphemes. */
export interface TextArea {
  readonly lines: readonly string[];
  readonly row: number;
  readonly column: number;
}

export function textArea(text: string): TextArea {
  return { lines: text.split('\n'), row: 0, column: 0 };
}

export function textOf(area: TextArea): string {
  return area.lines.join('\n');
}

/** Puts text at the cursor; a paste may hold several lines. */
export function insert(area: TextArea, text: string): TextArea {
  const [before, after] = splitAt(area.lines[area.row] ?? '', area.column);
  const added = text.split('\n');
  const rows = added.map((line, index) => `${index === 0 ? before : ''}${line}${index === added.length - 1 ? after : ''}`);
  const row = area.row + added.length - 1;
  const column = graphemes(added.length === 1 ? before + text : added.at(-1)!).length;
  return { lines: [...area.lines.slice(0, area.row), ...rows, ...area.lines.slice(area.row + 1)], row, column };
}

/** A new line, indented as the one it leaves. */
export function newLine(area: TextArea): TextArea {
  const [before] = splitAt(area.lines[area.row] ?? '', area.column);
  const indent = /^ */.exec(before)![0] + (/[[{]\s*$/.test(before) ? '  ' : '');
  return insert(area, `\n${indent}`);
}

export function eraseBefore(area: TextArea): TextArea {
  if (area.column > 0) {
    const all = graphemes(area.lines[area.row] ?? '');
    return withLine(area, [...all.slice(0, area.column - 1), ...all.slice(area.column)].join(''), area.column - 1);
  }
  if (area.row === 0) return area;
  const above = area.lines[area.row - 1] ?? '';
  return {
    lines: [...area.lines.slice(0, area.row - 1), above + (area.lines[area.row] ?? ''), ...area.lines.slice(area.row + 1)],
    row: area.row - 1,
    column: graphemes(above).length,
  };
}

export function eraseAfter(area: TextArea): TextArea {
  const moved = move(area, 'right');
  return moved === area ? area : eraseBefore(moved);
}

/** Deletes from the cursor to the end of the line, or the line end itself. */
export function eraseRest(area: TextArea): TextArea {
  const [before, after] = splitAt(area.lines[area.row] ?? '', area.column);
  return after === '' ? eraseAfter(area) : withLine(area, before, area.column);
}

export type Motion = 'left' | 'right' | 'up' | 'down' | 'start' | 'end' | 'top' | 'bottom';

export function move(area: TextArea, motion: Motion): TextArea {
  const length = (row: number) => graphemes(area.lines[row] ?? '').length;
  const last = area.lines.length - 1;
  const to = (row: number, column: number): TextArea =>
    row === area.row && column === area.column ? area : { ...area, row, column: Math.min(column, length(row)) };
  switch (motion) {
    case 'left':
      if (area.column > 0) return to(area.row, area.column - 1);
      return area.row > 0 ? to(area.row - 1, length(area.row - 1)) : area;
    case 'right':
      if (area.column < length(area.row)) return to(area.row, area.column + 1);
      return area.row < last ? to(area.row + 1, 0) : area;
    case 'up':
      return area.row > 0 ? to(area.row - 1, area.column) : to(0, 0);
    case 'down':
      return area.row < last ? to(area.row + 1, area.column) : to(last, length(last));
    case 'start':
      return to(area.row, 0);
    case 'end':
      return to(area.row, length(area.row));
    case 'top':
      return to(0, 0);
    case 'bottom':
      return to(last, length(last));
  }
}

/** The cursor on character `offset` of the text, counted in UTF-16 units. */
export function moveToOffset(area: TextArea, offset: number): TextArea {
  const before = textOf(area).slice(0, Math.max(0, offset)).split('\n');
  return { ...area, row: before.length - 1, column: graphemes(before.at(-1)!).length };
}

function splitAt(line: string, column: number): [string, string] {
  const all = graphemes(line);
  return [all.slice(0, column).join(''), all.slice(column).join('')];
}

function withLine(area: TextArea, line: string, column: number): TextArea {
  return { lines: area.lines.map((one, index) => (index === area.row ? line : one)), row: area.row, column };
}
