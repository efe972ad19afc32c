import { didYouMean } from '../../../core/closest.ts';
import { UserError } from '../../../protocol/error.ts';
import type { State } from '../../state.ts';

/** An option as the command line has it. */
export interface Option {
  /** With its dashes. */
  readonly name: string;
  readonly short?: string | undefined;
  /** What its value is, for the usage; without it the option stands alone. */
  readonly value?: string | undefined;
  readonly choices?: ((state: State) => readonly string[]) | undefined;
}

/** What only a shell can do. Whoever has the whole line says what to type there. */
export class ShellOnly extends UserError {
  constructor(message: string) {
    super('usage', message);
  }
}

/** What was typed after the name of a command. */
export interface Words {
  readonly plain: readonly string[];
  /** Values by the long name of the option, in the order they were typed; empty text for one that stands alone. */
  readonly options: ReadonlyMap<string, readonly string[]>;
}

/** A word of a line as it is typed, its quotes included; one that is open goes to the end. */
export const wordPattern = /(?:"[^"]*"?|'[^']*'?|[^\s"'])+/g;

/** The words of a line; quotes, single or double, hold together what has blanks. */
export function splitWords(text: string): readonly string[] {
  return [...text.matchAll(wordPattern)].map(([word]) => word.replaceAll(/"([^"]*)"?|'([^']*)'?/g, '$1$2'));
}

/** Tells plain words from options: `--name value`, `--name=value`, `-n value`. Throws `usage` for what the command does not have. */
export function readWords(words: readonly string[], options: readonly Option[]): Words {
  const plain: string[] = [];
  const given = new Map<string, string[]>();
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at]!;
    if (!/^--?[a-z]/.test(word)) {
      plain.push(word);
      continue;
    }
    const [, name = '', attached] = /^(--?[^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    const option = optionNamed(name, options);
    if (!option) throw new UserError('usage', `no option ${name}`, { hint: didYouMean(name, options.map((one) => one.name)) ?? `There ${options.length === 0 ? 'are none' : `is ${options.map((one) => one.name).join(', ')}`}` });
    if (option.value === undefined && attached !== undefined) throw new UserError('usage', `${name} takes no value`);
    const value = option.value === undefined ? '' : (attached ?? words[(at += 1)]);
    if (value === undefined) throw new UserError('usage', `${name} needs ${option.value ?? 'a value'}`);
    given.set(option.name, [...(given.get(option.name) ?? []), value]);
  }
  return { plain, options: given };
}

export function optionNamed(name: string, options: readonly Option[]): Option | undefined {
  return options.find((one) => one.name === name || (one.short !== undefined && one.short === name));
}

/** The last value given for an option. */
export function valueOf(words: Words, name: string): string | undefined {
  return words.options.get(name)?.at(-1);
}

/** One of some words, or `usage` naming them. */
export function oneOf<Choice extends string>(words: Words, name: string, choices: readonly Choice[]): Choice | undefined {
  const value = valueOf(words, name);
  const found = choices.find((one) => one === value);
  if (value !== undefined && found === undefined) throw new UserError('usage', `${name} is "${value}"`, { hint: `It can be ${choices.join(' or ')}` });
  return found;
}
