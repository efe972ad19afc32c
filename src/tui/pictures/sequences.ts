import { colourAt, fitInto, scaled, type Pixels } from './pixels.ts';
import { encodePng } from './png.ts';
import type { PictureStyle } from './style.ts';

/** The cells that a picture is to cover. */
export interface Cells {
  readonly columns: number;
  readonly rows: number;
}

/** Pixels sent for a cell at most, to terminals that scale them to its real size. */
const CELL_PIXELS = { width: 8, height: 16 } as const;
/** Sixels are as large as they are, and a terminal is not asked for the size of its cells: no larger than those of small fonts. */
const SIXEL_CELL = { width: 6, height: 12 } as const;

/** The sequence that makes a terminal draw the picture from its cursor on, over so many cells, and leaves the cursor where it was. */
export function pictureSequence(style: Exclude<PictureStyle, 'blocks' | 'ascii'>, picture: Pixels, cells: Cells): string {
  if (style === 'sixel') return sixel(scaled(picture, { width: cells.columns * SIXEL_CELL.width, height: cells.rows * SIXEL_CELL.height }));
  const png = encodePng(scaled(picture, fitInto(picture.width, picture.height, { width: cells.columns * CELL_PIXELS.width, height: cells.rows * CELL_PIXELS.height })));
  return style === 'kitty' ? kitty(png, cells) : iterm(png, cells);
}

/** What takes pictures of this style off the screen, where writing over their cells does not. */
export function eraseSequence(style: PictureStyle): string | undefined {
  return style === 'kitty' ? `\u001b_Ga=d,d=I,i=${KITTY_ID},q=2\u001b\\` : undefined;
}

/** Ours among the pictures of a terminal that others have drawn in as well. */
const KITTY_ID = 7_305;
/** The most that kitty takes in one sequence. */
const KITTY_CHUNK = 4_096;

/** The graphics protocol of kitty: a PNG in pieces, no answer (`q=2`), cursor left alone (`C=1`). */
function kitty(png: Buffer, { columns, rows }: Cells): string {
  const data = png.toString('base64');
  let out = '';
  for (let at = 0; at < data.length; at += KITTY_CHUNK) {
    const isLast = at + KITTY_CHUNK >= data.length;
    const head = at === 0 ? `a=T,f=100,i=${KITTY_ID},p=1,q=2,C=1,c=${columns},r=${rows},` : 'q=2,';
    out += `\u001b_G${head}m=${isLast ? 0 : 1};${data.slice(at, at + KITTY_CHUNK)}\u001b\\`;
  }
  return out;
}

/** Inline images of iTerm2, which WezTerm has too. */
function iterm(png: Buffer, { columns, rows }: Cells): string {
  return `\u001b7\u001b]1337;File=inline=1;size=${png.length};width=${columns};height=${rows};preserveAspectRatio=0;doNotMoveCursor=1:${png.toString('base64')}\u0007\u001b8`;
}

/** Levels of red, green and blue in the palette of a sixel picture: together fewer than 256 colours. */
const LEVELS = [6, 7, 6] as const;
/** Ordered dithering hides the steps between so few colours (Bayer, 1973). */
const BAYER = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5];

/**
 * Sixel graphics (DEC STD 070): six rows of pixels at a time, colour by colour, equal ones counted. The palette is the same
 * for all pictures, so that encoding takes one pass.
 */
function sixel(picture: Pixels): string {
  const { width, height } = picture;
  const colours = paletteIndexes(picture);
  let out = `\u001b7\u001bP0;1;0q"1;1;${width};${height}`;
  for (const index of new Set(colours)) out += `#${index};2;${paletteColour(index).join(';')}`;
  for (let top = 0; top < height; top += 6) {
    const band = Math.min(6, height - top);
    const used = new Set<number>();
    for (let at = top * width; at < (top + band) * width; at += 1) used.add(colours[at]!);
    let isFirst = true;
    for (const colour of used) {
      out += `${isFirst ? '' : '$'}#${colour}`;
      isFirst = false;
      let run = { bits: -1, count: 0 };
      for (let x = 0; x <= width; x += 1) {
        let bits = 0;
        for (let y = 0; x < width && y < band; y += 1) if (colours[(top + y) * width + x] === colour) bits |= 1 << y;
        if (x < width && bits === run.bits) run.count += 1;
        else {
          // Nothing more of this colour in the row: the rest needs no saying.
          if (run.count > 0 && !(x === width && run.bits === 0)) out += repeated(run);
          run = { bits, count: 1 };
        }
      }
    }
    out += '-';
  }
  return `${out}\u001b\\\u001b8`;
}

function repeated({ bits, count }: { readonly bits: number; readonly count: number }): string {
  const sign = String.fromCharCode(63 + bits);
  return count > 3 ? `!${count}${sign}` : sign.repeat(count);
}

function paletteIndexes(picture: Pixels): Uint8Array {
  const { width, height } = picture;
  const out = new Uint8Array(width * height);
  for (let at = 0; at < out.length; at += 1) {
    const nudge = (BAYER[(Math.floor(at / width) % 4) * 4 + ((at % width) % 4)]! + 0.5) / 16 - 0.5;
    const colour = colourAt(picture, at);
    let index = 0;
    for (const [channel, levels] of LEVELS.entries()) {
      const level = Math.max(0, Math.min(levels - 1, Math.round((colour[channel]! / 255) * (levels - 1) + nudge)));
      index = index * levels + level;
    }
    out[at] = index;
  }
  return out;
}

/** Of 100 each, as sixels want it. */
function paletteColour(index: number): readonly number[] {
  const [, greens, blues] = LEVELS;
  const levels = [Math.floor(index / (greens * blues)), Math.floor(index / blues) % greens, index % blues];
  return levels.map((level, channel) => Math.round((level * 100) / (LEVELS[channel]! - 1)));
}
