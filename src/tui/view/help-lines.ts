import { keysText } from '../actions/perform.ts';
import { helpEntries, underHelp, type HelpEntry } from '../dialogs/help.ts';
import { keyOf, type Binding } from '../keymap.ts';
import { withKeys } from '../keymap/key-marks.ts';
import { placeWords } from '../keymap/places.ts';
import { dialogRows, scrolled } from '../layout.ts';
import { clip, fit, line, span, wrap, type Line } from '../output/line.ts';
import type { Help } from '../overlay.ts';
import type { State } from '../state.ts';

const KEY_CELLS = 14;
const LABEL_CELLS = 15;
/** Rows that the entry under the cursor has for its sentence. */
const ABOUT_ROWS = 2;
/** The row of the search, one below it, and one over the sentence. */
const OTHER_ROWS = 3;

/** All actions: those of the focus, then all others, with their keys as they are bound now. */
export function helpLines(state: State, help: Help): readonly Line[] {
  const below = underHelp(state);
  const entries = helpEntries(state, help);
  const height = Math.max(1, dialogRows(state) - ABOUT_ROWS - OTHER_ROWS);
  const cursor = Math.min(help.cursor, Math.max(0, entries.length - 1));
  const chosen = entries[cursor];
  const rows = entries.flatMap((entry, index): readonly { readonly line: Line; readonly isChosen: boolean }[] => [
    ...headOf(entry, entries[index - 1]),
    { line: entryLine(state, below, entry, index === cursor), isChosen: index === cursor },
  ]);
  const at = Math.max(0, rows.findIndex((row) => row.isChosen));
  const top = scrolled(Math.max(0, at - height + 1), at, height, rows.length);
  const shown = rows.slice(top, top + height).map((row) => row.line);
  const commands = entries.filter((one) => one.type === 'command').length;
  const here = entries.filter((one) => one.isHere).length;
  const count = `   ${here} here, ${entries.length - here - commands} elsewhere${commands === 0 ? '' : `, ${commands} after :`}`;
  return [
    [span(' Search: ', 'muted'), span(help.query), span(' ', undefined, { inverse: true }), span(count, 'muted')],
    [],
    ...(shown.length > 0 ? shown : [line('   Nothing has these words.', 'muted')]),
    ...Array.from({ length: Math.max(0, height - Math.max(1, shown.length)) }, (): Line => []),
    [],
    ...(chosen ? aboutLines(state, below, chosen) : []),
  ];
}

/** The heading over an entry, where a group begins with it. */
function headOf(entry: HelpEntry, before: HelpEntry | undefined): readonly { readonly line: Line; readonly isChosen: boolean }[] {
  const head = entry.type === 'command' ? '   Typed after :' : '   Elsewhere';
  const isFirst = before === undefined || before.isHere || before.type !== entry.type;
  return entry.isHere || !isFirst ? [] : [{ line: line(head, 'heading'), isChosen: false }];
}

function entryLine(state: State, below: State, entry: HelpEntry, isChosen: boolean): Line {
  if (entry.type === 'command') return [span(isChosen ? ` ${state.glyphs.cursor} ` : '   ', 'accent'), span(fit(`:${entry.name}`, KEY_CELLS), 'key'), span(` ${entry.help}`, isChosen ? 'selection' : 'text')];
  const { binding, isHere } = entry;
  const why = isHere ? whyNot(below, binding) : undefined;
  return [
    span(isChosen ? ` ${state.glyphs.cursor} ` : '   ', 'accent'),
    span(fit(keysText(binding), KEY_CELLS), isHere ? 'key' : 'muted'),
    span(` ${fit((isHere ? binding.labelNow?.(below) : undefined) ?? binding.label, LABEL_CELLS)} `, isChosen ? 'selection' : 'text'),
    ...(why !== undefined ? [span(`not now: ${why}. `, 'warn' as const)] : []),
    ...(isHere ? [] : [span(`${placeWords(binding.place)}: `, 'muted' as const)]),
    span(binding.help, why !== undefined || !isHere ? 'muted' : 'text'),
  ];
}

/** Why an entry does nothing now, with the keys as they are bound. */
function whyNot(below: State, binding: Binding): string | undefined {
  const why = binding.disabled?.(below);
  return why === undefined ? undefined : withKeys(why, (action) => keyOf(below, action));
}

/** The whole sentence of an entry, and its name for `:` and for other keys. */
function aboutLines(state: State, below: State, entry: HelpEntry): readonly Line[] {
  if (entry.type === 'command') return [line(` ${clip(entry.help, state.size.columns - 2, state.glyphs.more)}`, 'accent'), line(` :${entry.usage}`, 'muted')];
  const { binding, isHere } = entry;
  const why = isHere ? whyNot(below, binding) : undefined;
  const columns = state.size.columns - 2;
  const sentence = `${binding.help}${why === undefined ? '' : ` Not now: ${why}.`}`;
  return [
    ...wrap(sentence, columns).slice(0, ABOUT_ROWS - 1).map((text, index, all) => line(` ${index === all.length - 1 ? clip(sentence, columns, state.glyphs.more) : text}`, 'accent')),
    line(` :${binding.action}`, 'muted'),
  ];
}
