import { lineText } from '../output/line.ts';
import { focusedArea, scrolled } from '../layout.ts';
import { contentOf, type Content } from '../model/detail.ts';
import type { State } from '../state.ts';
import { noErrors } from '../keymap/reasons.ts';
import { isPicture, openPictures } from '../screens/picture.ts';
import { staysHeld } from '../update/pending.ts';
import { only, told, withDetail, withPrompt, type Action } from '../update/result.ts';

function content(state: State): { readonly content: Content; readonly height: number } {
  const area = focusedArea(state, state.open!);
  return { content: contentOf(state, state.open!, area.columns), height: area.rows };
}

function cursorTo(state: State, index: number): State {
  const { content: shown, height } = content(state);
  return withDetail(state, (detail) => ({ ...detail, cursor: index, top: scrolled(detail.top, index, height, shown.rows.length) }));
}

/** The next row in a direction for which `wanted` holds; undefined when there is none. */
function nextRow(state: State, direction: 1 | -1, wanted: (row: Content['rows'][number]) => boolean, around: boolean): number | undefined {
  const { rows } = content(state).content;
  const { cursor } = state.open!.detail;
  for (let step = 1; step <= rows.length; step += 1) {
    const index = cursor + direction * step;
    if (!around && (index < 0 || index >= rows.length)) return undefined;
    const wrapped = ((index % rows.length) + rows.length) % rows.length;
    if (wanted(rows[wrapped]!)) return wrapped;
  }
  return undefined;
}

function change(direction: 1 | -1): Action {
  return (state) => {
    const index = nextRow(state, direction, (row) => row.change === true, false);
    return only(index === undefined ? told(state, direction === 1 ? 'This is the last change.' : 'This is the first change.') : cursorTo(state, index));
  };
}

/** The next row with the words searched for. */
export function searchDetail(state: State, direction: 1 | -1): State {
  const { search } = state.open!.detail;
  const words = search.toLowerCase();
  const index = nextRow(state, direction, (row) => lineText(row.line).toLowerCase().includes(words), true);
  return index === undefined ? told(state, `"${search}" is not shown here${state.open!.detail.tab === 'diff' ? '' : '; it may be in something folded (e unfolds all)'}.`) : cursorTo(state, index);
}

/** The cursor to the row of a path, after folding moved it. */
function cursorToPath(state: State, path: string): State {
  const index = content(state).content.rows.findIndex((row) => row.path === path);
  return cursorTo(state, Math.max(0, index));
}

function fold(wanted: 'open' | 'closed' | 'other'): Action {
  return (state) => {
    const row = content(state).content.rows[state.open!.detail.cursor];
    const json = row?.json;
    if (!json) return only(told(state, 'There is nothing to fold.'));
    if (wanted === 'other' && isPicture(json.value)) return openPictures(state, json.value);
    const done = wanted === 'open' ? json.open : wanted === 'closed' ? !json.open : false;
    if (!json.foldable || done) {
      // Folding what is folded goes to what holds it.
      return only(wanted === 'closed' ? toParent(state, json.path) : told(state, 'There is nothing to unfold.'));
    }
    const toggled = new Set(state.open!.detail.toggled);
    if (!toggled.delete(json.path)) toggled.add(json.path);
    return only(cursorToPath(withDetail(state, (detail) => ({ ...detail, toggled })), json.path));
  };
}

function toParent(state: State, path: string): State {
  const parent = path.slice(0, path.lastIndexOf('/'));
  return parent === '' ? told(state, 'This is at the top level.') : cursorToPath(state, parent);
}

function sibling(direction: 1 | -1): Action {
  return (state) => {
    const json = content(state).content.rows[state.open!.detail.cursor]?.json;
    if (!json) return only(told(state, 'There is nothing here.'));
    const parent = json.path.slice(0, json.path.lastIndexOf('/'));
    const index = nextRow(state, direction, (row) => row.json !== undefined && row.json.depth === json.depth && row.path !== json.path && row.path?.slice(0, row.path.lastIndexOf('/')) === parent, false);
    return only(index === undefined ? told(state, direction === 1 ? 'This is the last one here.' : 'This is the first one here.') : cursorTo(state, index));
  };
}

/** These two keys mean something else in the other panes; who pressed them for that is told where it is. */
function all(folded: boolean): Action {
  return (state) => {
    const next = withDetail(state, (detail) => ({ ...detail, toggled: new Set(), allFolded: folded, cursor: 0, top: 0 }));
    if (folded) return only(staysHeld(state.open!) ? told(next, 'Folded. Continue is c in the other panes (2 c).') : next);
    return only(noErrors(state) === undefined ? told(next, 'Unfolded. The next error is e in the other panes (2 e).') : next);
  };
}

export const detailActions = {
  'detail.nextChange': change(1),
  'detail.previousChange': change(-1),
  'detail.search': (state) => only(withPrompt(state, 'search', '', state.open!.detail.search)),
  'detail.nextMatch': (state) => only(searchDetail(state, 1)),
  'detail.previousMatch': (state) => only(searchDetail(state, -1)),
  'detail.wrap': (state) => only(withDetail(state, (detail) => ({ ...detail, wraps: !detail.wraps, cursor: 0, top: 0 }))),
  'json.fold': fold('closed'),
  'json.unfold': fold('open'),
  'json.toggle': fold('other'),
  'json.parent': (state) => {
    const path = content(state).content.rows[state.open!.detail.cursor]?.path;
    return only(path === undefined ? told(state, 'There is nothing here.') : toParent(state, path));
  },
  'json.nextSibling': sibling(1),
  'json.previousSibling': sibling(-1),
  'json.foldAll': all(true),
  'json.unfoldAll': all(false),
} satisfies Record<string, Action>;
