import { didYouMean } from '../../core/closest.ts';
import { UserError } from '../../protocol/error.ts';
import { typedText, type KeyName } from '../input/key.ts';

const named: readonly KeyName[] = ['enter', 'tab', 'shift-tab', 'esc', 'backspace', 'delete', 'up', 'down', 'left', 'right', 'pageup', 'pagedown', 'home', 'end', 'space'];
const spellings: Readonly<Record<string, KeyName>> = { return: 'enter', escape: 'esc', del: 'delete', pgup: 'pageup', pgdn: 'pagedown', ' ': 'space', '↑': 'up', '↓': 'down', '←': 'left', '→': 'right' };

/** Keys that never reach us, or are another key, and why. */
const unusable: Readonly<Record<string, string>> = {
  'ctrl-a': 'screen takes it', 'ctrl-b': 'tmux takes it', 'ctrl-s': 'it stops the terminal', 'ctrl-q': 'it starts the terminal again', 'ctrl-\\': 'it ends programs',
  'ctrl-h': 'it is Backspace', 'ctrl-i': 'it is Tab', 'ctrl-j': 'it is Enter', 'ctrl-m': 'it is Enter', 'ctrl-[': 'it is Esc',
};

/** These mean the same everywhere: one level back, and closing or leaving. They cannot be given away. */
export const fixedKeys: readonly KeyName[] = ['esc', 'ctrl-c'];

/** A key as a person writes it: `e`, `Space`, `PgDn`, `Ctrl-x`, `^x`. Throws `usage` for what is no key, or none that can be used. */
export function parseKey(text: string): KeyName {
  const wanted = text.length === 1 ? text : text.toLowerCase().replace(/^(\^|c-|control-|ctrl\+)(?=.)/, 'ctrl-');
  const key = spellings[wanted] ?? wanted;
  const why = unusable[key] ?? (/^f\d+$/.test(key) ? 'multiplexers and terminals keep F-keys' : /^(alt|meta|m)-/.test(key) ? 'Alt is Esc and a key, one after the other' : undefined);
  if (why !== undefined) throw new UserError('usage', `the key ${text} cannot be used: ${why}`);
  if (named.includes(key) || /^ctrl-[a-z]$/.test(key) || (key !== 'space' && typedText(key) !== undefined && key.trim() !== '')) return key;
  throw new UserError('usage', `there is no key "${text}"`, { hint: (key === '' ? undefined : didYouMean(key, [...named, ...Object.keys(spellings).filter((one) => one.length > 1)])) ?? `A character, Ctrl- and a letter, or ${named.join(', ')}.` });
}
