import { UserError } from '../protocol/error.ts';
import type { GlobalFlags, Settings } from './settings.ts';

/** Commands that are about no backend, or name theirs themselves. */
const withoutBackend = ['', 'logout', 'profiles', 'keys', 'migrate', 'completion', 'config'];
/** Commands that make a backend of their own: a place is all they take. */
const hosting = ['serve', 'backend'];

/**
 * A command of ours, `show 1a2b`, as it is to be typed to reach the backend of this call again:
 * `stepscope show 1a2b --profile staging`. Secrets are references here. A command that is whole already stays.
 */
export function commandLine(words: string, settings: Pick<Settings, 'remote' | 'dataDir'>, flags: GlobalFlags): string {
  return [`stepscope ${words}`, ...optionsOf(words, settings, flags).map(quoted)].join(' ');
}

function optionsOf(words: string, { remote, dataDir }: Pick<Settings, 'remote' | 'dataDir'>, flags: GlobalFlags): readonly string[] {
  const name = words.split(' ')[0]!.replace(/^-.*/, '');
  if (withoutBackend.includes(name) || / --(profile|url|data-dir)\b/.test(words)) return [];
  if (remote === undefined) return flags.dataDir === undefined || name === 'login' ? [] : ['--data-dir', dataDir];
  if (hosting.includes(name)) return [];
  // Only a secret key gives roles, executes runs and puts back what is missing, and it is seldom the one that was given.
  const takesSecret = /^(user|runner) /.test(words) || words.includes('--mend');
  if (remote.profile !== undefined && !takesSecret) return ['--profile', remote.profile];
  const key = takesSecret && !remote.key.startsWith('sb_secret_') ? 'env:STEPSCOPE_SECRET_KEY' : flags.key;
  return ['--url', remote.url, ...(key === undefined ? [] : ['--key', key])];
}

const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`);

/** The same failure, with its hint true for the backend of this call: commands in it lead there again, and a key that is no good is named. */
export function hintedFor(error: unknown, settings: Pick<Settings, 'remote' | 'dataDir'>, flags: GlobalFlags): unknown {
  if (!(error instanceof UserError)) return error;
  const hint = keyHint(error, settings.remote === undefined ? flags.profile : settings.remote.profile) ?? error.hint?.replaceAll(/`stepscope ([^`]+)`/g, (_, words: string) => `\`${commandLine(words, settings, flags)}\``);
  return hint === error.hint ? error : new UserError(error.code, error.message, { hint, cause: error.cause });
}

/** For a backend that was given other keys since. */
function keyHint({ code, message }: UserError, profile: string | undefined): string | undefined {
  if (code !== 'unauthorized' || !message.includes('Invalid API key')) return undefined;
  const where = '`stepscope status --show-keys` beside the server tells its keys';
  return profile === undefined
    ? `Its keys may have been replaced: give the new one with --key env:NAME, or in STEPSCOPE_KEY; ${where}`
    : `Its keys may have been replaced: \`stepscope login --profile ${quoted(profile)} --key env:NAME\` takes the new publishable one; ${where}`;
}
