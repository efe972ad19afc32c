import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { paintPicture } from './picture.ts';
import { encodePng } from './png.ts';

describe('the pictures of the simulator', () => {
  it('are the same for the same prompt, seed and size, and others otherwise', () => {
    const picture = paintPicture('a lighthouse', 7, 64, 48);
    expect(paintPicture('a lighthouse', 7, 64, 48)).toEqual(picture);
    for (const [prompt, seed] of [['a lighthouse', 8], ['a lightship', 7]] as const) {
      expect(shareOfChangedPixels(picture.rgb, paintPicture(prompt, seed, 64, 48).rgb)).toBeGreaterThan(0.5);
    }
  });

  it('are PNG files of the size asked for that hold the painted pixels', async () => {
    const picture = paintPicture('a lighthouse', 7, 40, 30);
    const png = await encodePng(picture, 'made by a test');
    expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([40, 30]);
    expect(decodePixels(png, 40, 30)).toEqual(picture.rgb);
  });
});

function shareOfChangedPixels(one: Uint8Array, other: Uint8Array): number {
  return one.filter((value, index) => value !== other[index]).length / one.length;
}

/** Undoes the one filter the encoder uses. */
function decodePixels(png: Buffer, width: number, height: number): Uint8Array {
  const start = png.indexOf('IDAT');
  const rows = inflateSync(png.subarray(start + 4, start + 4 + png.readUInt32BE(start - 4)));
  const stride = width * 3;
  const rgb = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < stride; x++) rgb[y * stride + x] = rows[y * (stride + 1) + 1 + x]! + (y === 0 ? 0 : rgb[(y - 1) * stride + x]!);
  }
  return rgb;
}
