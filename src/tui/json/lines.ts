import type { Difference } from '../../core/json-diff.ts';
import type { Json } from '../../protocol/json.ts';
import type { Glyphs } from '../output/glyphs.ts';
import { clip, span, wrap, type Line } from '../output/line.ts';
import type { Token } from '../output/theme.ts';
import { previewOf, type JsonRow } from './tree.ts';

/** A value longer than this is cut in the tree; `y j` copies it whole. */
const MAX_VALUE = 4_000;

/** A row of a JSON tree; more than one when `columns` says where a long value wraps. */
export function jsonLine(row: JsonRow, glyphs: Glyphs, columns: number | undefined): readonly Line[] {
  const indent = '  '.repeat(row.depth);
  const sign = row.foldable ? `${row.open ? glyphs.unfolded : glyphs.folded} ` : '  ';
  const name = row.name === undefined ? [] : [span(row.name, row.inArray ? 'muted' : 'jsonKey'), span(': ', 'muted')];
  const head: Line = [span(indent + sign, 'muted'), ...name];
  if (row.open) return [[...head, span(Array.isArray(row.value) ? `[${row.value.length}]` : '', 'muted')]];

  const text = clip(previewOf(row.value), MAX_VALUE);
  const token = tokenOf(row.value);
  if (columns === undefined) return [[...head, span(text, token)]];
  const used = indent.length + 2 + (row.name === undefined ? 0 : row.name.length + 2);
  const hang = ' '.repeat(Math.min(indent.length + 4, Math.floor(columns / 2)));
  const room = Math.max(10, columns - used);
  if (text.length <= room) return [[...head, span(text, token)]];
  const [first = '', ...rest] = wrap(text, room);
  // What follows has more room than the first row, which shares it with the key.
  const more = wrap(text.slice(first.length).replace(/^ /, ''), Math.max(10, columns - hang.length));
  return [[...head, span(first, token)], ...(rest.length > 0 ? more.map((one): Line => [span(hang), span(one, token)]) : [])];
}

/** One change of a state, unified: its path, then what was and what is. */
export function diffLines(difference: Difference, columns: number, glyphs: Glyphs): readonly Line[] {
  const { kind, before, after } = difference;
  const mark = { added: '+', removed: '-', changed: '~' }[kind];
  const path = difference.path === '' ? '(the whole state)' : difference.path;
  const small = valueText(before).length + valueText(after).length + path.length + 10 <= columns;
  if (small) {
    const values: Line =
      kind === 'changed' ? [span(valueText(before), 'removed'), span(` ${glyphs.arrow} `, 'muted'), span(valueText(after), 'added')]
      : kind === 'added' ? [span(valueText(after), 'added')]
      : [span(valueText(before), 'removed')];
    return [[span(`${mark} `, kind, { bold: true }), span(path, 'jsonKey'), span('  '), ...values]];
  }
  return [
    [span(`${mark} `, kind, { bold: true }), span(path, 'jsonKey')],
    ...(kind === 'added' ? [] : valueLines(before, '- ', 'removed', columns)),
    ...(kind === 'removed' ? [] : valueLines(after, '+ ', 'added', columns)),
  ];
}

/** Rows of one side of a change that are shown; the state view has the whole. */
const MAX_SIDE = 40;

function valueLines(value: Json | undefined, sign: string, token: Token, columns: number): readonly Line[] {
  const all = wrap(JSON.stringify(value, null, 2) ?? 'undefined', Math.max(10, columns - 4));
  const shown = all.slice(0, MAX_SIDE).map((one): Line => [span(`  ${sign}${one}`, token)]);
  return all.length > MAX_SIDE ? [...shown, [span(`    (${all.length - MAX_SIDE} more rows; 6 shows the state)`, 'muted')]] : shown;
}

function valueText(value: Json | undefined): string {
  return value === undefined ? '' : JSON.stringify(value);
}

function tokenOf(value: Json): Token {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'number') return 'number';
  if (typeof value === 'boolean' || value === null) return 'keyword';
  const marked = value as Readonly<Record<string, Json>>;
  return marked['$truncated'] !== undefined || marked['$secret'] !== undefined ? 'warn' : 'muted';
}
