import { keyFor } from '../keymap/key-marks.ts';
import { bookmarkPlaces, nextLandmark } from '../model/log-landmarks.ts';
import { rowAt } from '../model/log.ts';
import { newMarksScreen } from '../screens/marks.ts';
import { withScreen } from '../screens/screen.ts';
import type { State } from '../state.ts';
import { only, replaceOverlay, told, withPrompt, type Action } from '../update/result.ts';
import type { Prompt } from '../overlay.ts';
import { goTo, landmarkWords, stopped } from './log.ts';

/** The mark of the line under the cursor. */
function markHere(state: State) {
  const seq = rowAt(state.open!, state.open!.log.cursor)?.seq;
  return { seq, mark: state.open!.bookmarks.find((one) => one.seq === seq) };
}

function next(direction: 1 | -1): Action {
  return (state) => {
    const run = state.open!;
    const found = nextLandmark(bookmarkPlaces(run), run.log.cursor, direction);
    if (!found) return only(told(state, run.bookmarks.length === 0 ? `No line is marked; ${keyFor('log.bookmark')} marks one.` : `No marked line passes the filters; ${keyFor('log.filtersOff')} switches them off.`));
    const there = goTo(state, found.place);
    const note = markHere(there).mark?.note ?? '';
    return only(told(there, `Mark ${landmarkWords(found, direction)}${note === '' ? '' : ` ${note}`}`));
  };
}

export const logMarkActions = {
  'log.bookmark': (state) => {
    const there = stopped(state);
    const { seq, mark } = markHere(there);
    const opened = withPrompt(there, 'note', mark?.note ?? '');
    return only(replaceOverlay(opened, { ...(opened.overlays.at(-1) as Prompt), line: seq }));
  },
  'log.unmark': (state) => {
    const { seq, mark } = markHere(state);
    if (seq === undefined || !mark) return only(told(state, `This line is not marked; ${keyFor('log.bookmark')} marks it.`));
    return only(stopped(state), { type: 'write', write: { kind: 'unmarkLine', runId: state.open!.runId, seq } });
  },
  'log.nextBookmark': next(1),
  'log.previousBookmark': next(-1),
  'log.bookmarks': (state) => only(withScreen(state, newMarksScreen(state.open!.runId))),
} satisfies Record<string, Action>;
