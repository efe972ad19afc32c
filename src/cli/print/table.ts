import { printable } from '../../core/format.ts';
import type { Io } from '../io.ts';

/** Rows as aligned columns under muted headings; the last column may be as long as it likes. */
export function tableLines(headings: readonly string[], rows: readonly (readonly string[])[], io: Io): readonly string[] {
  const safe = rows.map((row) => row.map((cell) => printable(cell)));
  const widths = headings.map((heading, column) => Math.max(heading.length, ...safe.map((row) => (row[column] ?? '').length)));
  const line = (cells: readonly string[]): string => cells.map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd(widths[column]!))).join('  ').trimEnd();
  return [io.paint('muted', line(headings)), ...safe.map(line)];
}
