import { createHash } from 'node:crypto';
import type { Pixels } from './png.ts';

type Colour = readonly [red: number, green: number, blue: number];

/**
 * Paints what the simulator sells as a generated image: a sky, a sun and some ranges of hills. The same
 * prompt, seed and size always give the same pixels; another prompt or seed gives visibly another picture.
 */
export function paintPicture(prompt: string, seed: number, width: number, height: number): Pixels {
  const next = numbersFrom(`${seed}\n${prompt}`);
  const hue = next() * 360;
  const zenith = colour(hue, 0.55, 0.18 + next() * 0.3);
  const horizon = colour(hue + 30 + next() * 60, 0.7, 0.6 + next() * 0.2);
  const sun = { x: (0.15 + next() * 0.7) * width, y: (0.12 + next() * 0.35) * height, radius: (0.04 + next() * 0.08) * Math.min(width, height) };
  const light = colour(hue + 40, 0.9, 0.85);
  const ranges = Array.from({ length: 3 + Math.floor(next() * 3) }, (_, index, count = 5) => ({
    heights: ridge(next, width, height * (0.5 + (0.42 * index) / count), height * (0.05 + next() * 0.1)),
    colour: colour(hue + 180 + next() * 50, 0.35, 0.42 - (0.3 * index) / count),
  }));

  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const sky = mix(zenith, horizon, y / height);
    for (let x = 0; x < width; x++) {
      const range = ranges.findLast(({ heights }) => y >= heights[x]!);
      const glow = Math.min(1, (sun.radius / Math.max(1, Math.hypot(x - sun.x, y - sun.y))) ** 2);
      rgb.set(range ? range.colour : mix(sky, light, glow), (y * width + x) * 3);
    }
  }
  return { width, height, rgb };
}

/** The outline of a range of hills: for each column the row where it begins. */
function ridge(next: () => number, width: number, base: number, amplitude: number): Float64Array {
  const waves = Array.from({ length: 5 }, (_, octave) => ({
    turns: 2 ** octave * (0.6 + next() * 0.8),
    phase: next() * 2 * Math.PI,
    size: amplitude / 1.7 ** octave,
  }));
  return Float64Array.from({ length: width }, (_, x) =>
    waves.reduce((y, wave) => y + wave.size * Math.sin((2 * Math.PI * wave.turns * x) / width + wave.phase), base),
  );
}

/** Numbers in [0, 1) that depend on nothing but the text. */
function numbersFrom(text: string): () => number {
  let block = createHash('sha256').update(text).digest();
  let offset = 0;
  return () => {
    if (offset === block.length) {
      block = createHash('sha256').update(block).digest();
      offset = 0;
    }
    const value = block.readUInt32BE(offset) / 2 ** 32;
    offset += 4;
    return value;
  };
}

function colour(hue: number, saturation: number, lightness: number): Colour {
  const chroma = saturation * Math.min(lightness, 1 - lightness);
  const channel = (n: number): number => {
    const k = (n + (((hue % 360) + 360) % 360) / 30) % 12;
    return Math.round(255 * (lightness - chroma * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

function mix(from: Colour, to: Colour, share: number): Colour {
  const channel = (index: 0 | 1 | 2): number => Math.round(from[index] + (to[index] - from[index]) * share);
  return [channel(0), channel(1), channel(2)];
}
