import { didYouMean } from '../../core/closest.ts';
import { UserError } from '../../protocol/error.ts';
import { keymap } from '../keymap.ts';
import { sentence } from '../model/sentence.ts';
import type { Screen, ScreenBase } from '../screens/screen.ts';
import { screens } from '../screens/table.ts';
import type { State } from '../state.ts';
import { only, told, type Update } from '../update/result.ts';
import type { Command } from './commands/command.ts';
import { configCommand } from './commands/config.ts';
import { controlCommands } from './commands/control.ts';
import { elsewhere, lookCommands } from './commands/look.ts';
import { settingCommands } from './commands/settings.ts';
import { startCommands } from './commands/start.ts';
import { togetherCommands } from './commands/together.ts';
import { wouldDo } from './would-do.ts';
import { optionNamed, readWords, ShellOnly, splitWords, wordPattern, type Option } from './commands/words.ts';

/** How many words that could follow are shown. */
const SHOWN_CHOICES = 12;

function actionNames(): readonly string[] {
  return [...new Set(keymap.map((binding) => binding.action))].toSorted();
}

/** Asks for what a key does. Throws `usage` for a name that is none. */
function runAction(state: State, name: string): Update {
  const found = keymap.find((binding) => binding.action === name);
  if (!found) throw new UserError('usage', `there is no action "${name}"`, { hint: didYouMean(name, actionNames()) });
  return { ...only(state), action: found.action };
}

/** Words of the `:` line. They are those of the command line; where that needs a run, the open one is meant. */
const commands: Readonly<Record<string, Command>> = {
  ...startCommands, ...controlCommands, ...lookCommands, ...togetherCommands, ...settingCommands, config: configCommand,
  action: {
    usage: 'action NAME', help: 'do what a key does, by its name', plain: actionNames,
    run: (state, { plain: [name] }) => {
      if (name === undefined) throw new UserError('usage', 'action needs a name', { hint: '`action log.freeze`; the help lists them' });
      return runAction(state, name);
    },
  },
  ...Object.fromEntries(Object.values<Pick<Screen<ScreenBase>, 'commands'>>(screens).flatMap((screen) => Object.entries(screen.commands ?? {}))),
};

/** A word that can be typed after `:`, for the help. */
export type CommandEntry = Pick<Command, 'usage' | 'help'> & { readonly name: string };

export const commandEntries: readonly CommandEntry[] = Object.entries(commands).map(([name, { usage, help }]) => ({ name, usage, help }));

/** Does what was typed after `:`. Words that are not known name the closest. */
export function runCommand(state: State, text: string): Update {
  const tried = attempt(state, text);
  return tried instanceof UserError ? only(told(state, sentence(tried.message, tried.hint), 'error')) : tried;
}

/** What the line does, or why it cannot. */
function attempt(state: State, text: string): Update | UserError {
  const [, name = '', rest = ''] = /^\s*(?:stepscope\s+)?(\S*)\s*(.*?)\s*$/s.exec(text) ?? [];
  if (name === '') return only(state);
  const command = commandNamed(name);
  if (!command) return new UserError('usage', unknown(name, text));
  try {
    if (command.isText) return command.run(state, { plain: [rest], options: new Map() });
    const words = splitWords(rest);
    const shells = words.map((word) => word.replace(/=.*$/s, '')).find((word) => isForShell(word, command));
    if (shells !== undefined) throw new ShellOnly(`${shells} is for a shell`);
    return command.run(state, readWords(words, command.options ?? []));
  } catch (error) {
    if (error instanceof ShellOnly) return new UserError('usage', error.message, { hint: inShell(text) });
    if (error instanceof UserError) return error;
    throw error;
  }
}

/** Options of the program itself; here they were said when it started. */
const programOptions = ['--json', '--data-dir', '--url', '--key', '--profile', '--read-only', '--theme', '--key-preset', '--ascii', '--low-bandwidth', '--screen-reader'];

function isForShell(word: string, command: Command): boolean {
  return optionNamed(word, command.options ?? []) === undefined && (command.inShell?.includes(word) === true || programOptions.includes(word));
}

/** The line as it is typed in a shell. */
function inShell(text: string): string {
  return `There, type \`stepscope ${text.trim().replace(/^stepscope\s+/, '')}\``;
}

/** What is said of a line beside the prompt. */
export interface CommandAbout {
  readonly text: string;
  readonly tone: 'muted' | 'accent' | 'error';
  /** Where in the line the word is that is wrong. */
  readonly wrong?: { readonly from: number; readonly to: number } | undefined;
}

/** What the words so far would do, what could follow, or what is wrong with them and where. Nothing is done: a line is an update like any other. */
export function commandPreview(state: State, text: string): CommandAbout {
  const name = nameIn(text);
  const command = commandNamed(name);
  if (!command) {
    const near = namesLike(name);
    return near.length > 0 ? { text: near.join('  '), tone: 'muted' } : { text: unknown(name, text), tone: 'error', wrong: placeOf(text, name) };
  }
  const options = (command.options ?? []).map((one) => `[${one.name}${one.value === undefined ? '' : ` ${one.value}`}]`).join(' ');
  const usage = `${command.usage}: ${command.help}${options === '' ? '' : `  ${options}`}`;
  const typesName = text.trimStart() === name;
  const following = typesName ? { word: '', option: undefined, choices: [], needs: undefined } : completionsOf(state, command, text);
  if (following instanceof UserError) return { text: sentence(following.message, following.hint), tone: 'error', wrong: wrongWord(text, following) };
  const { word, option, choices, needs } = following;
  const rest = choices.filter((one) => one !== word);
  const shown = rest.length === 0 ? needs : `${option ?? command.usage}: ${rest.slice(0, SHOWN_CHOICES).join(' ')}${rest.length > SHOWN_CHOICES ? ' …' : ''}`;
  const below = { ...state, overlays: state.overlays.slice(0, -1), notice: undefined };
  const tried = attempt(below, text);
  if (tried instanceof UserError) {
    // Half a word, or none yet, is no mistake.
    if (shown !== undefined || typesName || text.endsWith(' ')) return { text: shown ?? usage, tone: 'muted' };
    return { text: sentence(tried.message, tried.hint), tone: 'error', wrong: wrongWord(text, tried) };
  }
  if (shown !== undefined && (word !== '' || option !== undefined || choices.length > 0) && (word !== '' || option !== undefined)) return { text: shown, tone: 'muted' };
  const words = tried.action === undefined ? wouldDo(below, tried) : keymap.find((binding) => binding.action === tried.action)!.help;
  const does = `Enter: ${words ?? command.help}`;
  return { text: [does, shown ?? (typesName && words === undefined ? usage : undefined)].filter((one) => one !== undefined).join('   '), tone: 'accent' };
}

/** The first word of a line, without the name of the program. */
function nameIn(text: string): string {
  return /^\s*(?:stepscope\s+)?(\S*)/.exec(text)?.[1] ?? '';
}

/** Commands that begin so; actions too, once a person names one of those. */
function namesLike(name: string): readonly string[] {
  const found = Object.keys(commands).filter((one) => one.startsWith(name));
  return found.length > 0 ? found : actionNames().filter((one) => one.startsWith(name));
}

/** The word of a line that a refusal is about: the last one that it names. */
function wrongWord(text: string, { message }: UserError): CommandAbout['wrong'] {
  const word = text.split(/[\s=]+/).findLast((one) => one !== '' && (message.includes(`"${one.replaceAll(/["']/g, '')}"`) || message.split(/[\s,:]+/).includes(one)));
  return word === undefined ? undefined : placeOf(text, word);
}

function placeOf(text: string, word: string): CommandAbout['wrong'] {
  const from = text.lastIndexOf(word);
  return word === '' || from === -1 ? undefined : { from, to: from + word.length };
}

/** The text with its last word completed as far as it is clear. */
export function completeCommand(state: State, text: string): string {
  const [, name = '', rest] = /^\s*(\S*)(\s.*)?$/s.exec(text) ?? [];
  if (rest === undefined) {
    const completed = common(namesLike(name));
    return completed === undefined ? text : commandNamed(completed) ? `${completed} ` : completed;
  }
  const command = commandNamed(name);
  if (!command) return text;
  const following = completionsOf(state, command, text);
  if (following instanceof UserError) return text;
  const { word, choices } = following;
  const completed = common(choices);
  return completed === undefined ? text : `${text.slice(0, text.length - word.length)}${completed}`;
}

interface Following {
  /** The word that is being typed. */
  readonly word: string;
  /** The option whose value it is. */
  readonly option: string | undefined;
  readonly choices: readonly string[];
  /** The option that waits for its value, with what that is. */
  readonly needs: string | undefined;
}

/** What the word being typed can become: a value of the option before it, an option, or a plain word. An error is what the words before it are refused for. */
function completionsOf(state: State, command: Command, text: string): Following | UserError {
  const rest = text.replace(/^\s*(?:stepscope\s+)?\S*/, '');
  const raw = [...rest.matchAll(wordPattern)];
  const last = raw.at(-1);
  const isTyping = last !== undefined && last.index + last[0].length === rest.length;
  const before = (isTyping ? raw.slice(0, -1) : raw).map(([word]) => word);
  const typed = isTyping ? last[0] : '';
  const options = command.options ?? [];
  const [, attachedTo = '', attached] = /^(--?[^=]+)=(.*)$/s.exec(typed) ?? [];
  const option = [optionNamed(attachedTo, options), optionNamed(before.at(-1) ?? '', options)].find((one) => one?.value !== undefined);
  const word = option !== undefined && option.name === optionNamed(attachedTo, options)?.name ? attached! : typed;
  const whole = optionNamed(word, options);
  const needs = option !== undefined && word === '' ? option : option === undefined && whole?.value !== undefined ? whole : undefined;
  try {
    const all = option !== undefined ? (option.choices?.(state) ?? []) : word.startsWith('-') ? options.map((one) => one.name) : (command.plain?.(state, plainOf(before, options)) ?? []);
    return { word, option: option?.name, choices: all.filter((one) => one.startsWith(word)), needs: needs && `${needs.name} ${needs.value}` };
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

/** Plain words among those before the one being typed. */
function plainOf(before: readonly string[], options: readonly Option[]): readonly string[] {
  return before.filter((word, at) => !word.startsWith('-') && optionNamed(before[at - 1] ?? '', options)?.value === undefined);
}

function commandNamed(name: string): Command | undefined {
  if (Object.hasOwn(commands, name)) return commands[name];
  return name.includes('.') && actionNames().includes(name) ? actionCommand(name) : undefined;
}

/** An action as a command: `log.freeze`. */
function actionCommand(name: string): Command {
  const help = keymap.find((binding) => binding.action === name)!.help;
  return { usage: name, help, run: (state) => runAction(state, name) };
}

function unknown(name: string, text: string): string {
  if (Object.hasOwn(elsewhere, name)) return `\`${name}\` is for a shell: ${elsewhere[name]}. ${inShell(text)}.`;
  return `There is no command "${name}". ${didYouMean(name, name.includes('.') ? actionNames() : Object.keys(commands)) ?? `Commands: ${Object.keys(commands).join(', ')}`}`;
}

function common(names: readonly string[]): string | undefined {
  const [first, ...others] = names;
  if (first === undefined) return undefined;
  let length = first.length;
  for (const other of others) while (!other.startsWith(first.slice(0, length))) length -= 1;
  return first.slice(0, length);
}
