import { foldInside, toHolder } from '../model/log-tree.ts';
import { only, told, withRun, type Action } from '../update/result.ts';

/** Folding the value under the cursor, in the tree under a line of the log. */
function fold(wanted: 'open' | 'closed' | 'other'): Action {
  return (state) => {
    const folded = foldInside(state.open!, wanted);
    if (folded) return only({ ...state, open: folded });
    // Folding what is folded goes to what holds it, as in the details.
    return only(wanted === 'open' ? told(state, 'There is nothing to unfold.') : withRun(state, toHolder));
  };
}

export const logTreeActions = {
  'logTree.fold': fold('closed'),
  'logTree.unfold': fold('open'),
  'logTree.toggle': fold('other'),
  'logTree.holder': (state) => only(withRun(state, toHolder)),
} satisfies Record<string, Action>;
