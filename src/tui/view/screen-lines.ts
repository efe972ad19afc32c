import { definitionOf, headOf, rowsOf, screenHeight } from '../screens/frame.ts';
import type { ScreenState } from '../screens/table.ts';
import { keyed } from '../keymap/key-marks.ts';
import { scrolled } from '../layout.ts';
import { clipLine, lineText, lineWidth, span, spread, type Line } from '../output/line.ts';
import type { State } from '../state.ts';
import { linkSpans } from './header.ts';
import { searched } from './searched.ts';

/** First row of a screen: what it is, where its cursor stands, and whether what we see is live. */
export function screenHeader(state: State, own: ScreenState): Line {
  const count = rowsOf(state, own).length;
  const place = count > screenHeight(state) ? `${Math.min(own.cursor + 1, count)}/${definitionOf(own).isPart?.(state, own) ? 'newest ' : ''}${count}  ` : '';
  const end: Line = [span(place, 'muted'), ...(state.readOnly ? [span(' READ-ONLY ', 'badgeReadOnly' as const), span(' ')] : []), ...linkSpans(state.open?.link ?? state.lists.link, state)];
  const start: Line = [span(` ${definitionOf(own).title(state, own)}`, 'heading'), ...matchWords(state, own)];
  return spread(clipLine(start, state.size.columns - lineWidth(end) - 1, state.glyphs.more), end, state.size.columns);
}

/** How things stand, then the rows that fit with the cursor on one of them. */
export function screenLines(state: State, own: ScreenState): readonly Line[] {
  const rows = rowsOf(state, own);
  const height = screenHeight(state);
  const cursor = Math.min(own.cursor, Math.max(0, rows.length - 1));
  const top = scrolled(own.top, cursor, height, rows.length);
  const shown = rows.slice(top, top + height).map(({ line, id }, index): Line => {
    // A sentence that stands alone says something; a single row can be opened.
    const here = top + index === cursor && (rows.length > 1 || id !== undefined);
    return [span(here ? state.glyphs.cursor : ' ', 'accent'), ...searched(withKeysIn(state, line), own.search, here)];
  });
  const above = [definitionOf(own).about(state, own), ...headOf(state)];
  return [...above.map((one) => clipLine(withKeysIn(state, one), state.size.columns, state.glyphs.more)), ...shown];
}

/** A line with keys in place of the actions that it names. */
function withKeysIn(state: State, of: Line): Line {
  return of.map((one) => ({ ...one, text: keyed(state, one.text) }));
}

/** `"width" 3 rows`: what was searched for, and how much there is of it. */
function matchWords(state: State, own: ScreenState): Line {
  if (own.search === '') return [];
  const words = own.search.toLowerCase();
  const found = rowsOf(state, own).flatMap((row, index) => (lineText(row.line).toLowerCase().includes(words) ? [index] : []));
  return [span(`  "${own.search}" ${found.includes(own.cursor) ? found.indexOf(own.cursor) + 1 : '-'}/${found.length}`, 'accent')];
}
