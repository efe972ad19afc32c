import { keymap, placesOf, bindingsNow, type Binding } from '../keymap.ts';
import { keyLabel } from '../input/key.ts';
import type { Help } from '../overlay.ts';
import type { State } from '../state.ts';

/** Entries of the help for what is under it: what works here first, searched by key, label and sentence. */
export function helpEntries(state: State, help: Help): readonly Binding[] {
  const below = { ...state, overlays: state.overlays.slice(0, -1) };
  const words = help.query.trim().toLowerCase();
  const places = placesOf(below);
  const here = bindingsNow(below).filter((binding) => keymap.includes(binding));
  if (words === '') return here;
  // One character is a key that someone wonders about.
  if (words.length === 1) return here.filter((binding) => binding.keys.some((key) => key === help.query.trim()) || binding.label.startsWith(words));
  return here
    .filter((binding) => `${binding.label} ${binding.help} ${binding.action} ${binding.keys.map(keyLabel).join(' ')}`.toLowerCase().includes(words))
    .toSorted((a, b) => Number(b.label.includes(words)) - Number(a.label.includes(words)) || places.indexOf(a.place) - places.indexOf(b.place));
}
