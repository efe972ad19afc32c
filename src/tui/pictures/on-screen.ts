import type { Picture } from '../output/picture.ts';
import { shownScreen } from '../screens/screen.ts';
import { terminalPicture } from '../screens/picture.ts';
import type { State } from '../state.ts';
import { footerLines } from '../view/footer.ts';
import { isTiny } from '../layout.ts';
import { eraseSequence } from './sequences.ts';
import { shownStyle } from './style.ts';

/** The pictures that stand on the screen now. None is ever drawn where text stands: dialogs and long messages cover them. */
export function picturesOf(state: State): readonly Picture[] {
  const own = state.session.phase === 'ready' && !isTiny(state.size) ? shownScreen(state) : undefined;
  const overlay = state.overlays.at(-1);
  if (own?.name !== 'picture' || state.settings.values.screenReader || (overlay && overlay.type !== 'prompt')) return [];
  const drawn = terminalPicture(state, own);
  if (!drawn) return [];
  const { id, row, column, bytes, cells } = drawn;
  const bottom = overlay ? 2 : footerLines(state).length;
  if (row + cells.rows > state.size.rows - bottom) return [];
  return [{ id, row, column, rows: cells.rows, columns: cells.columns, bytes, erase: eraseSequence(shownStyle(state)) }];
}
