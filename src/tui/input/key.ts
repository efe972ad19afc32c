import { graphemes } from '../graphemes.ts';

/**
 * A key as the keymap names it: the character itself (`j`, `G`, `é`), or a name: `enter tab shift-tab esc
 * backspace delete up down left right pageup pagedown home end space ctrl-x f1`.
 */
export type KeyName = string;

export type InputEvent =
  | { readonly type: 'key'; readonly key: KeyName }
  /** What was pasted. It is text to insert and never runs anything. `isCut`, when it was more than is taken. */
  | { readonly type: 'paste'; readonly text: string; readonly isCut?: boolean };

/** What people read for a key. */
export function keyLabel(key: KeyName): string {
  const labels: Record<string, string> = {
    enter: 'Enter', tab: 'Tab', 'shift-tab': 'Shift-Tab', esc: 'Esc', backspace: 'Backspace', delete: 'Del', space: 'Space',
    up: '↑', down: '↓', left: '←', right: '→', pageup: 'PgUp', pagedown: 'PgDn', home: 'Home', end: 'End',
  };
  if (key.startsWith('ctrl-')) return `Ctrl-${key.slice('ctrl-'.length)}`;
  return labels[key] ?? (/^f\d+$/.test(key) ? key.toUpperCase() : key);
}

/** The text a key types, if it types any. */
export function typedText(key: KeyName): string | undefined {
  if (key === 'space') return ' ';
  return graphemes(key).length === 1 ? key : undefined;
}
