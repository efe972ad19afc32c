import type { Glyphs } from '../output/glyphs.ts';
import { span, type Line } from '../output/line.ts';
import type { Token } from '../output/theme.ts';

/** A bar filled to `part` of `cells`; anything above nothing fills at least one cell. */
export function bar(part: number, cells: number, glyphs: Glyphs, token: Token): Line {
  const filled = part <= 0 ? 0 : Math.max(1, Math.min(cells, Math.round(part * cells)));
  return [span(glyphs.bar.repeat(filled), token), span(glyphs.barRest.repeat(Math.max(0, cells - filled)), 'faint')];
}
