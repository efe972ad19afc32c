import type { ActionName } from '../action-names.ts';
import type { State } from '../state.ts';

/*
 * Sentences that name a key are written where nobody knows which one it is: a person may have bound another. They
 * name the action, and the key is put in where the sentence is drawn: before it is broken into rows.
 */

/** From the private use area, so that no text is taken for a mark. */
const BEGIN = '\ue0f0';
const END = '\ue0f1';
const marks = new RegExp(`${BEGIN}([^${END}]*)${END}`, 'g');

/** The key of an action, whichever it is, for a sentence that goes through {@link withKeys}. */
export function keyFor(action: ActionName): string {
  return `${BEGIN}${action}${END}`;
}

/** The sentence with the keys in it; an action without one is named as it is typed after `:`. */
export function withKeys(text: string, keyOf: (action: ActionName) => string | undefined): string {
  return text.includes(BEGIN) ? text.replaceAll(marks, (_, action: ActionName) => keyOf(action) ?? `:${action}`) : text;
}

type KeyOf = (state: State, action: ActionName) => string | undefined;
let keyNow: KeyOf = () => undefined;

/** Says which key an action has. The table of keys does: it names every screen, so no screen can import it. */
export function provideKeys(keyOf: KeyOf): void {
  keyNow = keyOf;
}

/** The sentence with the keys in it that work in this state. */
export function keyed(state: State, text: string): string {
  return withKeys(text, (action) => keyNow(state, action));
}
