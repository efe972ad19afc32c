import type { CutTime, TimelineBar } from '../../core/performance/timeline.ts';
import type { Interval } from '../../core/performance/intervals.ts';
import type { Glyphs } from '../output/glyphs.ts';
import { span, widthOf, type Line, type Span } from '../output/line.ts';

/** What of a time axis is shown, in its own milliseconds, and on how many cells. */
export interface BarScale {
  readonly time: CutTime;
  readonly begin: number;
  readonly length: number;
  readonly cells: number;
}

/** What earlier runs took for a step: half of them at most `p50`, all but a twentieth at most `p95`. Milliseconds. */
export interface GhostTimes {
  readonly p50: number;
  readonly p95: number;
}

/** All that is drawn of one step. */
interface StepBars {
  readonly bars: readonly TimelineBar[];
  readonly holds: readonly Interval[];
  readonly ghost?: GhostTimes | undefined;
  /** Said beside the last bar, over it where there is no room. */
  readonly words?: string | undefined;
  /** The sign for work, where it is not that of the timeline. */
  readonly work?: string | undefined;
  /** Holds inside the bars take no room: they are cut out of the axis. */
  readonly cutsHolds: boolean;
}

/** The attempts at a step on a time axis, exactly as many cells as the scale has. Each part has a shape of its own. */
export function stepBars({ bars, holds, ghost, words, cutsHolds, work }: StepBars, scale: BarScale, glyphs: Glyphs): Line {
  const { cells } = scale;
  const drawn: Span[] = Array.from({ length: cells }, () => span(' '));
  const placeOf = (ms: number): number => ((ms - scale.begin) / scale.length) * cells;
  const put = (cell: number, one: Span): void => {
    if (cell >= 0 && cell < cells) drawn[cell] = one;
  };
  /** At least one cell, where the span begins. */
  const paint = (from: number, to: number, one: Span, isExact = false): void => {
    const first = isExact ? Math.round(from) : Math.floor(from);
    const end = isExact ? Math.round(to) : Math.max(first + 1, Math.ceil(to));
    for (let cell = Math.max(0, first); cell < Math.min(cells, end); cell += 1) drawn[cell] = one;
  };
  const at = (moment: number): number => placeOf(scale.time.at(moment));

  const last = bars.at(-1);
  const begin = last && scale.time.at(last.from);
  if (ghost && begin !== undefined) paint(placeOf(begin), placeOf(begin + ghost.p95), span(glyphs.blocks.ghost, 'faint'));
  for (const bar of bars) {
    paint(at(bar.from), at(bar.to), span(work ?? glyphs.blocks.work, bar.status));
    // Waiting is told from working where it takes more than half of a cell.
    for (const wait of bar.waits) paint(at(wait.from), at(wait.to), span(glyphs.blocks.waits, 'accent'), true);
  }
  for (const hold of holds) {
    if (cutsHolds) put(Math.min(cells - 1, Math.floor(at(hold.from))), span(glyphs.status.held, 'held'));
    else paint(at(hold.from), at(hold.to), span(glyphs.blocks.held, 'held'));
  }
  if (ghost && begin !== undefined) put(Math.min(cells - 1, Math.floor(placeOf(begin + ghost.p50))), span(glyphs.divider, 'text', { bold: true }));
  for (const bar of bars) {
    const end = Math.max(Math.floor(at(bar.from)), Math.ceil(at(bar.to)) - 1);
    if (bar.status === 'failed') put(end, span(glyphs.status.failed, 'failed'));
    else if (bar.isOpen) put(Math.min(cells - 1, end), span(glyphs.status.running, 'running'));
  }
  if (words !== undefined && last) beside(drawn, words, Math.floor(at(last.from)), Math.ceil(Math.max(at(last.to), begin! + 1)));
  return joined(drawn);
}

/** Puts words right of a bar, left of it, or over its end: wherever they fit first. */
function beside(drawn: Span[], words: string, from: number, to: number): void {
  const said = ` ${words}`;
  const width = widthOf(said);
  const cells = drawn.length;
  const place = to + width <= cells ? to : from - 1 - width >= 0 ? from - 1 - width : Math.max(0, cells - width);
  const room = Array.from(said).slice(0, cells - place);
  drawn.splice(place, room.length, ...room.map((sign) => span(sign, 'warn')));
}

/** Neighbours of one style as one span. */
function joined(drawn: readonly Span[]): Line {
  const out: Span[] = [];
  for (const one of drawn) {
    const before = out.at(-1);
    if (before && before.token === one.token && before.bold === one.bold) out[out.length - 1] = { ...before, text: before.text + one.text };
    else out.push(one);
  }
  return out;
}
