import { rowsOf, rowUnderCursor, searchScreen, toStop, definitionOf, askedAnew, headOf } from '../screens/frame.ts';
import { shownScreen, withOwn } from '../screens/screen.ts';
import { lineText } from '../output/line.ts';
import { only, told, withPrompt, type Action } from '../update/result.ts';

/** What all screens can do; see `screens/screen.ts`. Their keys have the place `screen`, so that there is one. */
export const screenActions = {
  'screen.search': (state) => only(withPrompt(state, 'search', '', shownScreen(state)!.search)),
  'screen.nextMatch': (state) => only(searchScreen(state, 1)),
  'screen.previousMatch': (state) => only(searchScreen(state, -1)),
  'screen.nextStop': (state) => only(toStop(state, 1)),
  'screen.previousStop': (state) => only(toStop(state, -1)),
  'screen.copy': (state) => {
    const row = rowUnderCursor(state, shownScreen(state)!);
    return row ? only(state, { type: 'copy', text: lineText(row.line).trim(), what: 'line' }) : only(told(state, 'There is nothing to copy.'));
  },
  'screen.write': (state) => {
    const own = shownScreen(state)!;
    const lines = [definitionOf(own).title(state, own), definitionOf(own).about(state, own), ...headOf(state), ...rowsOf(state, own).map((row) => row.line)];
    const text = lines.map((one) => (typeof one === 'string' ? one : lineText(one)).trimEnd()).join('\n');
    return only(state, { type: 'writeFile', fileName: `stepscope-${own.name}.txt`, text: `${text}\n`, what: 'what this screen shows' });
  },
  'screen.refresh': (state) => only(told(withOwn(state, askedAnew(shownScreen(state)!)), 'Reading again…')),
} satisfies Record<string, Action>;
