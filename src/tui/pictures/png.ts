import { crc32, deflateSync, inflateSync } from 'node:zlib';
import { UserError } from '../../protocol/error.ts';
import { MAX_PIXELS, type Pixels } from './pixels.ts';

export const pngSignature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  readonly isInterlaced: boolean;
}

/** Samples a pixel by colour type: grey, colour, palette, grey and opacity, colour and opacity. */
const samples: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const depths: Readonly<Record<number, readonly number[]>> = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] };

/** Where the seven passes of an interlaced picture begin, and how far apart their pixels are. */
const passes = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]] as const;

/**
 * Decodes a PNG file of any colour type, depth and interlacing (PNG, third edition). Never takes more memory than its
 * size in pixels says, which is checked first: `too-large`. What is broken is a `failed` that says what.
 */
export function decodePng(file: Uint8Array): Pixels {
  const { header, data, palette, transparency } = readChunks(Buffer.from(file.buffer, file.byteOffset, file.byteLength));
  const { width, height } = header;
  if (width * height > MAX_PIXELS) throw new UserError('too-large', `the picture has ${width}×${height} pixels, more than can be shown`);
  const parts = header.isInterlaced ? passes : ([[0, 0, 1, 1]] as const);
  const sizes = parts.map(([x, y, dx, dy]) => ({ x, y, dx, dy, width: Math.ceil((width - x) / dx), height: Math.ceil((height - y) / dy) })).filter((one) => one.width > 0 && one.height > 0);
  const bits = header.depth * samples[header.colourType]!;
  const stride = (cells: number) => Math.ceil((cells * bits) / 8);
  const expected = sizes.reduce((sum, one) => sum + (stride(one.width) + 1) * one.height, 0);
  const rows = inflated(data, expected);
  const rgba = new Uint8Array(width * height * 4);
  let offset = 0;
  for (const part of sizes) {
    const bytes = stride(part.width);
    let above: Uint8Array = new Uint8Array(bytes);
    for (let y = 0; y < part.height; y += 1, offset += bytes + 1) {
      const row = rows.subarray(offset + 1, offset + 1 + bytes);
      unfilter(row, above, rows[offset]!, Math.max(1, bits >> 3));
      for (let x = 0; x < part.width; x += 1) setPixel(rgba, ((part.y + y * part.dy) * width + part.x + x * part.dx) * 4, row, x, header, palette, transparency);
      above = row;
    }
  }
  return { width, height, rgba };
}

function broken(what: string): UserError {
  return new UserError('failed', `the PNG file is broken: ${what}`);
}

function readChunks(file: Buffer): { readonly header: Header; readonly data: Buffer; readonly palette: Buffer | undefined; readonly transparency: Buffer | undefined } {
  if (file.compare(pngSignature, 0, 8, 0, Math.min(8, file.length)) !== 0) throw broken('it does not begin as one');
  const found = new Map<string, Buffer>();
  const data: Buffer[] = [];
  for (let at = 8; at < file.length;) {
    if (at + 12 > file.length) throw broken('it ends early');
    const length = file.readUInt32BE(at);
    const type = file.toString('latin1', at + 4, at + 8);
    if (at + 12 + length > file.length) throw broken('it ends early');
    const body = file.subarray(at + 8, at + 8 + length);
    if (crc32(file.subarray(at + 4, at + 8 + length)) !== file.readUInt32BE(at + 8 + length)) throw broken(`the sum of its part ${type} is wrong`);
    if (type === 'IDAT') data.push(body);
    else if (type === 'IEND') break;
    else if (!found.has(type)) found.set(type, body);
    at += 12 + length;
  }
  const head = found.get('IHDR');
  if (!head || head.length !== 13) throw broken('its size is missing');
  const header: Header = { width: head.readUInt32BE(0), height: head.readUInt32BE(4), depth: head[8]!, colourType: head[9]!, isInterlaced: head[12] === 1 };
  if (header.width === 0 || header.height === 0 || !depths[header.colourType]?.includes(header.depth)) throw broken('its size or kind of colours does not exist');
  if (header.colourType === 3 && !found.has('PLTE')) throw broken('its colours are missing');
  return { header, data: Buffer.concat(data), palette: found.get('PLTE'), transparency: found.get('tRNS') };
}

/** No more than is expected is ever unpacked: a small file can claim to be gigabytes. */
function inflated(data: Buffer, expected: number): Uint8Array {
  let rows: Buffer;
  try {
    rows = inflateSync(data, { maxOutputLength: expected });
  } catch (cause) {
    throw (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? broken('it holds more than its size says') : broken('it cannot be unpacked');
  }
  if (rows.length < expected) throw broken('it holds less than its size says');
  return rows;
}

function unfilter(row: Uint8Array, above: Uint8Array, filter: number, step: number): void {
  for (let at = 0; at < row.length; at += 1) {
    const left = at >= step ? row[at - step]! : 0;
    const up = above[at]!;
    const corner = at >= step ? above[at - step]! : 0;
    const before = filter === 0 ? 0 : filter === 1 ? left : filter === 2 ? up : filter === 3 ? (left + up) >> 1 : filter === 4 ? paeth(left, up, corner) : undefined;
    if (before === undefined) throw broken(`a row is stored in a way ${filter} that does not exist`);
    row[at] = row[at]! + before;
  }
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner;
  const [toLeft, toUp, toCorner] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  return toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner;
}

function setPixel(rgba: Uint8Array, to: number, row: Uint8Array, x: number, { depth, colourType }: Header, palette: Buffer | undefined, transparency: Buffer | undefined): void {
  const count = samples[colourType]!;
  /** A sample as it is stored. */
  const raw = (index: number): number => {
    const place = x * count + index;
    if (depth === 16) return row[place * 2]! * 256 + row[place * 2 + 1]!;
    if (depth === 8) return row[place]!;
    return (row[(place * depth) >> 3]! >> (8 - depth - ((place * depth) & 7))) & ((1 << depth) - 1);
  };
  const byte = (index: number): number => (depth === 16 ? raw(index) >> 8 : depth === 8 ? raw(index) : Math.round((raw(index) * 255) / ((1 << depth) - 1)));
  if (colourType === 3) {
    const at = raw(0);
    for (let channel = 0; channel < 3; channel += 1) rgba[to + channel] = palette![at * 3 + channel] ?? 0;
    rgba[to + 3] = transparency?.[at] ?? 255;
    return;
  }
  const isGrey = colourType === 0 || colourType === 4;
  for (let channel = 0; channel < 3; channel += 1) rgba[to + channel] = byte(isGrey ? 0 : channel);
  // One colour can be said to be transparent, where there is no opacity of each pixel.
  const isNamed = transparency !== undefined && count !== 2 && count !== 4 && Array.from({ length: count }, (_, index) => raw(index) === transparency.readUInt16BE(index * 2)).every(Boolean);
  rgba[to + 3] = count === 2 || count === 4 ? byte(count - 1) : isNamed ? 0 : 255;
}

/** A PNG file of the pixels: 8 bits a channel, rows stored as differences to the ones above. */
export function encodePng({ width, height, rgba }: Pixels): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 6], 8);
  const stride = width * 4;
  const rows = Buffer.alloc((stride + 1) * height);
  for (let y = 0; y < height; y += 1) {
    const to = y * (stride + 1);
    rows[to] = 2;
    for (let at = 0; at < stride; at += 1) rows[to + 1 + at] = rgba[y * stride + at]! - (y === 0 ? 0 : rgba[(y - 1) * stride + at]!);
  }
  return Buffer.concat([pngSignature, chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}
