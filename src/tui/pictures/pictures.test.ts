import { crc32, deflateSync } from 'node:zlib';
import { encode as encodeJpeg } from 'jpeg-js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPaint } from '../output/paint.ts';
import { loadTheme } from '../output/themes.ts';
import { lineText } from '../output/line.ts';
import { asciiShades, cellsWithin, halfBlocks } from './as-text.ts';
import { decodePicture, formatOf } from './decode.ts';
import { findPictures } from './find.ts';
import { drawPicture } from './picture-job.ts';
import { colourAt, fitInto, scaled, type Pixels } from './pixels.ts';
import { decodePng, encodePng } from './png.ts';
import { pictureSequence } from './sequences.ts';
import { pictureStyleOf } from './style.ts';

/** Red grows to the right, green downwards, blue falls; written by Pillow and by zlib, so that nothing here is checked by itself alone. */
const samples = {
  colour: 'iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAIAAAAmkwkpAAAAHUlEQVR4nGNgYPgfyrBqFUPofwYGFoZQBjjAzQEAzp4FCKUQmJsAAAAASUVORK5CYII=',
  opacity: 'iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAYAAACp8Z5+AAAAIklEQVR4nGNgYPj/P5Rh1f9VDKH//zMw/GdhCGVAAQQFGgH4dAmFFPFScgAAAABJRU5ErkJggg==',
  palette: 'iVBORw0KGgoAAAANSUhEUgAAAAQAAAAEBAMAAABb34NNAAAAMFBMVEX//wCq/1X/qgCqqlVV/6pVqqoA//8Aqv//VQCqVVVVVaoAVf//AACqAFVVAKoAAP8tlTDCAAAAFUlEQVR4nGP8d49lzz2W3XuZ3t8DACk5BseiYAgyAAAAAElFTkSuQmCC',
  oneBit: 'iVBORw0KGgoAAAANSUhEUgAAAAQAAAAEAQAAAACBiqPTAAAAEElEQVR4nGNgYDBg+MDEAAADzAEjmGKOOAAAAABJRU5ErkJggg==',
  greyOpacity: 'iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAQAAAAD+Fb1AAAAIUlEQVR4nGOU/S/AIMDAz8BixCDAwM8ggMLgZxBgEGgEAD5GAv392ivPAAAAAElFTkSuQmCC',
  interlaced: 'iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAIAAAF1CoEkAAAAQUlEQVR42g3LMREAMAwCQDShCRER0Zk5IiICWQXu+AkAaac0A2GhLDrSRgPijAfqrJJzHip54pov7NuhT177xfMBfocjKTKSNIwAAAAASUVORK5CYII=',
  sixteenBits: 'iVBORw0KGgoAAAANSUhEUgAAAAQAAAAEEAIAAAB2A9VqAAAAMUlEQVR42hXJMQEAMAyEwJqMn+jBJA0/3PC8d1tnElLz7plCQmpegEJCal7QQkK29QM32zfRMeZ/eAAAAABJRU5ErkJggg==',
  webp: 'UklGRj4AAABXRUJQVlA4TDIAAAAvA8AAAH9AkG2zQ9bf5gxTJRBI8lcZ8vkvQg4Am3cAQQDEmgULFkxasGDBSET/A2E1Hw==',
  webpLossy: 'UklGRnIAAABXRUJQVlA4IGYAAAAQBACdASoQABAAAMASJbACdLoB+AFKA/gH2AbwB/ANH/3QD+AbwAE9gAD+g//+eD//1rl/9S0//+GPj/7o1mZYv4eAF6Q/IxtKcP/3Ne6L7P+GP3Fn92YYOiz+5pWkfXn2tslAAAA=',
} as const;
const ESC = '\u001b';
const sample = (name: keyof typeof samples) => Buffer.from(samples[name], 'base64');

const grid = (of: (x: number, y: number) => readonly number[], size = 4) => Array.from({ length: size * size }, (_, index) => of(index % size, Math.floor(index / size)));
const colours = ({ rgba }: Pixels) => Array.from({ length: rgba.length / 4 }, (_, index) => [...rgba.subarray(index * 4, index * 4 + 3)]);
const opacities = ({ rgba }: Pixels) => [...rgba].filter((_, index) => index % 4 === 3);
const picture = (width: number, height: number, of: (x: number, y: number) => readonly number[]): Pixels => ({ width, height, rgba: Uint8Array.from(Array.from({ length: width * height }, (_, at) => of(at % width, Math.floor(at / width))).flat()) });
const ramp = (x: number, y: number) => [x * 85, y * 85, 255 - x * 85];

describe('pictures', () => {
  it('are decoded as others have written them: palettes, depths, opacity, interlaced, WebP', async () => {
    expect(colours(decodePng(sample('colour')))).toEqual(grid(ramp));
    expect(colours(decodePng(sample('palette')))).toEqual(grid(ramp));
    expect(opacities(decodePng(sample('opacity')))).toEqual([...Array.from({ length: 15 }, () => 255), 128]);
    expect(colours(decodePng(sample('oneBit'))).map(([one]) => one)).toEqual([0, 0, 0, 0, 0, 0, ...Array.from({ length: 10 }, () => 255)]);
    expect(colours(decodePng(sample('greyOpacity'))).slice(0, 3)).toEqual([[29, 29, 29], [45, 45, 45], [61, 61, 61]]);
    expect(colours(decodePng(sample('interlaced')))).toEqual(grid((x, y) => [x * 50, y * 50, 200 - x * 20], 5));
    expect(colours(decodePng(sample('sixteenBits')))).toEqual(grid((x, y) => [x * 85, y * 85, 128]));
    expect(colours(await decodePicture(sample('webp')))).toEqual(grid(ramp));
    expect(await decodePicture(sample('webpLossy'))).toMatchObject({ width: 16, height: 16 });
  });

  it('survive being written and read again, whatever they are', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.infiniteStream(fc.nat(255)), (width, height, bytes) => {
      const one: Pixels = { width, height, rgba: Uint8Array.from(bytes.take(width * height * 4)) };
      expect(decodePng(encodePng(one))).toEqual(one);
    }));
  });

  it('of JPEG are decoded, nearly as they were', async () => {
    const jpeg = encodeJpeg({ width: 8, height: 8, data: Buffer.from(picture(8, 8, () => [200, 40, 80, 255]).rgba) }, 95).data;
    for (const colour of colours(await decodePicture(jpeg))) for (const [channel, value] of [200, 40, 80].entries()) expect(Math.abs(colour[channel]! - value)).toBeLessThan(6);
  });

  it('that claim to be huge, or hold more than they say, are refused before they are unpacked', async () => {
    const header = (width: number) => {
      const file = Buffer.from(encodePng(picture(1, 1, () => [0, 0, 0, 255])));
      file.writeUInt32BE(width, 16);
      file.writeUInt32BE(width, 20);
      return withSums(file);
    };
    await expect(decodePicture(header(60_000))).rejects.toMatchObject({ code: 'too-large', message: 'the picture has 60000×60000 pixels, more than can be shown' });
    await expect(decodePicture(withData(deflateSync(Buffer.alloc(50_000_000))))).rejects.toMatchObject({ code: 'failed', message: 'the PNG file is broken: it holds more than its size says' });
    await expect(decodePicture(header(3))).rejects.toThrow('it holds less than its size says');
    await expect(decodePicture(sample('colour').subarray(0, 60))).rejects.toThrow('it ends early');
    await expect(decodePicture(Buffer.concat([sample('webp').subarray(0, 21), Buffer.from([255, 255, 255, 255]), Buffer.alloc(20)]))).rejects.toMatchObject({ code: 'too-large' });
  });

  it('never end in anything but a sentence, however a file is damaged', async () => {
    await fc.assert(fc.asyncProperty(fc.constantFrom(...(['colour', 'palette', 'interlaced', 'webp'] as const)), fc.nat(200), fc.nat(255), async (name, at, value) => {
      const file = Buffer.from(sample(name));
      file[at % file.length] = value;
      await decodePicture(file).catch((error: unknown) => expect((error as Error).name).toBe('UserError'));
    }), { numRuns: 60 });
  });

  it('are told by their first bytes, and what is none says what it is', async () => {
    expect([formatOf(sample('colour')), formatOf(sample('webp')), formatOf(Buffer.from('GIF89a')), formatOf(Buffer.from('<?xml version="1.0"?>\n<svg xmlns="x">'))]).toEqual(['PNG', 'WebP', 'GIF', 'SVG']);
    await expect(decodePicture(Buffer.from('{"error":"expired"}'))).rejects.toThrow('it is no picture but JSON text that begins "{"error":"expired"}"');
    await expect(decodePicture(Buffer.from('<svg onload="x">'))).rejects.toThrow('it is SVG, which is a program of a kind, and is not run here');
    await expect(decodePicture(Buffer.from('GIF89a....'))).rejects.toThrow('it is GIF, which cannot be shown here');
  });

  it('keep their proportions, and no pixel is lost in a smaller size', () => {
    expect(fitInto(400, 100, { width: 100, height: 100 })).toEqual({ width: 100, height: 25 });
    expect(cellsWithin({ width: 512, height: 512 }, { columns: 79, rows: 17 })).toEqual({ columns: 34, rows: 17 });
    const checks = picture(4, 4, (x, y) => ((x + y) % 2 === 0 ? [255, 255, 255, 255] : [0, 0, 0, 255]));
    expect(colours(scaled(checks, { width: 2, height: 2 }))).toEqual(Array.from({ length: 4 }, () => [128, 128, 128]));
    // What is transparent adds no colour.
    expect(colours(scaled(picture(2, 1, (x) => (x === 0 ? [255, 0, 0, 255] : [0, 255, 0, 0])), { width: 1, height: 1 }))).toEqual([[255, 0, 0]]);
  });

  it('are half blocks of two pixels a cell in 24 bits, and in the 256 colours of others', () => {
    const lines = halfBlocks(decodePng(sample('colour')), { columns: 4, rows: 2 });
    const paint = (depth: 8 | 24) => lines.map((one) => createPaint(loadTheme('dark'), depth)(one, 4).replaceAll('\u001b', '␛'));
    expect(lines.map(lineText)).toEqual(['▀▀▀▀', '▀▀▀▀']);
    expect(paint(24)).toMatchInlineSnapshot(`
      [
        "␛[38;2;0;0;255;48;2;0;85;255m▀␛[0m␛[38;2;85;0;170;48;2;85;85;170m▀␛[0m␛[38;2;170;0;85;48;2;170;85;85m▀␛[0m␛[38;2;255;0;0;48;2;255;85;0m▀␛[0m",
        "␛[38;2;0;170;255;48;2;0;255;255m▀␛[0m␛[38;2;85;170;170;48;2;85;255;170m▀␛[0m␛[38;2;170;170;85;48;2;170;255;85m▀␛[0m␛[38;2;255;170;0;48;2;255;255;0m▀␛[0m",
      ]
    `);
    expect(paint(8)[0]).toMatch(/^␛\[38;5;\d+;48;5;\d+m▀␛\[0m/);
  });

  it('are shades of text where there are no colours, over the whole range from dark to light', () => {
    const lines = asciiShades(picture(8, 2, (x) => [x * 10, x * 10, x * 10, 255]), { columns: 8, rows: 1 }).map(lineText);
    expect(lines).toMatchInlineSnapshot(`
      [
        " ',;+*%@",
      ]
    `);
  });

  it('reach kitty in pieces of 4096 bytes that make up the PNG, without asking for an answer', () => {
    const noisy = picture(64, 64, (x, y) => [(x * x * 37 + y * 91) % 256, (x * y * y * 13) % 256, (x * 7 + y * y * y) % 256, 255]);
    const sent = pictureSequence('kitty', noisy, { columns: 8, rows: 4 });
    const pieces = [...sent.matchAll(new RegExp(`${ESC}_G([^;]*);([^${ESC}]*)${ESC}`, 'g'))].map(([, head, data]) => ({ head, data: data! }));
    expect(pieces[0]!.head).toBe('a=T,f=100,i=7305,p=1,q=2,C=1,c=8,r=4,m=1');
    expect(pieces.at(-1)!.head).toBe('q=2,m=0');
    expect(Math.max(...pieces.map(({ data }) => data.length))).toBeLessThanOrEqual(4_096);
    expect(decodePng(Buffer.from(pieces.map(({ data }) => data).join(''), 'base64'))).toEqual(noisy);
  });

  it('reach iTerm2 as a file with its size in cells', () => {
    const one = decodePng(sample('colour'));
    const [, size, data] = /size=(\d+);width=2;height=1;preserveAspectRatio=0;doNotMoveCursor=1:([\w+/=]+)/.exec(pictureSequence('iterm', one, { columns: 2, rows: 1 }))!;
    expect(Buffer.from(data!, 'base64')).toHaveLength(Number(size));
    expect(decodePng(Buffer.from(data!, 'base64'))).toEqual(one);
  });

  it('are sixels that decode to the same picture, within the steps of the palette', () => {
    const one = picture(12, 12, (x, y) => [x * 20, y * 21, 128, 255]);
    const seen = decodeSixel(pictureSequence('sixel', one, { columns: 2, rows: 1 }));
    expect([seen.width, seen.height]).toEqual([12, 12]);
    for (let at = 0; at < 12 * 12; at += 1) for (const channel of [0, 1, 2] as const) expect(Math.abs(seen.colours[at]![channel]! - colourAt(one, at)[channel])).toBeLessThanOrEqual(52);
  });

  it('are drawn as the terminal says that it can, and as text in tmux', () => {
    expect(pictureStyleOf({ TERM: 'xterm-kitty' })).toBe('kitty');
    expect(pictureStyleOf({ TERM: 'xterm-256color', KITTY_WINDOW_ID: '1', TMUX: '/tmp/x' })).toBe('blocks');
    expect(pictureStyleOf({ TERM: 'xterm-256color', TERM_PROGRAM: 'WezTerm' })).toBe('iterm');
    expect(pictureStyleOf({ TERM: 'xterm-256color', LC_TERMINAL: 'iTerm2' })).toBe('iterm');
    expect(pictureStyleOf({ TERM: 'foot' })).toBe('sixel');
    expect(pictureStyleOf({ TERM: 'xterm-256color' })).toBe('blocks');
  });

  it('are found in values: storage paths, addresses and data, each once', () => {
    const found = findPictures({
      outputs: {
        files: [{ path: 'outputs/u1/j1/0', contentType: 'image/png' }, { path: 'outputs/u1/j1/1.webp', contentType: 'image/webp' }],
        url: 'https://cdn.example.test/a.jpg?token=1', signed: 'http://127.0.0.1:8000/storage/v1/object/sign/outputs/x?token=2', inline: 'data:image/png;base64,AAAA',
        not: ['https://example.test/page', 'a sentence about a/b.png in it', '/etc/passwd.png', 'file:///etc/x.png', 'image/png', 'plain.png'],
      },
      stateAfter: { again: 'outputs/u1/j1/1.webp' },
    });
    expect(found).toEqual([
      { place: 'outputs /files/0/path', address: 'outputs/u1/j1/0', kind: 'storage' },
      { place: 'outputs /files/1/path', address: 'outputs/u1/j1/1.webp', kind: 'storage' },
      { place: 'outputs /url', address: 'https://cdn.example.test/a.jpg?token=1', kind: 'url' },
      { place: 'outputs /signed', address: 'http://127.0.0.1:8000/storage/v1/object/sign/outputs/x?token=2', kind: 'url' },
      { place: 'outputs /inline', address: 'data:image/png;base64,AAAA', kind: 'data' },
    ]);
  });

  it('come with their facts, and as few pixels as are needed', async () => {
    const file = encodePng(picture(300, 200, (x, y) => [x % 256, y, 0, 255]));
    const asText = await drawPicture({ file, style: 'blocks', room: { columns: 60, rows: 20 } });
    expect(asText).toMatchObject({ format: 'PNG', width: 300, height: 200, hasTransparency: false, pixels: { width: 60, height: 40 }, sequence: undefined });
    const drawn = await drawPicture({ file, style: 'kitty', room: { columns: 20, rows: 20 } });
    expect(drawn.sequence?.cells).toEqual({ columns: 20, rows: 7 });
    expect(drawn.pixels).toBeUndefined();
  });
});

/** A PNG of one pixel with other data. */
function withData(data: Buffer): Buffer {
  const file = encodePng(picture(1, 1, () => [0, 0, 0, 255]));
  const start = file.indexOf('IDAT') - 4;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  return withSums(Buffer.concat([file.subarray(0, start), length, Buffer.from('IDAT'), data, Buffer.alloc(4), file.subarray(file.indexOf('IEND') - 4)]));
}

/** The same file with the right sums. */
function withSums(file: Buffer): Buffer {
  for (let at = 8; at < file.length;) {
    const length = file.readUInt32BE(at);
    file.writeUInt32BE(crc32(file.subarray(at + 4, at + 8 + length)), at + 8 + length);
    at += 12 + length;
  }
  return file;
}

/** Reads sixels as a terminal does. */
function decodeSixel(text: string): { readonly width: number; readonly height: number; readonly colours: readonly (readonly number[])[] } {
  const [, width, height, body] = new RegExp(`${ESC}P0;1;0q"1;1;(\\d+);(\\d+)([^${ESC}]*)${ESC}`).exec(text)!;
  const palette = new Map<number, readonly number[]>();
  const pixels: (readonly number[])[] = Array.from({ length: Number(width) * Number(height) }, () => []);
  let [x, top, colour] = [0, 0, 0];
  for (const [, register, definition, repeat, sign, control] of body!.matchAll(/#(\d+)((?:;\d+){4})?|!(\d+)(?=(.))|([?-~]|[$-])/g)) {
    if (register !== undefined) {
      colour = Number(register);
      if (definition) palette.set(colour, definition.split(';').slice(2).map((one) => Math.round((Number(one) * 255) / 100)));
    } else if (control === '$') x = 0;
    else if (control === '-') [x, top] = [0, top + 6];
    else if (repeat !== undefined) {
      const bits = sign!.charCodeAt(0) - 63;
      for (let count = 1; count < Number(repeat); count += 1, x += 1) for (let y = 0; y < 6; y += 1) if (bits & (1 << y)) pixels[(top + y) * Number(width) + x] = palette.get(colour)!;
    } else {
      const bits = control!.charCodeAt(0) - 63;
      for (let y = 0; y < 6; y += 1) if (bits & (1 << y)) pixels[(top + y) * Number(width) + x] = palette.get(colour)!;
      x += 1;
    }
  }
  return { width: Number(width), height: Number(height), colours: pixels };
}
