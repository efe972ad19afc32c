import { span, type Line, type Span } from '../output/line.ts';
import { colourAt, fitInto, scaled, type Pixels } from './pixels.ts';

/** Cells that a picture takes within others: a cell is about twice as high as it is wide. */
export function cellsWithin({ width, height }: { readonly width: number; readonly height: number }, room: { readonly columns: number; readonly rows: number }): { readonly columns: number; readonly rows: number } {
  const size = fitInto(width, height, { width: room.columns, height: room.rows * 2 }, true);
  return { columns: size.width, rows: Math.max(1, Math.ceil(size.height / 2)) };
}

/** A picture as half blocks: two pixels a cell, the upper one in the colour of the text, the lower one behind it. */
export function halfBlocks(picture: Pixels, cells: { readonly columns: number; readonly rows: number }): readonly Line[] {
  const small = scaled(picture, { width: cells.columns, height: cells.rows * 2 });
  return Array.from({ length: cells.rows }, (_, row): Line => {
    const spans: Span[] = [];
    for (let x = 0; x < cells.columns; x += 1) {
      const foreground = hex(colourAt(small, row * 2 * cells.columns + x));
      const background = hex(colourAt(small, (row * 2 + 1) * cells.columns + x));
      const before = spans.at(-1);
      if (before?.color?.foreground === foreground && before.color.background === background) spans[spans.length - 1] = { ...before, text: `${before.text}▀` };
      else spans.push({ text: '▀', color: { foreground, background } });
    }
    return spans;
  });
}

/** From nothing to the most ink, as text on a dark screen. */
const SHADES = " .'`,:;-~+=*o%#@";

/** A picture as shades of text, by how light it is: for terminals without colours and for ASCII. */
export function asciiShades(picture: Pixels, cells: { readonly columns: number; readonly rows: number }): readonly Line[] {
  const small = scaled(picture, { width: cells.columns, height: cells.rows });
  const lights = Array.from({ length: cells.columns * cells.rows }, (_, index) => {
    const [red, green, blue] = colourAt(small, index);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  });
  // The whole range of shades, however dark or pale the picture is.
  const least = lights.reduce((low, one) => Math.min(low, one), 255);
  const range = lights.reduce((high, one) => Math.max(high, one), 0) - least;
  const shade = (light: number) => SHADES[range < 1 ? SHADES.length >> 1 : Math.round(((light - least) / range) * (SHADES.length - 1))]!;
  return Array.from({ length: cells.rows }, (_, row) => [span(lights.slice(row * cells.columns, (row + 1) * cells.columns).map(shade).join(''))]);
}

function hex(colour: readonly number[]): string {
  return `#${colour.map((one) => one.toString(16).padStart(2, '0')).join('')}`;
}
