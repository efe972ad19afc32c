import { readFile } from 'node:fs/promises';
import { UserError } from '../../protocol/error.ts';
import { formatBytes } from '../../core/format.ts';
import { MAX_PIXELS, type Pixels } from './pixels.ts';
import { decodePng, pngSignature } from './png.ts';

/** What a file is, by its first bytes: names and headers lie. */
export type PictureFormat = 'PNG' | 'JPEG' | 'WebP' | 'GIF' | 'AVIF' | 'SVG' | 'BMP' | 'TIFF';

export function formatOf(file: Uint8Array): PictureFormat | undefined {
  const head = Buffer.from(file.buffer, file.byteOffset, Math.min(512, file.byteLength));
  const begin = head.toString('latin1');
  if (head.subarray(0, 8).equals(pngSignature)) return 'PNG';
  if (begin.startsWith('\u00ff\u00d8\u00ff')) return 'JPEG';
  if (begin.startsWith('RIFF') && begin.slice(8, 12) === 'WEBP') return 'WebP';
  if (/^GIF8[79]a/.test(begin)) return 'GIF';
  if (/^....ftyp(avif|avis|mif1)/s.test(begin)) return 'AVIF';
  if (/^(?:\u00ef\u00bb\u00bf)?\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*<svg[\s>]/is.test(begin)) return 'SVG';
  if (begin.startsWith('BM')) return 'BMP';
  return /^(II\*\0|MM\0\*)/.test(begin) ? 'TIFF' : undefined;
}

/** What a file that is no picture is instead, for a person: `JSON text that begins {"error"…`. */
export function otherwise(file: Uint8Array): string {
  if (file.byteLength === 0) return 'an empty file';
  const begin = Buffer.from(file.buffer, file.byteOffset, Math.min(200, file.byteLength)).toString('utf8').trim();
  // A character that was cut at the end does not make a text something else.
  if (begin.slice(0, -1).includes('\uFFFD') || begin.includes('\0')) return `${formatBytes(file.byteLength)} of something else`;
  const kind = /^[[{]/.test(begin) ? 'JSON text' : /^<(!doctype html|html)/i.test(begin) ? 'an HTML page' : 'a text';
  return `${kind} that begins "${begin.replaceAll(/\s+/g, ' ').slice(0, 60)}"`;
}

const whyNot: Partial<Record<PictureFormat, string>> = {
  SVG: 'it is SVG, which is a program of a kind, and is not run here',
};

/**
 * Decodes a file by what it is. `failed` says in a sentence what cannot be shown and why; a picture of more than
 * {@link MAX_PIXELS} is `too-large` before anything of it is unpacked.
 */
export async function decodePicture(file: Uint8Array): Promise<Pixels> {
  const format = formatOf(file);
  switch (format) {
    case 'PNG':
      return decodePng(file);
    case 'JPEG':
      return await decodeJpeg(file);
    case 'WebP':
      return await decodeWebp(file);
    case undefined:
      throw new UserError('failed', `it is no picture but ${otherwise(file)}`);
    default:
      throw new UserError('failed', whyNot[format] ?? `it is ${format}, which cannot be shown here`, { hint: 'Y writes it to a file' });
  }
}

async function decodeJpeg(file: Uint8Array): Promise<Pixels> {
  const { decode } = await import('jpeg-js');
  try {
    const { width, height, data } = decode(file, { useTArray: true, maxResolutionInMP: MAX_PIXELS / 1_000_000, maxMemoryUsageInMB: 768 });
    return { width, height, rgba: data };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    if (/maxResolution|maxMemory/.test(why)) throw new UserError('too-large', 'the picture has more pixels than can be shown', { cause });
    throw new UserError('failed', `the JPEG file is broken: ${why}`, { cause });
  }
}

async function decodeWebp(file: Uint8Array): Promise<Pixels> {
  const size = webpSize(Buffer.from(file.buffer, file.byteOffset, file.byteLength));
  if (!size) throw new UserError('failed', 'the WebP file is broken: its size is missing');
  if (size.width * size.height > MAX_PIXELS) throw new UserError('too-large', `the picture has ${size.width}×${size.height} pixels, more than can be shown`);
  const { default: decode, init } = await import('@jsquash/webp/decode.js');
  // Node has no such class; the decoder makes one of what it has decoded.
  (globalThis as { ImageData?: unknown }).ImageData ??= class {
    readonly data: Uint8ClampedArray;
    readonly width: number;
    readonly height: number;
    constructor(data: Uint8ClampedArray, width: number, height: number) {
      [this.data, this.width, this.height] = [data, width, height];
    }
  };
  await init(await WebAssembly.compile(await readFile(webpDecoder)));
  try {
    const { width, height, data } = await decode(Uint8Array.from(file).buffer);
    return { width, height, rgba: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
  } catch (cause) {
    throw new UserError('failed', 'the WebP file is broken', { cause });
  }
}

const webpDecoder = new URL(import.meta.url.endsWith('.ts') ? import.meta.resolve('@jsquash/webp/codec/dec/webp_dec.wasm') : './webp_dec.wasm', import.meta.url);

/** Of the three kinds of WebP, where each has its size. */
function webpSize(file: Buffer): { readonly width: number; readonly height: number } | undefined {
  if (file.length < 30) return undefined;
  switch (file.toString('latin1', 12, 16)) {
    case 'VP8 ':
      return { width: file.readUInt16LE(26) & 0x3fff, height: file.readUInt16LE(28) & 0x3fff };
    case 'VP8L':
      return { width: 1 + (file.readUInt32LE(21) & 0x3fff), height: 1 + ((file.readUInt32LE(21) >>> 14) & 0x3fff) };
    case 'VP8X':
      return { width: 1 + file.readUIntLE(24, 3), height: 1 + file.readUIntLE(27, 3) };
    default:
      return undefined;
  }
}
