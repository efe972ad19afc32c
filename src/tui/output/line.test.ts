import { describe, expect, it } from 'vitest';
import stringWidth from 'string-width';
import { drawable } from './drawable.ts';
import { clip, clipLine, dropCells, fit, lineText, lineWidth, narrow, span, spread, wrap, wrapLine } from './line.ts';

describe('lines', () => {
  it('count cells, not characters', () => {
    expect(fit('表表', 5)).toBe('表表 ');
    expect(clip('表表表', 5)).toBe('表表…');
    expect(clip('abcdef', 4)).toBe('abc…');
    expect(dropCells('表b', 1)).toBe(' b');
    expect(fit('7', 3, 'right')).toBe('  7');
  });

  it('are measured quickly only where every character is one cell, and drawn as it is', () => {
    for (let code = 0; code < 0x10000; code += 1) {
      const character = String.fromCharCode(code);
      if (narrow.test(character)) expect([stringWidth(character), drawable(character)], code.toString(16)).toEqual([1, character]);
    }
  });

  it('are cut once, in the span where the room ends', () => {
    expect(lineText(clipLine([span('abc'), span('def')], 4))).toBe('abc…');
    expect(lineText(clipLine([span('abc'), span('def')], 6))).toBe('abcdef');
    expect(lineText(clipLine([span('abc'), span('d')], 3))).toBe('ab…');
  });

  it('keep what stands at the right edge', () => {
    expect(lineText(spread([span('a long beginning')], [span('live')], 12))).toBe('a long… live');
    expect(lineWidth(spread([span('a')], [span('live')], 12))).toBe(12);
  });

  it('wrap at spaces, at line ends, and in the middle of long words', () => {
    expect(wrap('one two three', 8)).toEqual(['one two', 'three']);
    expect(wrap('a\nb', 8)).toEqual(['a', 'b']);
    expect(wrap('x'.repeat(10), 4)).toEqual(['xxxx', 'xxxx', 'xx']);
    expect(wrapLine([span('const ', 'keyword'), span('answer = 42')], 10, '  ').map(lineText)).toEqual(['const answ', '  er = 42']);
  });
});
