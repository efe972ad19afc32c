import { clipLine, lineWidth, type Line } from './line.ts';

/** A piece of a row that may have to give way to others. */
export interface Part {
  readonly line: Line;
  /** The lowest goes first; without it the piece never goes. */
  readonly gives?: number | undefined;
  /** Cells to which it may be cut before anything goes. */
  readonly least?: number | undefined;
}

/** A row of at most `cells` of its most important pieces, in their order; what can be cut takes the room that is left. */
export function fitParts(parts: readonly Part[], cells: number, mark = '…'): Line {
  const leastOf = (part: Part): number => Math.min(part.least ?? Infinity, lineWidth(part.line));
  let kept = parts.filter((part) => part.line.length > 0);
  let used = kept.reduce((sum, part) => sum + leastOf(part), 0);
  while (used > cells) {
    const first = Math.min(...kept.map((part) => part.gives ?? Infinity));
    if (first === Infinity) break;
    kept = kept.filter((part) => part.gives !== first);
    used = kept.reduce((sum, part) => sum + leastOf(part), 0);
  }
  let left = cells - used;
  return kept.flatMap((part) => {
    const width = Math.min(lineWidth(part.line), leastOf(part) + Math.max(0, left));
    left -= width - leastOf(part);
    return clipLine(part.line, width, mark);
  });
}
