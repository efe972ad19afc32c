import { lookOf, type Settings } from '../settings.ts';
import { createPaint, type Paint } from './paint.ts';

/** The paint of the settings; the same one as long as they look the same. */
export function createPainter(): (settings: Settings) => Paint {
  let last: { readonly look: ReturnType<typeof lookOf>; readonly paint: Paint } | undefined;
  return (settings) => {
    const look = lookOf(settings);
    if (last?.look.theme !== look.theme || last.look.depth !== look.depth || last.look.ascii !== look.ascii) last = { look, paint: createPaint(look.theme, look.depth, look.ascii) };
    return last.paint;
  };
}
