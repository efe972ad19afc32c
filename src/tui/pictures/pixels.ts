/** A picture in memory: four bytes a pixel (red, green, blue, opacity), row by row from the top. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array;
}

/** A picture larger than this is not decoded: it would take more than a hundred megabytes. */
export const MAX_PIXELS = 24_000_000;
/** A file larger than this is not loaded. */
export const MAX_PICTURE_BYTES = 24 * 1024 * 1024;

/** The largest size with these proportions within a box; never less than one pixel, and enlarged only when asked to. */
export function fitInto(width: number, height: number, box: { readonly width: number; readonly height: number }, enlarges = false): { readonly width: number; readonly height: number } {
  const factor = Math.min(box.width / width, box.height / height, enlarges ? Infinity : 1);
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
}

/** The picture in another size. Each new pixel is the mean of those it covers, so that thin lines pale but do not vanish. */
export function scaled({ width, height, rgba }: Pixels, to: { readonly width: number; readonly height: number }): Pixels {
  if (to.width === width && to.height === height) return { width, height, rgba };
  const out = new Uint8Array(to.width * to.height * 4);
  for (let y = 0; y < to.height; y += 1) {
    const top = Math.floor((y * height) / to.height);
    const bottom = Math.max(top + 1, Math.floor(((y + 1) * height) / to.height));
    for (let x = 0; x < to.width; x += 1) {
      const left = Math.floor((x * width) / to.width);
      const right = Math.max(left + 1, Math.floor(((x + 1) * width) / to.width));
      let [red, green, blue, opacity] = [0, 0, 0, 0];
      for (let row = top; row < bottom; row += 1) {
        for (let at = (row * width + left) * 4, end = (row * width + right) * 4; at < end; at += 4) {
          const share = rgba[at + 3]!;
          red += rgba[at]! * share;
          green += rgba[at + 1]! * share;
          blue += rgba[at + 2]! * share;
          opacity += share;
        }
      }
      const place = (y * to.width + x) * 4;
      // What is transparent has no colour to add.
      const weight = Math.max(1, opacity);
      out[place] = Math.round(red / weight);
      out[place + 1] = Math.round(green / weight);
      out[place + 2] = Math.round(blue / weight);
      out[place + 3] = Math.round(opacity / ((bottom - top) * (right - left)));
    }
  }
  return { width: to.width, height: to.height, rgba: out };
}

/** What is seen where the picture is not opaque: neither the black nor the white of terminals. */
const BEHIND = 48;

/** The colour of a pixel as it is seen. */
export function colourAt({ rgba }: Pixels, index: number): readonly [red: number, green: number, blue: number] {
  const at = index * 4;
  const share = rgba[at + 3]! / 255;
  const over = (value: number) => Math.round(value * share + BEHIND * (1 - share));
  return [over(rgba[at]!), over(rgba[at + 1]!), over(rgba[at + 2]!)];
}
