import type { Glyphs } from '../output/glyphs.ts';
import { span, type Line } from '../output/line.ts';
import type { Token } from '../output/theme.ts';

/** A bar filled to `part` of `cells`; anything above nothing fills at least one cell. */
export function bar(part: number, cells: number, glyphs: Glyphs, token: Token): Line {
  const filled = part <= 0 ? 0 : Math.max(1, Math.min(cells, Math.round(part * cells)));
  return [span(glyphs.bar.repeat(filled), token), span(glyphs.barRest.repeat(Math.max(0, cells - filled)), 'faint')];
}

/** A bar that begins at `from` and ends at `to`, both parts of `cells`; for a timeline. */
export function spanBar(from: number, to: number, cells: number, glyphs: Glyphs, token: Token): Line {
  const start = Math.max(0, Math.min(cells - 1, Math.floor(from * cells)));
  const end = Math.max(start + 1, Math.min(cells, Math.ceil(to * cells)));
  return [span(' '.repeat(start)), span(glyphs.bar.repeat(end - start), token), span(' '.repeat(cells - end))];
}
