import { didYouMean } from '../../core/closest.ts';
import { UserError } from '../../protocol/error.ts';
import type { KeyBindings } from '../../protocol/terminal-settings.ts';
import { keyLabel, typedText, type KeyName } from '../input/key.ts';
import type { Binding } from '../keymap.ts';
import { fixedKeys, parseKey } from './key-names.ts';
import { placeWords, typingPlaces } from './places.ts';

/**
 * The table with other keys for some of its actions. What a preset gives takes the key from whatever has it in that
 * place; what a person gives does not, so that no key is lost by accident. Throws `usage` naming the entry.
 */
export function bindKeys(table: readonly Binding[], bindings: KeyBindings, from: 'preset' | 'person'): readonly Binding[] {
  const given = new Map<Binding, readonly KeyName[]>();
  const entries = Object.entries(bindings);
  // Before the first frame of most people: what follows compares each binding with all others.
  if (entries.length === 0) return table;
  // What names a place goes before what names the action alone.
  for (const [name, keys] of [...entries.filter(([one]) => !one.includes(':')), ...entries.filter(([one]) => one.includes(':'))]) {
    at(name, () => {
      const parsed = keys.map(parseKey);
      const bound = bindingsNamed(table, name);
      bound.forEach((binding, index) => {
        // Where an action stands twice in one place, the first entry gets the keys.
        const isFirst = bound.findIndex((other) => other.place === binding.place) === index;
        given.set(binding, [...new Set([...(isFirst ? allowed(binding, parsed) : []), ...binding.keys.filter((key) => fixedKeys.includes(key))])]);
      });
    });
  }
  const next = table.map((binding) => (given.has(binding) ? { binding, keys: given.get(binding)!, name: nameOf(binding, bindings) } : { binding, keys: binding.keys, name: undefined }));
  return next.map(({ binding, keys, name }) => {
    const others = next.filter((other) => other.binding !== binding && other.binding.place === binding.place);
    const taken = (key: KeyName) => others.find((other) => other.name !== undefined && other.keys.includes(key));
    if (name === undefined) return from === 'preset' ? { ...binding, keys: keys.filter((key) => !taken(key)) } : binding;
    for (const key of keys) {
      const other = from === 'preset' ? taken(key) : others.find((one) => one.keys.includes(key));
      if (other) throw new UserError('usage', `keys of ${name}: ${keyLabel(key)} is ${other.binding.action} in ${placeWords(binding.place)}`, { hint: `Give that other keys first, or none.` });
    }
    return { ...binding, keys };
  });
}

/** Bindings of `log.nextError`, or of `log:log.nextError` for one place. */
function bindingsNamed(table: readonly Binding[], name: string): readonly Binding[] {
  const [, place, action] = /^(?:([^:]*):)?(.*)$/s.exec(name)!;
  const ofAction = table.filter((binding) => binding.action === action);
  if (ofAction.length === 0) throw new UserError('usage', `there is no action "${action}"`, { hint: didYouMean(action!, table.map((binding) => binding.action)) ?? '`?` lists them.' });
  const found = place === undefined ? ofAction : ofAction.filter((binding) => binding.place === place);
  const places = ofAction.map((binding) => binding.place);
  if (found.length === 0) throw new UserError('usage', `${action} is not in "${place}"`, { hint: didYouMean(place!, places) ?? `It is in ${[...new Set(places)].join(', ')}.` });
  return found;
}

function allowed(binding: Binding, keys: readonly KeyName[]): readonly KeyName[] {
  for (const key of keys) {
    if (fixedKeys.includes(key) && !binding.keys.includes(key)) throw new UserError('usage', `${keyLabel(key)} means the same everywhere and cannot be given away`);
    if (typingPlaces.includes(binding.place) && typedText(key) !== undefined) throw new UserError('usage', `${keyLabel(key)} is text in ${placeWords(binding.place)}`, { hint: `Name one place, as in run:${binding.action}, or take a key that types nothing.` });
  }
  return keys;
}

function nameOf(binding: Binding, bindings: KeyBindings): string {
  const exact = `${binding.place}:${binding.action}`;
  return Object.hasOwn(bindings, exact) ? exact : binding.action;
}

function at(name: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(error.code, `keys of ${name}: ${error.message}`, { hint: error.hint, cause: error });
  }
}
