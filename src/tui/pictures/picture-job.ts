import { createHash } from 'node:crypto';
import { formatOf, decodePicture, type PictureFormat } from './decode.ts';
import { cellsWithin } from './as-text.ts';
import { fitInto, scaled, type Pixels } from './pixels.ts';
import { pictureSequence, type Cells } from './sequences.ts';
import type { PictureStyle } from './style.ts';

/** A file to show, and how. */
export interface PictureJob {
  readonly file: Uint8Array;
  /** What is to be made of it: pixels for text, or a sequence that covers at most so many cells. */
  readonly style: PictureStyle;
  readonly room: Cells;
}

/** What is known of a picture, and what was made of it. */
export interface DrawnPicture {
  readonly format: PictureFormat;
  readonly width: number;
  readonly height: number;
  /** SHA-256 of the file, in hexadecimal. */
  readonly sha256: string;
  readonly hasTransparency: boolean;
  /** For text: no larger than it can be shown. */
  readonly pixels: Pixels | undefined;
  /** For the terminal, which draws it over these cells. */
  readonly sequence: { readonly bytes: string; readonly cells: Cells } | undefined;
}

/** Decodes, scales and encodes. Takes up to a second for the largest pictures: call it where nobody waits. */
export async function drawPicture({ file, style, room }: PictureJob): Promise<DrawnPicture> {
  const picture = await decodePicture(file);
  const { width, height } = picture;
  const facts = { format: formatOf(file)!, width, height, sha256: createHash('sha256').update(file).digest('hex'), hasTransparency: hasTransparency(picture) };
  if (style === 'blocks' || style === 'ascii') return { ...facts, pixels: scaled(picture, fitInto(width, height, { width: room.columns, height: room.rows * 2 })), sequence: undefined };
  const cells = cellsWithin(picture, room);
  return { ...facts, pixels: undefined, sequence: { bytes: pictureSequence(style, picture, cells), cells } };
}

function hasTransparency({ rgba }: Pixels): boolean {
  for (let at = 3; at < rgba.length; at += 4) if (rgba[at]! < 255) return true;
  return false;
}
