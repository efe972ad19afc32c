import type { Size } from '../state.ts';

/** Cells that a row may have: it is heard, not seen, so nothing is cut or broken for want of room. */
export const SPOKEN_CELLS = 1_000;

/** The size to make a screen for that is told in words: the terminal breaks its rows itself. */
export function sizeHeard({ rows }: Size): Size {
  return { columns: SPOKEN_CELLS, rows };
}
