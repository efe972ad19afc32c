import { expect, it } from 'vitest';
import { line, lineText } from './line.ts';
import { fitParts } from './parts.ts';

it('cuts what can be cut, drops what gives way first, and keeps what never goes', () => {
  const parts = [{ line: line('a-long-name'), gives: 2, least: 5 }, { line: line(' PAUSED') }, { line: line(' id'), gives: 1 }];
  const at = (cells: number) => lineText(fitParts(parts, cells));
  expect([21, 18, 15, 14, 12, 11, 7].map(at)).toEqual(['a-long-name PAUSED id', 'a-long-… PAUSED id', 'a-lo… PAUSED id', 'a-long… PAUSED', 'a-lo… PAUSED', ' PAUSED', ' PAUSED']);
});
