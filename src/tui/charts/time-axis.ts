import { span, type Line } from '../output/line.ts';
import type { Glyphs } from '../output/glyphs.ts';

/** Distances of ticks that people read without calculating, in milliseconds. */
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 21_600_000, 43_200_000, 86_400_000];

/** Cells that a tick with its label takes at least. */
const TICK_CELLS = 9;

/** The distance of ticks for a length of time on so many cells. */
export function tickMs(length: number, cells: number): number {
  const least = (Math.max(1, length) * TICK_CELLS) / Math.max(1, cells);
  return STEPS.find((step) => step >= least) ?? Math.ceil(least / 86_400_000) * 86_400_000;
}

/** The length an axis has to show so much time: up to the next tick, so that bars grow in it and the scale stands still meanwhile. */
export function axisLength(length: number, cells: number): number {
  const tick = tickMs(length, cells);
  return Math.max(tick, Math.ceil(length / tick) * tick);
}

/** `│0 ms    │1.0 s   │2.0 s`: ticks from `begin` on, exactly `cells` wide. */
export function timeAxis(begin: number, length: number, cells: number, glyphs: Glyphs): Line {
  const tick = tickMs(length, cells);
  let text = '';
  for (let at = Math.ceil(begin / tick) * tick; at < begin + length; at += tick) {
    const cell = Math.round(((at - begin) / length) * cells);
    const words = `${glyphs.divider}${tickLabel(at, tick)}`;
    if (cell < text.length || cell + words.length > cells) continue;
    text = text.padEnd(cell) + words;
  }
  return [span(text.padEnd(Math.max(0, cells)).slice(0, Math.max(0, cells)), 'muted')];
}

/** As exact as the ticks are apart: `200 ms`, `2 s`, `2.05 s`, `1m 30s`, `2h 05m`. */
function tickLabel(at: number, tick: number): string {
  if (at === 0) return '0';
  if (at < 1_000) return `${at} ms`;
  const digits = tick >= 1_000 ? 0 : tick >= 100 ? 1 : tick >= 10 ? 2 : 3;
  if (at < 60_000) return `${(at / 1_000).toFixed(digits)} s`;
  const two = (value: number, decimals = 0) => value.toFixed(decimals).padStart(decimals === 0 ? 2 : 3 + decimals, '0');
  if (at < 3_600_000) return `${Math.floor(at / 60_000)}m ${two((at % 60_000) / 1_000, digits)}s`;
  const rest = tick >= 60_000 ? '' : ` ${two((at % 60_000) / 1_000, digits)}s`;
  return `${Math.floor(at / 3_600_000)}h ${two(Math.floor((at % 3_600_000) / 60_000))}m${rest}`;
}
