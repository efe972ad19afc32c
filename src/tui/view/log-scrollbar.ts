import type { Area } from '../layout.ts';
import { scrollCells, type ScrollCell } from '../model/log-scrollbar.ts';
import { clipLine, lineWidth, span, type Line } from '../output/line.ts';
import type { Token } from '../output/theme.ts';
import type { OpenRun, State } from '../state.ts';

const tokens: Readonly<Record<NonNullable<ScrollCell['mark']>, Token>> = { bookmark: 'accent', hit: 'match', error: 'error' };

/** The lines with a scrollbar in their last cell: where in the log this is, and where errors, matches and marked lines are. */
export function withScrollbar(state: State, run: OpenRun, lines: readonly Line[], area: Area, top: number): readonly Line[] {
  const { glyphs } = state;
  const signs = { bookmark: glyphs.bookmark, hit: glyphs.rule, error: glyphs.status.failed };
  return scrollCells(run, area.rows, top).map(({ mark, inSight }, row): Line => {
    const line = clipLine(lines[row] ?? [], area.columns - 1, glyphs.more);
    const cell = mark === undefined ? span(inSight ? glyphs.blocks.work : '', 'muted') : span(signs[mark], tokens[mark], { inverse: inSight });
    return cell.text === '' ? line : [...line, span(' '.repeat(Math.max(0, area.columns - 1 - lineWidth(line)))), cell];
  });
}
