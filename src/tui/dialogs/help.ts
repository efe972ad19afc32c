import { keysText, performAnywhere } from '../actions/perform.ts';
import { typedText } from '../input/key.ts';
import { bindingsNow, keymapOf, placesOf, type Binding } from '../keymap.ts';
import { placeWords } from '../keymap/places.ts';
import type { Help } from '../overlay.ts';
import type { State } from '../state.ts';
import { closeOverlay, only, withPrompt, type Update } from '../update/result.ts';

/** An action that can be found in the help. */
export interface HelpEntry {
  readonly binding: Binding;
  /** It works with the keyboard where it is; the others name where they do. */
  readonly isHere: boolean;
}

/** Dialogs have the keyboard alone, and say their few keys themselves. */
const dialogs = new Set<string>(['help', 'prompt', 'form', 'editor', 'preview', 'confirm', 'copy', 'leave', 'choose', 'connecting']);

/** Entries of the help for what is under it: what works here first, then everything else, each searched by key, name, label and sentence. */
export function helpEntries(state: State, help: Help): readonly HelpEntry[] {
  const below = underHelp(state);
  const here = bindingsNow(below);
  const places = placesOf(below);
  const named = new Set(here.map((binding) => binding.action));
  // Without a key of its own here, because it was given none or an inner place has it: Enter does it all the same.
  const keyless = keymapOf(state).filter((binding) => places.includes(binding.place) && !named.has(binding.action) && !wasNamed(named, binding)).map((binding) => ({ ...binding, keys: [] }));
  const elsewhere = keymapOf(state).filter((binding) => !places.includes(binding.place) && !dialogs.has(binding.place) && !named.has(binding.action) && !wasNamed(named, binding));
  const entries = [...[...here, ...keyless].map((binding) => ({ binding, isHere: true })), ...elsewhere.map((binding) => ({ binding, isHere: false }))];
  const query = help.query.trim();
  if (query === '') return entries;
  // One character is a key that someone wonders about.
  if (typedText(query) !== undefined) return entries.filter(({ binding }) => binding.keys.includes(query) || (query === query.toLowerCase() && binding.label.startsWith(query)));
  const words = query.toLowerCase().split(/\s+/);
  const textOf = ({ binding }: HelpEntry) => `${binding.label} ${binding.help} ${binding.action} ${keysText(binding)} ${placeWords(binding.place)}`.toLowerCase();
  const rank = ({ binding, isHere }: HelpEntry) => (isHere ? 2 : 0) + (words.some((word) => binding.label.toLowerCase().includes(word)) ? 1 : 0);
  return entries.filter((entry) => words.every((word) => textOf(entry).includes(word))).toSorted((a, b) => rank(b) - rank(a));
}

/** Each action once, though it may have keys in several places. */
function wasNamed(named: Set<string>, { action }: Binding): boolean {
  const was = named.has(action);
  named.add(action);
  return was;
}

/** The state as it is without the help on top. */
export function underHelp(state: State): State {
  return { ...state, overlays: state.overlays.slice(0, -1) };
}

/** The entry under the cursor. */
export function chosenEntry(state: State, help: Help): HelpEntry | undefined {
  const entries = helpEntries(state, help);
  return entries[Math.min(help.cursor, entries.length - 1)];
}

/** Does what the entry says. */
export function acceptHelp(state: State, help: Help): Update {
  const entry = chosenEntry(state, help);
  return entry ? performAnywhere(closeOverlay(state), entry.binding) : only(state);
}

/** Asks for other keys for the entry. */
export function rebindEntry(state: State, help: Help): State {
  const entry = chosenEntry(state, help);
  return entry ? withPrompt(closeOverlay(state), 'command', `bind ${entry.binding.action} ${entry.binding.keys.join(' ')}`) : state;
}
