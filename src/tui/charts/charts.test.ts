import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryLines } from '../../core/log-lines.ts';
import { asciiGlyphs, unicodeGlyphs } from '../output/glyphs.ts';
import { lineText, widthOf } from '../output/line.ts';
import { at, logRow, testNow } from '../testing.tsx';
import { histogram } from './histogram.ts';
import { logDensity } from './log-density.ts';
import { countSigns, sparkline } from './sparkline.ts';
import { axisLength, tickMs, timeAxis } from './time-axis.ts';

const numbers = fc.array(fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Infinity, -Infinity, 0, 0)), { maxLength: 60 });
const cells = fc.integer({ min: 1, max: 200 });

describe('charts', () => {
  it('take no more cells than they have, and survive whatever is no number', () => {
    fc.assert(fc.property(numbers, cells, fc.boolean(), (values, width, isAscii) => {
      const drawn = sparkline(values, width, isAscii);
      expect(widthOf(drawn)).toBe(Math.min(width, values.filter(Number.isFinite).length));
      expect(drawn).not.toMatch(/NaN|undefined/);
      const counted = histogram(values, values[0], width, isAscii);
      if (counted) expect(counted.signs).toHaveLength(width);
      if (counted?.at !== undefined) expect(counted.at).toSatisfy((cell: number) => cell >= 0 && cell < width);
    }));
  });

  it('draw the greatest value highest, and hide nothing that is there', () => {
    fc.assert(fc.property(fc.array(fc.nat(1_000), { minLength: 1, maxLength: 80 }), (counts) => {
      const signs = countSigns(counts, true);
      const most = Math.max(...counts);
      for (const [index, count] of counts.entries()) expect(signs[index]).toSatisfy((sign: string) => (count === 0 ? sign === ' ' : sign !== ' ') && (count !== most || most === 0 || sign === '#'));
    }));
    expect(sparkline([1, 2, 3, 8], 10, false)).toBe('▁▂▃█');
    expect(sparkline([5, 5, 5], 10, true)).toBe('---');
    expect(sparkline([], 10, true)).toBe('');
  });

  it('say where a value lies among earlier ones', () => {
    expect(histogram([1, 1, 2, 9], 10, 10, true)).toEqual({ from: 1, to: 10, signs: ['#', '-', ' ', ' ', ' ', ' ', ' ', ' ', '-', ' '], at: 9 });
    expect(histogram([4, 4], 4, 5, true)?.signs.join('')).toBe('  #  ');
    expect(histogram([], 4, 5, true)).toBeUndefined();
  });

  it('divide time where people read it without calculating, in labels that never touch', () => {
    fc.assert(fc.property(fc.double({ min: 1, max: 1e9, noNaN: true }), fc.integer({ min: 10, max: 200 }), fc.boolean(), (length, width, isAscii) => {
      const whole = axisLength(length, width);
      expect(whole).toBeGreaterThanOrEqual(length);
      expect(whole % tickMs(length, width)).toBe(0);
      const text = lineText(timeAxis(0, whole, width, isAscii ? asciiGlyphs : unicodeGlyphs));
      expect(widthOf(text)).toBe(width);
      expect(text).toMatch(isAscii ? /^\|0/ : /^│0/);
    }));
  });

  it('count the lines of a log where they lie, each once while it grows, errors apart', () => {
    const logs = memoryLines([logRow(1, 'a', { timestamp: at(0) }), logRow(2, 'b', { timestamp: at(10) })]);
    const cellOf = (moment: number) => Math.floor((moment - testNow) / 1_000);
    expect(logDensity(logs, 3, cellOf)).toEqual({ lines: [2, 0, 0], errors: [0, 0, 0] });
    logs.append([logRow(3, 'c', { timestamp: at(2_500), log_level: 'critical' })]);
    expect(logDensity(logs, 3, cellOf)).toEqual({ lines: [2, 0, 1], errors: [0, 0, 1] });
    logs.append([logRow(4, 'far', { timestamp: at(3_600_000) })]);
    expect(logDensity(logs, 3_601, cellOf).lines.reduce((sum, one) => sum + one, 0)).toBe(4);
  });
});
