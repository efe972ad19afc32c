import { describe, expect, it } from 'vitest';
import { measureValue, rowLimits, sanitiseJson, sanitiseJsonText, sanitiseText } from './sanitise.ts';

const small = { depth: 3, keys: 5, length: 40 };

describe('sanitising', () => {
  it('leaves good text as it is', () => {
    for (const text of ['', 'plain', 'ümläut 日本 😀', 'line\nbreak\ttab', String.raw`\u0000 written out`])
      expect(sanitiseText(text)).toBe(text);
  });

  it('replaces NUL and lone surrogates', () => {
    expect(sanitiseText('a\0b')).toBe('a\ufffdb');
    expect(sanitiseText('\ud800x\udc00')).toBe('\ufffdx\ufffd');
  });

  it('writes JSON that jsonb takes, keys and values alike', () => {
    expect(JSON.parse(sanitiseJson({ 'a\0': ['\ud800', { b: '\0' }], ok: '😀' }))).toEqual({
      'a\ufffd': ['\ufffd', { b: '\ufffd' }],
      ok: '😀',
    });
    expect(sanitiseJson({ literal: String.raw`\u0000` })).toBe(String.raw`{"literal":"\\u0000"}`);
    expect(sanitiseJson(null)).toBe('null');
    expect(sanitiseJson({ at: new Date(0), bad: '\0' })).toBe('{"at":"1970-01-01T00:00:00.000Z","bad":"\ufffd"}');
  });

  it('cleans JSON text that hides them in escapes', () => {
    expect(sanitiseJsonText(String.raw`{"a":"\u0000","b":"\uD83D\uDE00","c":"\ud83d"}`)).toBe('{"a":"\ufffd","b":"😀","c":"\ufffd"}');
    expect(sanitiseJsonText('{"a": 1.0}')).toBe('{"a": 1.0}');
    expect(sanitiseJsonText('no json \0')).toBe('no json \ufffd');
  });

  it.each([
    ['depth', [[[[1]]]], '[[[[1]]]]', 'nested deeper than 3'],
    ['keys', [1, 2, 3, 4, 5, 6, 7], '[1,2,3,4,5,6,7]', 'more than 5 keys'],
    ['length', 'x'.repeat(50), `"${'x'.repeat(50)}"`, 'more than the 40 allowed'],
  ])('refuses too much %s, in a value and in text', (_, value, text, message) => {
    expect(() => sanitiseJson(value, small)).toThrow(message);
    expect(() => sanitiseJsonText(text, small)).toThrow(message);
  });

  it('counts what is in the structure, not in the strings', () => {
    expect(sanitiseJsonText('"[[[[[,,,,,,,,"', small)).toBe('"[[[[[,,,,,,,,"');
    expect(sanitiseJsonText(String.raw`"\"[[[[["`, small)).toBe(String.raw`"\"[[[[["`);
    expect(sanitiseJson([[1], [2]], small)).toBe('[[1],[2]]');
  });

  it('measures what is a million deep or a million wide without running out of stack', () => {
    let deep: unknown = 1;
    for (let i = 0; i < 1_000_000; i += 1) deep = { a: deep };
    expect(() => measureValue(deep, rowLimits)).toThrow('nested deeper than 64');
    expect(() =>
      measureValue(
        Array.from({ length: 1_000_000 }, () => ({})),
        rowLimits,
      ),
    ).toThrow('more than 10000 keys');
  });
});
