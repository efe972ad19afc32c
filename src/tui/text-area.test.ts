import { describe, expect, it } from 'vitest';
import { eraseAfter, eraseBefore, eraseRest, insert, move, moveToOffset, newLine, textArea, textOf, type TextArea } from './text-area.ts';

/** The text with `|` at the cursor. */
function shown(area: TextArea): string {
  return textOf(insert(area, '|'));
}

describe('the text editor', () => {
  it('inserts lines in the middle of a line', () => {
    expect(shown(insert(moveToOffset(textArea('ab'), 1), 'x\ny'))).toBe('ax\ny|b');
  });

  it('keeps the indentation on a new line and deepens it after a bracket', () => {
    expect(shown(newLine(move(textArea('  "a": 1,'), 'end')))).toBe('  "a": 1,\n  |');
    expect(shown(newLine(move(textArea('  "a": {'), 'end')))).toBe('  "a": {\n    |');
  });

  it('erases whole characters, and line ends', () => {
    expect(shown(eraseBefore(move(textArea('a👨‍👩‍👧'), 'end')))).toBe('a|');
    expect(shown(eraseBefore(moveToOffset(textArea('a\nb'), 2)))).toBe('a|b');
    expect(shown(eraseAfter(textArea('ab')))).toBe('|b');
    expect(shown(eraseRest(moveToOffset(textArea('abc\nd'), 1)))).toBe('a|\nd');
    expect(shown(eraseBefore(textArea('a')))).toBe('|a');
  });

  it('moves over line ends and stops at the ends of the text', () => {
    expect(shown(move(moveToOffset(textArea('a\nb'), 1), 'right'))).toBe('a\n|b');
    expect(shown(move(moveToOffset(textArea('a\nb'), 2), 'left'))).toBe('a|\nb');
    expect(shown(move(moveToOffset(textArea('long\nb'), 4), 'down'))).toBe('long\nb|');
    expect(shown(move(textArea('a'), 'up'))).toBe('|a');
  });
});
