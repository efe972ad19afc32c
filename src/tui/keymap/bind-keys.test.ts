import { describe, expect, it } from 'vitest';
import { effectiveKeymap, keymap, type Binding, type Place } from '../keymap.ts';
import { screens } from '../screens/table.ts';
import { parseKey } from './key-names.ts';
import { presetNames } from './presets/table.ts';

const bound = (bindings: Readonly<Record<string, string[]>>, preset = 'vim') => effectiveKeymap({ preset, bindings });
const keysOf = (table: readonly Binding[], action: string, place?: string) => table.filter((one) => one.action === action && (place === undefined || one.place === place)).map((one) => one.keys);

describe('keys of a person', () => {
  it('replace those of an action, in one place or in all', () => {
    expect(keysOf(bound({ 'run.export': ['ctrl-e', '"'] }), 'run.export')).toEqual([['ctrl-e', '"']]);
    const table = bound({ 'move.down': ['ctrl-n'], 'run:move.down': ['ctrl-n', 'down'] });
    expect(keysOf(table, 'move.down', 'run')).toEqual([['ctrl-n', 'down']]);
    expect(keysOf(table, 'move.down', 'runs')).toEqual([['ctrl-n']]);
  });

  it('may leave an action without any, but never without Esc and Ctrl-c', () => {
    expect(keysOf(bound({ 'run.export': [] }), 'run.export')).toEqual([[]]);
    expect(keysOf(bound({ 'app.back': ['backspace'] }), 'app.back', 'anywhere')).toEqual([['backspace', 'esc']]);
  });

  it.each([
    [{ 'log.nextEror': ['x'] }, 'keys of log.nextEror: there is no action "log.nextEror"', '`log.nextError`'],
    [{ 'lgo:log.freeze': ['x'] }, 'keys of lgo:log.freeze: log.freeze is not in "lgo"', '`log`'],
    [{ 'log.freeze': ['spce'] }, 'keys of log.freeze: there is no key "spce"', '`space`'],
    [{ 'log.freeze': ['ctrl-s'] }, 'keys of log.freeze: the key ctrl-s cannot be used: it stops the terminal', ''],
    [{ 'log.freeze': ['F5'] }, 'keys of log.freeze: the key F5 cannot be used: multiplexers and terminals keep F-keys', ''],
    [{ 'log.freeze': ['esc'] }, 'keys of log.freeze: Esc means the same everywhere and cannot be given away', ''],
    [{ 'run.export': ['p'] }, 'keys of run.export: p is run.pause in a run', 'Give that other keys first'],
    [{ 'dialog.complete': ['x'] }, 'keys of dialog.complete: x is text in a prompt', ''],
  ])('%j is refused, with the place and what was meant', (bindings, message, hint) => {
    expect(() => bound(bindings as Record<string, string[]>)).toThrow(expect.objectContaining({ code: 'usage', message }));
    if (hint !== '') expect(() => bound(bindings as Record<string, string[]>)).toThrow(expect.objectContaining({ hint: expect.stringContaining(hint) }));
  });

  it('are read as people write them', () => {
    expect(['Space', 'PgDn', 'Ctrl-X', '^x', 'C-x', 'G', 'é', 'Escape', '/'].map(parseKey)).toEqual(['space', 'pagedown', 'ctrl-x', 'ctrl-x', 'ctrl-x', 'G', 'é', 'esc', '/']);
  });
});

describe.each(presetNames)('the preset %s', (preset) => {
  const table = bound({}, preset);

  it('gives no key two meanings in one place', () => {
    const twice = table.flatMap((binding, index) => table.slice(index + 1).filter((other) => other.place === binding.place && other.keys.some((key) => binding.keys.includes(key))).map((other) => `${binding.place}: ${binding.action} and ${other.action}`));
    expect(twice).toEqual([]);
  });

  it('leaves every action a key, where it had one', () => {
    const places = keymap.filter((binding) => binding.keys.length > 0);
    expect(places.filter(({ action, place }) => keysOf(table, action, place).every((keys) => keys.length === 0)).map(({ action, place }) => `${place}: ${action}`)).toEqual([]);
  });

  it('uses no key that screen, tmux or flow control take', () => {
    expect(table.flatMap((binding) => binding.keys).filter((key) => key !== 'insert').map(parseKey)).toEqual(table.flatMap((binding) => binding.keys));
  });

  it('keeps the ways back and out', () => {
    expect(table.filter((binding) => binding.action === 'dialog.close' && binding.keys.includes('esc')).length).toBe(keymap.filter((binding) => binding.action === 'dialog.close' && binding.keys.includes('esc')).length);
  });
});

describe('a preset', () => {
  const screenNames = [...new Set(keymap.map((binding) => binding.place))].filter((place) => Object.hasOwn(screens, place));
  const focuses: readonly (readonly Place[])[] = [
    ['runs', 'house', 'anywhere'], ['steps', 'run', 'anywhere'], ['log', 'run', 'anywhere'], ['logTree', 'log', 'run', 'anywhere'], ['detail', 'run', 'anywhere'], ['json', 'detail', 'run', 'anywhere'],
    ['diff', 'detail', 'run', 'anywhere'], ['log', 'playback', 'run', 'anywhere'], ...screenNames.map((name) => [name, 'screen', 'house', 'anywhere'] as const),
  ];
  /** Actions that an inner place hides altogether, so that they cannot be reached there. */
  const hidden = (table: readonly Binding[]) => new Set(focuses.flatMap((focus) => focus.flatMap((place, depth) => {
    const inner = table.filter((binding) => focus.slice(0, depth).includes(binding.place));
    return table
      .filter((binding) => binding.place === place && !inner.some((other) => other.action === binding.action) && binding.keys.length > 0 && binding.keys.every((key) => inner.some((other) => other.keys.includes(key))))
      .map((binding) => `${binding.action} in ${focus[0]}`);
  })));

  it.each(presetNames)('%s hides nothing that is not hidden without it', (preset) => {
    const before = hidden(keymap);
    expect([...hidden(bound({}, preset))].filter((one) => !before.has(one))).toEqual([]);
  });
});
