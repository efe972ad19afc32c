import { keysText, performAnywhere } from '../actions/perform.ts';
import { typedText } from '../input/key.ts';
import { bindingsNow, keymapOf, placesOf, type Binding } from '../keymap.ts';
import { placeWords } from '../keymap/places.ts';
import type { Help } from '../overlay.ts';
import type { State } from '../state.ts';
import { closeOverlay, only, told, withPrompt, type Update } from '../update/result.ts';
import { commandEntries, type CommandEntry } from './command.ts';

/** An action that can be found in the help. */
export interface KeyEntry {
  readonly type: 'key';
  readonly binding: Binding;
  /** It works with the keyboard where it is; the others name where they do. */
  readonly isHere: boolean;
}

/** What a search of the help finds: actions, and what can be typed after `:`. */
export type HelpEntry = KeyEntry | (CommandEntry & { readonly type: 'command'; readonly isHere: false });

/** Dialogs have the keyboard alone, and say their few keys themselves. */
const dialogs = new Set<string>(['help', 'prompt', 'form', 'editor', 'preview', 'confirm', 'copy', 'leave', 'choose', 'connecting']);

/** Entries of the help for what is under it: what works here first, then everything else, each searched by key, name, label and sentence. Words also find commands, which come last. */
export function helpEntries(state: State, help: Help): readonly HelpEntry[] {
  const below = underHelp(state);
  const here = bindingsNow(below);
  const places = placesOf(below);
  const named = new Set(here.map((binding) => binding.action));
  // Without a key of its own here, because it was given none or an inner place has it: Enter does it all the same.
  const keyless = keymapOf(state).filter((binding) => places.includes(binding.place) && !named.has(binding.action) && !wasNamed(named, binding)).map((binding) => ({ ...binding, keys: [] }));
  const elsewhere = keymapOf(state).filter((binding) => !places.includes(binding.place) && !dialogs.has(binding.place) && !named.has(binding.action) && !wasNamed(named, binding));
  const entries = [...[...here, ...keyless].map((binding): KeyEntry => ({ type: 'key', binding, isHere: true })), ...elsewhere.map((binding): KeyEntry => ({ type: 'key', binding, isHere: false }))];
  const query = help.query.trim();
  if (query === '') return entries;
  // One character is a key that someone wonders about.
  if (typedText(query) !== undefined) return entries.filter(({ binding }) => binding.keys.includes(query) || (query === query.toLowerCase() && binding.label.startsWith(query)));
  const words = query.toLowerCase().split(/\s+/);
  const textOf = ({ binding }: KeyEntry) => `${binding.label} ${binding.help} ${binding.action} ${keysText(binding)} ${placeWords(binding.place)}`.toLowerCase();
  const rank = ({ binding, isHere }: KeyEntry) => (isHere ? 2 : 0) + (words.some((word) => binding.label.toLowerCase().includes(word)) ? 1 : 0);
  const hasAll = (text: string) => words.every((word) => text.includes(word));
  const found = commandEntries.filter(({ usage, help: about }) => hasAll(`:${usage} ${about}`.toLowerCase()));
  // What is called so goes before what only speaks of it.
  const commands = found.toSorted((a, b) => Number(b.name.startsWith(words[0]!.replace(/^:/, ''))) - Number(a.name.startsWith(words[0]!.replace(/^:/, ''))));
  return [...entries.filter((entry) => hasAll(textOf(entry))).toSorted((a, b) => rank(b) - rank(a)), ...commands.map((one) => ({ ...one, type: 'command' as const, isHere: false as const }))];
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

/** Does what the entry says; a command is for a person to finish. */
export function acceptHelp(state: State, help: Help): Update {
  const entry = chosenEntry(state, help);
  if (entry?.type === 'command') return only(withPrompt(closeOverlay(state), 'command', `${entry.name} `));
  return entry ? performAnywhere(closeOverlay(state), entry.binding) : only(state);
}

/** Asks for other keys for the entry. */
export function rebindEntry(state: State, help: Help): State {
  const entry = chosenEntry(state, help);
  if (entry?.type === 'command') return told(state, 'A command has no key.');
  return entry ? withPrompt(closeOverlay(state), 'command', `bind ${entry.binding.action} ${entry.binding.keys.join(' ')}`) : state;
}
