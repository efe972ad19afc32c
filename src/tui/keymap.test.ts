import { describe, expect, it } from 'vitest';
import { actionNames } from './action-names.ts';
import { actions } from './actions/table.ts';
import { keymap, type Place } from './keymap.ts';
import { heldRun, listed, openTerminal, opened, runRow, snapshotOf, stepRow, testNow, type TestTerminal } from './testing.tsx';
import { screens } from './screens/table.ts';
import { update } from './update.ts';
import type { State } from './state.ts';

const forbidden = ['ctrl-a', 'ctrl-b', 'ctrl-s', 'ctrl-q', 'ctrl-\\', 'ctrl-h', 'ctrl-i', 'ctrl-j', 'ctrl-m', 'ctrl-['];

/** Every screen and dialog a person can be in. */
const situations: Readonly<Record<string, () => TestTerminal>> = {
  'an empty list': () => openTerminal({}, listed),
  'a list of runs': () => openTerminal({}, listed, { type: 'listed', rows: { runs: [runRow()] } }),
  'a failed connection': () => openTerminal({}, { type: 'connectFailed', message: 'nobody answers', hint: undefined }),
  'a run that is still being read': () => openTerminal({}, listed, { type: 'found', run: runRow() }),
  'a held run': () => openTerminal({}, ...heldRun(), snapshotOf('storage_upload')),
  'a failed run': () => openTerminal({}, ...opened(runRow({ status: 'failed', failed_step: 'load_model', error_message: 'no' }), stepRow('load_model', { status: 'failed', error_message: 'no' }))),
  'a traced program': () => openTerminal({}, ...opened(runRow({ pipeline_key: null, step_tree: null, status: 'completed' }), stepRow('load_model'))),
  'a wide screen': () => openTerminal({ size: { columns: 160, rows: 50 } }, ...heldRun()),
  'an earlier moment of a run': () => {
    const terminal = openTerminal({}, ...heldRun());
    terminal.press('1', ',', ',');
    return terminal;
  },
  'a tiny screen': () => openTerminal({ size: { columns: 20, rows: 5 } }, ...heldRun()),
  'a read-only connection': () => openTerminal({ readOnly: true }, ...heldRun()),
};
const waysIn: readonly string[] = ['', '1', '2', '3', '4', '5', '6', '7', '8', '9', '?', ':', '/', 'f', 'N', 'm', 'i', 'r', 'R', 'B', 'y', 'X', '\r'];

describe('the keymap', () => {
  it('gives no key two meanings in one place', () => {
    const twice = keymap.flatMap((binding, index) =>
      keymap.slice(index + 1).filter((other) => other.place === binding.place && other.keys.some((key) => binding.keys.includes(key))).map((other) => `${binding.place}: ${binding.action} and ${other.action}`),
    );
    expect(twice).toEqual([]);
  });

  it('has a key, a label and a sentence for every action', () => {
    expect(actionNames.filter((name) => !keymap.some((binding) => binding.action === name))).toEqual([]);
    expect(Object.keys(actions).toSorted()).toEqual([...actionNames].toSorted());
    for (const [name, screen] of Object.entries(screens)) {
      expect(new Set<string>(Object.keys(screen.actions))).toEqual(new Set(screen.keys.map((binding) => binding.action).filter((action) => action.startsWith(`${name}.`))));
      expect(screen.keys.filter((binding) => binding.place !== name)).toEqual([]);
    }
    expect(keymap.filter((binding) => binding.label === '' || !/[.)]$/.test(binding.help) || binding.keys.length === 0)).toEqual([]);
  });

  it('keeps off the keys of screen, tmux, flow control and other keys', () => {
    expect(keymap.filter((binding) => binding.keys.some((key) => forbidden.includes(key) || /^f\d|^alt-/.test(key)))).toEqual([]);
  });

  it('has a way out of every dialog', () => {
    const dialogs: readonly Place[] = ['help', 'prompt', 'form', 'editor', 'preview', 'confirm', 'copy', 'leave'];
    for (const place of dialogs) expect(keymap.filter((binding) => binding.place === place && binding.keys.includes('esc')).map((one) => one.action)).toEqual(['dialog.close']);
  });

  /** Fields that differ, the clock and the notice aside. */
  const differs = (before: State, after: State) => (Object.keys(after) as (keyof State)[]).some((field) => field !== 'now' && field !== 'notice' && after[field] !== before[field]);

  it('is never pressed in vain: every key in every screen either does something or says why not', () => {
    const all = [...new Set(keymap.flatMap((binding) => binding.keys)), 'é', '§'];
    const silent = Object.entries(situations).flatMap(([name, open]) =>
      waysIn.flatMap((way) => {
        const terminal = open();
        terminal.press(way);
        const before = terminal.state();
        // In a dialog a key without a meaning is text, or nothing.
        if (before.overlays.length > 0) return all.flatMap((key) => (update(before, { type: 'key', key }, testNow) ? [] : [key]));
        return all
          .filter((key) => {
            const { state: after, effects } = update(before, { type: 'key', key }, testNow);
            return !differs(before, after) && after.notice === undefined && effects.length === 0;
          })
          .map((key) => `${name}, after ${way || 'nothing'}: ${key}`);
      }),
    );
    expect(silent).toEqual([]);
  });
});
