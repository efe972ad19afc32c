import { keyLabel, type KeyName } from '../input/key.ts';
import { keymapOf, keyOf, placesOf, type Binding, type Place } from '../keymap.ts';
import { placeWords } from '../keymap/places.ts';
import type { ActionName, OwnActionName } from '../action-names.ts';
import type { State } from '../state.ts';
import { only, told, type Update } from '../update/result.ts';
import { refused } from './dialog.ts';
import { actionNamed } from './table.ts';

/** Does what a binding says, or says why it does nothing now. */
export function perform(state: State, binding: Binding, key: KeyName | undefined = binding.keys[0]): Update {
  const why = binding.disabled?.(state);
  if (why === undefined) return actionNamed(binding.action)(state);
  return only(key === undefined ? told(state, `${binding.label} does nothing now: ${why}.`, 'warn') : refused(state, key, why));
}

/** Panes of a run, and the action that brings the keyboard there. */
const waysTo: Readonly<Partial<Record<Place, OwnActionName>>> = { steps: 'view.steps', log: 'view.log', detail: 'view.inputs', json: 'view.inputs', diff: 'view.diff' };

/** The state in which a binding has the keyboard, if it takes no more than looking at another pane. */
function focused(state: State, place: Place): State | undefined {
  if (placesOf(state).includes(place)) return state;
  const way = waysTo[place];
  if (way === undefined || !state.open || !placesOf(state).includes('run')) return undefined;
  const moved = actionNamed(way)(state).state;
  return placesOf(moved).includes(place) ? moved : undefined;
}

/** Does what a binding says wherever the keyboard is; in another pane after going there. Says where it works when that takes more. */
export function performAnywhere(state: State, binding: Binding): Update {
  const there = focused(state, binding.place);
  if (there) return perform(there, binding);
  const key = keyOf(state, binding.action);
  return only(told(state, `${binding.action} works in ${placeWords(binding.place)}${key === undefined ? '' : `, on ${key}`}.`, 'warn'));
}

/** Does what an action says by its name: the binding that works here, or one that a look at another pane brings near. */
export function performNamed(state: State, name: ActionName): Update {
  const bindings = keymapOf(state).filter((binding) => binding.action === name);
  const here = placesOf(state).map((place) => bindings.find((one) => one.place === place)).find((one) => one !== undefined);
  const binding = here ?? bindings.find((one) => focused(state, one.place) !== undefined) ?? bindings[0];
  return binding ? performAnywhere(state, binding) : only(state);
}

/** The keys of a binding as people read them; a dash where it has none. */
export function keysText(binding: Binding): string {
  return binding.keys.length === 0 ? '-' : binding.keys.map(keyLabel).join(' ');
}
