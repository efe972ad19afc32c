import { didYouMean } from '../../core/closest.ts';
import { UserError } from '../../protocol/error.ts';
import { sentence } from '../model/sentence.ts';
import type { Screen, ScreenBase } from '../screens/screen.ts';
import { screens } from '../screens/table.ts';
import type { State } from '../state.ts';
import { only, told, type Update } from '../update/result.ts';
import type { Command } from './commands/command.ts';
import { controlCommands } from './commands/control.ts';
import { elsewhere, lookCommands } from './commands/look.ts';
import { startCommands } from './commands/start.ts';
import { togetherCommands } from './commands/together.ts';
import { optionNamed, readWords, splitWords } from './commands/words.ts';

/** How many words that could follow are shown. */
const SHOWN_CHOICES = 12;

/** Words of the `:` line. They are those of the command line; where that needs a run, the open one is meant. */
const commands: Readonly<Record<string, Command>> = {
  ...startCommands, ...controlCommands, ...lookCommands, ...togetherCommands, ...Object.fromEntries(Object.values<Pick<Screen<ScreenBase>, 'commands'>>(screens).flatMap((screen) => Object.entries(screen.commands ?? {}))),
};

/** Does what was typed after `:`. Words that are not known name the closest. */
export function runCommand(state: State, text: string): Update {
  const [, name = '', rest = ''] = /^\s*(?:stepscope\s+)?(\S*)\s*(.*?)\s*$/s.exec(text) ?? [];
  if (name === '') return only(state);
  const command = commandNamed(name);
  if (!command) return only(told(state, unknown(name), 'error'));
  try {
    return command.run(state, command.isText ? { plain: [rest], options: new Map() } : readWords(splitWords(rest), command.options ?? []));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return only(told(state, sentence(error.message, error.hint), 'error'));
  }
}

/** What the words so far would do, and what could follow, said beside the prompt. */
export function commandPreview(state: State, text: string): string {
  const [name = ''] = text.trimStart().split(/\s+/);
  const command = commandNamed(name);
  if (!command) {
    const near = Object.keys(commands).filter((one) => one.startsWith(name));
    return near.length > 0 ? near.join('  ') : unknown(name);
  }
  const following = text.trimStart() === name ? undefined : completionsOf(state, command, text);
  const options = (command.options ?? []).map((one) => `[${one.name}${one.value === undefined ? '' : ` ${one.value}`}]`).join(' ');
  if (following === undefined || following.choices.length === 0) return `${command.usage}: ${command.help}${options === '' ? '' : `  ${options}`}`;
  const { choices } = following;
  return `${following.option ?? command.usage}: ${choices.slice(0, SHOWN_CHOICES).join(' ')}${choices.length > SHOWN_CHOICES ? ' …' : ''}`;
}

/** The text with its last word completed as far as it is clear. */
export function completeCommand(state: State, text: string): string {
  const [, name = '', rest] = /^\s*(\S*)(\s.*)?$/s.exec(text) ?? [];
  if (rest === undefined) {
    const completed = common(Object.keys(commands).filter((one) => one.startsWith(name)));
    return completed === undefined ? text : commandNamed(completed) ? `${completed} ` : completed;
  }
  const command = commandNamed(name);
  if (!command) return text;
  const { word, choices } = completionsOf(state, command, text);
  const completed = common(choices);
  return completed === undefined ? text : `${text.slice(0, text.length - word.length)}${completed}`;
}

interface Following {
  /** The word that is being typed. */
  readonly word: string;
  /** The option whose value it is. */
  readonly option: string | undefined;
  readonly choices: readonly string[];
}

/** What the word being typed can become: a value of the option before it, an option, or a plain word. */
function completionsOf(state: State, command: Command, text: string): Following {
  const [, before = '', word = ''] = /^(.*?)([^\s=]*)$/s.exec(text) ?? [];
  const options = command.options ?? [];
  const option = optionNamed(/(\S+?)[\s=]+$/.exec(before)?.[1] ?? '', options);
  const all = option?.value !== undefined ? (option.choices?.(state) ?? []) : word.startsWith('-') ? options.map((one) => one.name) : (command.plain?.(state) ?? []);
  return { word, option: option?.value === undefined ? undefined : option.name, choices: all.filter((one) => one.startsWith(word)) };
}

function commandNamed(name: string): Command | undefined {
  return Object.hasOwn(commands, name) ? commands[name] : undefined;
}

function unknown(name: string): string {
  if (Object.hasOwn(elsewhere, name)) return `\`${name}\` is for a shell: ${elsewhere[name]}. There, type \`stepscope ${name}\`.`;
  return `There is no command "${name}". ${didYouMean(name, Object.keys(commands)) ?? `Commands: ${Object.keys(commands).join(', ')}`}`;
}

function common(names: readonly string[]): string | undefined {
  const [first, ...others] = names;
  if (first === undefined) return undefined;
  let length = first.length;
  for (const other of others) while (!other.startsWith(first.slice(0, length))) length -= 1;
  return first.slice(0, length);
}
