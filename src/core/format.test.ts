import { describe, expect, it } from 'vitest';
import { formatBytes, formatDuration, formatRelative, plural, printable, shortId } from './format.ts';

describe('formatting', () => {
  it.each([
    [0, '0 ms'],
    [0.4, '<1 ms'],
    [840.4, '840 ms'],
    [999.6, '1.0 s'],
    [3_240, '3.2 s'],
    [59_949, '59.9 s'],
    [59_960, '1m 00s'],
    [65_000, '1m 05s'],
    [3_599_999, '1h 00m'],
    [7_380_000, '2h 03m'],
    [350_000_000, '4d 01h'],
    [-5, '-5 ms'],
    [Number.NaN, '–'],
  ])('%s ms is %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KB'],
    [1536, '1.5 KB'],
    [10_240, '10 KB'],
    [1_048_575, '1.0 MB'],
    [5e9, '4.7 GB'],
  ])('%s bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [1_000, 'just now'],
    [40_000, '40 s ago'],
    [300_000, '5 min ago'],
    [10_800_000, '3 h ago'],
    [172_800_000, '2 d ago'],
    [-3_000, 'in 3 s'],
  ])('%s ms ago is %s', (ago, text) => {
    expect(formatRelative(1e12 - ago, 1e12)).toBe(text);
  });

  it('counts in words and shortens ids from the end', () => {
    expect([plural(1, 'step'), plural(1204, 'line'), plural(2, 'entry', 'entries')]).toEqual(['1 step', '1,204 lines', '2 entries']);
    expect(shortId('0197f3a1-7c1e-7b52-8d8e-2f3a4b5c6d7e')).toBe('5c6d7e');
  });
});

describe('text from outside', () => {
  it.each([
    ['plain text, é, 漢字, 👩‍👩‍👧 and 🏴󠁧󠁢󠁥󠁮󠁧󠁿', 'plain text, é, 漢字, 👩‍👩‍👧 and 🏴󠁧󠁢󠁥󠁮󠁧󠁿'],
    ['\u001B[2J\u001B]52;c;aGk=\u0007', '␛[2J␛]52;c;aGk=␇'],
    ['a\tb\nc\r', 'a  b⏎c␍'],
    ['\u009B31m\u0085', '<U+009B>31m<U+0085>'],
    ['evil\u202Etxt.exe\u2066x\u2069', 'evil<U+202E>txt.exe<U+2066>x<U+2069>'],
    ['zero\u200Bwidth\uFEFF\u00ADx', 'zero<U+200B>width<U+FEFF><U+00AD>x'],
    ['\u007F\u0000', '␡␀'],
    ['half \uD83D of a pair', 'half <U+D83D> of a pair'],
    ['line\u2028separator', 'line<U+2028>separator'],
  ])('%j is shown as %j', (text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it('keeps its lines where lines are wanted', () => {
    expect(printable('a\r\nb\n\u001Bc', { multiline: true })).toBe('a\nb\n␛c');
  });

  it('is harmless for every character there is below U+3000', () => {
    const all = Array.from({ length: 0x3000 }, (_, code) => String.fromCodePoint(code)).join('');
    // eslint-disable-next-line no-control-regex
    expect(printable(all)).not.toMatch(/[\u0000-\u001F\u007F-\u009F\u200E\u200F\u2028-\u202E\u2066-\u2069]/);
  });
});
