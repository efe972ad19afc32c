import { describe, expect, it } from 'vitest';
import { placesOf } from '../keymap.ts';
import { lineWidth, span } from '../output/line.ts';
import { situations } from '../testing/situations.ts';

const sizes = [[40, 10], [80, 24], [120, 30], [160, 50], [250, 100]] as const;

/** One situation for each place that the keyboard can be in. */
const onePerPlace = [...new Map(Object.entries(situations).map(([name, open]) => [placesOf(open().state())[0], [name, open] as const])).values()];

describe('every screen at every size', () => {
  it.each(sizes)('fills %i cells and %i rows, and not one more', (columns, rows) => {
    const wrong = onePerPlace.flatMap(([name, open]) => {
      const drawn = open({ size: { columns, rows } }).screen().split('\n');
      const widest = Math.max(...drawn.map((row) => lineWidth([span(row)])));
      return drawn.length === rows && widest <= columns ? [] : [`${name}: ${drawn.length} rows of at most ${widest} cells`];
    });
    expect(wrong).toEqual([]);
  });
});
