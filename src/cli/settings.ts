import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { didYouMean } from '../core/closest.ts';
import { changedConfig, configuredSettings, mergeSettings, type GivenSettings, type SettingChange, type SettingValues } from '../core/terminal-settings.ts';
import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';
import { terminalFields } from '../protocol/terminal-settings.ts';
import { jsonProblem } from '../tui/dialogs/json-problem.ts';
import { presetNames } from '../tui/keymap/presets/table.ts';
import type { TuiSettings } from '../tui/settings.ts';
import { themeNames } from '../tui/output/themes.ts';
import { configFolder, profileOf } from './profiles.ts';
import { readSecret } from './secret.ts';

/** What may stand in the config file. Secrets stand there as `env:NAME` or `@file`. */
const ConfigFile = z.strictObject({
  dataDir: z.string().optional(),
  url: z.url().optional(),
  key: z.string().optional(),
  profile: z.string().optional(),
  readOnly: z.boolean().optional(),
  port: z.int().min(0).max(65_535).optional(),
  ...terminalFields,
});
type ConfigFile = z.infer<typeof ConfigFile>;

/** Flags that every command takes. */
export interface GlobalFlags {
  readonly dataDir?: string;
  readonly url?: string;
  readonly key?: string;
  readonly profile?: string;
  readonly readOnly?: boolean;
  readonly theme?: string;
  readonly ascii?: boolean;
  readonly keyPreset?: string;
  readonly lowBandwidth?: boolean;
  readonly screenReader?: boolean;
  readonly json?: boolean;
}

export interface Remote {
  readonly url: string;
  readonly key: string;
  /** Whose session signs in. */
  readonly profile?: string | undefined;
}

/** What config file, environment and flags add up to; a later one wins. */
export interface Settings {
  readonly dataDir: string;
  /** A backend elsewhere, instead of the local one. */
  readonly remote: Remote | undefined;
  /** The profile that is named, if one is; not whether it exists. */
  readonly profile: string | undefined;
  /** Whatever the backend: nothing that changes anything is sent. */
  readonly readOnly: boolean;
  readonly ascii: boolean | undefined;
  /** How the terminal looks and what its keys are. */
  readonly terminal: GivenSettings;
  /** The port the local backend should listen on. */
  readonly port: number | undefined;
  /** What the config file was read without, as a person reads it; empty but for what can mend it. */
  readonly configProblems: readonly string[];
}

interface ReadOptions {
  readonly withoutBackend?: boolean;
  /** Entries of the config file that cannot be are left out and told, for what can mend them. */
  readonly mendsConfig?: boolean;
}

/** Reads the settings. Each error names the place the value came from. */
export function readSettings(flags: GlobalFlags, env: NodeJS.ProcessEnv = process.env, options: ReadOptions = {}): Settings {
  const { config, problems } = readConfigFile(env, options.mendsConfig === true);
  const remote = options.withoutBackend === true ? undefined : readRemote(flags, env, config);
  const terminal = readTerminal(flags, env, config);
  const isReadOnly = flags.readOnly ?? readSwitch(env['STEPSCOPE_READ_ONLY'], 'STEPSCOPE_READ_ONLY') ?? config.readOnly ?? false;
  return {
    dataDir: resolve(flags.dataDir ?? (env['STEPSCOPE_DATA_DIR'] || (config.dataDir ?? defaultDataDir(env)))),
    remote,
    profile: remote?.profile ?? flags.profile ?? (env['STEPSCOPE_PROFILE'] || config.profile),
    // A profile can only be narrowed: who made it read-only meant every program that uses it.
    readOnly: isReadOnly || (remote?.profile !== undefined && profileOf(env, remote.profile).readOnly),
    ascii: terminal.values.ascii,
    terminal,
    port: readPort(env['STEPSCOPE_PORT']) ?? config.port,
    configProblems: problems,
  };
}

/** The first place that names a backend counts: flags, then environment, then config file. */
function readRemote(flags: GlobalFlags, env: NodeJS.ProcessEnv, config: ConfigFile): Remote | undefined {
  if (flags.url !== undefined && flags.profile !== undefined) {
    throw new UserError('usage', '--url and --profile name two backends', { hint: 'Give one of them.' });
  }
  const places = [
    { url: flags.url, profile: flags.profile, place: '--url' },
    { url: env['STEPSCOPE_URL'], profile: env['STEPSCOPE_PROFILE'] || undefined, place: 'STEPSCOPE_URL' },
    { url: config.url, profile: config.profile, place: 'url in the config file' },
  ];
  const named = places.find(({ url, profile }) => url !== undefined || profile !== undefined);
  if (named === undefined) return undefined;
  if (named.profile !== undefined) {
    const { url, key } = profileOf(env, named.profile);
    return { url, key, profile: named.profile };
  }
  return { url: readUrl(named.url!, named.place), key: readKey(flags, env, config.key) };
}

function readSwitch(text: string | undefined, place: string): boolean | undefined {
  if (text === undefined || text === '') return undefined;
  if (['1', 'true', 'yes'].includes(text)) return true;
  if (['0', 'false', 'no'].includes(text)) return false;
  throw new UserError('usage', `${place}: "${text}" is neither yes nor no`, { hint: 'Set it to 1 or 0.' });
}

function readLogLines(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const lines = Number(text);
  if (Number.isInteger(lines) && lines >= limits.fewestLogLines && lines <= limits.mostLogLines) return lines;
  throw new UserError('usage', `STEPSCOPE_LOG_LINES is "${text}"`, { hint: `A whole number from ${limits.fewestLogLines} to ${limits.mostLogLines}: the lines of a log that are kept.` });
}

function defaultDataDir(env: NodeJS.ProcessEnv): string {
  return join(env['XDG_DATA_HOME'] || join(homedir(), '.local/share'), 'stepscope');
}

function readKey(flags: GlobalFlags, env: NodeJS.ProcessEnv, configured: string | undefined): string {
  if (flags.key !== undefined) return readSecret(flags.key, '--key');
  const key = env['STEPSCOPE_KEY'];
  if (key) return key;
  if (configured !== undefined) return readSecret(configured, 'key in the config file');
  throw new UserError('usage', 'a backend elsewhere needs a key', { hint: 'Give --key env:NAME, or set STEPSCOPE_KEY.' });
}

/** An http(s) address without a slash at its end. */
export function readUrl(url: string, place: string): string {
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new UserError('usage', `${place}: "${url}" is not an http(s) address`, { hint: 'For example http://127.0.0.1:8000.' });
  }
  return url.replace(/\/+$/, '');
}

/** Flags before the environment before the config file. What was said for this call must be there; what the config file names is looked at when the terminal opens, as most commands need neither. */
function readTerminal(flags: GlobalFlags, env: NodeJS.ProcessEnv, config: ConfigFile): GivenSettings {
  const file = configFile(env);
  const { theme, keys, ascii, colors, timeFormat, lowBandwidth, showBytes, screenReader, logLines } = config;
  const given = mergeSettings(file, [
    { values: configuredSettings({ theme, keys, ascii, colors, timeFormat, lowBandwidth, showBytes, screenReader, logLines }), originOf: () => 'config file' },
    {
      values: {
        theme: env['STEPSCOPE_THEME'] || undefined, preset: env['STEPSCOPE_KEY_PRESET'] || undefined, ascii: env['STEPSCOPE_ASCII'] ? true : undefined,
        lowBandwidth: readSwitch(env['STEPSCOPE_LOW_BANDWIDTH'], 'STEPSCOPE_LOW_BANDWIDTH'), screenReader: readSwitch(env['STEPSCOPE_SCREEN_READER'], 'STEPSCOPE_SCREEN_READER'),
        logLines: readLogLines(env['STEPSCOPE_LOG_LINES']),
      },
      originOf: (name) => environmentNames[name] ?? name,
    },
    { values: { theme: flags.theme, preset: flags.keyPreset, ascii: flags.ascii, lowBandwidth: flags.lowBandwidth, screenReader: flags.screenReader }, originOf: (name) => flagNames[name] ?? name },
  ]);
  const names = themeNames(themesFolder(file));
  const chosen = given.values.theme;
  if (chosen !== undefined && given.origins.theme !== 'config file' && !names.includes(chosen)) {
    throw new UserError('usage', `${given.origins.theme}: no theme "${chosen}"`, { hint: didYouMean(chosen, names) ?? `There are ${names.join(', ')}.` });
  }
  const { preset } = given.values;
  if (preset !== undefined && given.origins.preset !== 'config file' && !presetNames.includes(preset)) {
    throw new UserError('usage', `${given.origins.preset}: no keys "${preset}"`, { hint: didYouMean(preset, presetNames) ?? `There are ${presetNames.join(', ')}.` });
  }
  return given;
}

/** What the terminal needs to know of them, and how it keeps changes. */
export function terminalSettings({ terminal }: Settings): TuiSettings {
  return { given: terminal, themesFolder: themesFolder(terminal.file), save: (change) => changeConfigFile(terminal.file, change) };
}

/** A person's own themes are beside the config file. */
function themesFolder(file: string): string {
  return join(dirname(file), 'themes');
}

const environmentNames: Readonly<Partial<Record<keyof SettingValues, string>>> = {
  theme: 'STEPSCOPE_THEME', preset: 'STEPSCOPE_KEY_PRESET', ascii: 'STEPSCOPE_ASCII', lowBandwidth: 'STEPSCOPE_LOW_BANDWIDTH', screenReader: 'STEPSCOPE_SCREEN_READER', logLines: 'STEPSCOPE_LOG_LINES',
};
const flagNames: typeof environmentNames = { theme: '--theme', preset: '--key-preset', ascii: '--ascii', lowBandwidth: '--low-bandwidth', screenReader: '--screen-reader' };

/** Where the config file is, or would be. */
function configFile(env: NodeJS.ProcessEnv): string {
  return resolve(env['STEPSCOPE_CONFIG'] || join(configFolder(env), 'config.json'));
}

function readPort(text: string | undefined): number | undefined {
  return text === undefined || text === '' ? undefined : parsePort(text, 'STEPSCOPE_PORT');
}

/** A TCP port as a person wrote it; 0 means any. */
export function parsePort(text: string, place: string): number {
  const port = Number(text);
  if (text.trim() === '' || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new UserError('usage', `${place}: "${text}" is not a port`, { hint: 'A port is a number from 0 (any) to 65535.' });
  }
  return port;
}

interface ReadConfig {
  readonly config: ConfigFile;
  readonly problems: readonly string[];
}

function readConfigFile(env: NodeJS.ProcessEnv, isLenient: boolean): ReadConfig {
  const path = configFile(env);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((!env['STEPSCOPE_CONFIG'] || isLenient) && (error as NodeJS.ErrnoException).code === 'ENOENT') return { config: {}, problems: [] };
    throw new UserError('usage', `cannot read the config file ${path}: ${(error as Error).message}`, { cause: error });
  }
  if (!isLenient) return { config: parseConfig(path, text), problems: [] };
  try {
    return soundPart(path, configObject(path, text));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { config: {}, problems: [[error.message, error.hint].filter(Boolean).join('. ')] };
  }
}

function parseConfig(path: string, text: string): ConfigFile {
  const parsed = ConfigFile.safeParse(configObject(path, text));
  if (parsed.success) return parsed.data;
  throw configError(path, parsed.error);
}

/** What stands in the file, whatever it is called. Throws `usage` with the place where it stops being JSON. */
function configObject(path: string, text: string): Record<string, unknown> {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    const { offset, message } = jsonProblem(text, error);
    throw new UserError('usage', `config file ${path} is not JSON: line ${text.slice(0, offset).split('\n').length}: ${message}`, { hint: 'It stays untouched. Comments and trailing commas are not JSON.', cause: error });
  }
  if (typeof found === 'object' && found !== null && !Array.isArray(found)) return found as Record<string, unknown>;
  throw new UserError('usage', `config file ${path} is no JSON object`, { hint: 'It stays untouched. `{}` is one without any setting.' });
}

function configError(path: string, error: z.ZodError): UserError {
  const problems = error.issues.map((issue) => `${issue.path.join('.') || 'the whole'}: ${issue.message}`);
  const unknown = error.issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : []))[0];
  return new UserError('usage', `config file ${path}: ${problems.join('; ')}`, { hint: unknown === undefined ? undefined : didYouMean(unknown, Object.keys(ConfigFile.shape)) });
}

/** The config without the entries that cannot be, and what is wrong with those. */
function soundPart(path: string, found: Record<string, unknown>): ReadConfig {
  const parsed = ConfigFile.safeParse(found);
  if (parsed.success) return { config: parsed.data, problems: [] };
  const sound = structuredClone(found);
  for (const issue of parsed.error.issues) {
    const places = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
    for (const place of places) removeAt(sound, place.slice(0, BINDING_DEPTH));
  }
  const error = configError(path, parsed.error);
  return { config: ConfigFile.parse(sound), problems: [[error.message, error.hint].filter(Boolean).join('. ')] };
}

/** An entry of `keys.bindings` is the deepest that stands for itself. */
const BINDING_DEPTH = 3;

function removeAt(from: Record<string, unknown>, [name, ...rest]: readonly PropertyKey[]): void {
  if (name === undefined) return;
  const below = from[String(name)];
  if (rest.length === 0 || typeof below !== 'object' || below === null) delete from[String(name)];
  else removeAt(below as Record<string, unknown>, rest);
}

/**
 * Writes a change into the config file, which is read anew for it; what else stands there stays, known or not. The file is
 * replaced whole, readable by its owner only. Throws `usage` when what is there cannot be read: nothing of it is lost.
 */
export function changeConfigFile(path: string, change: SettingChange): void {
  let text: string | undefined;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw new UserError('usage', `cannot read the config file ${path}: ${(error as Error).message}`, { cause: error });
  }
  replaceFile(path, `${JSON.stringify(changedConfig(text === undefined ? {} : configObject(path, text), change), null, 2)}\n`);
}

/** The file at the end of a link is replaced, not the link: people keep their config elsewhere. The folder may be anybody's. */
function replaceFile(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const target = existsSync(path) ? realpathSync(path) : path;
    const temporary = `${target}.${process.pid}.tmp`;
    writeFileSync(temporary, text, { mode: 0o600 });
    renameSync(temporary, target);
  } catch (error) {
    throw new UserError('unavailable', `cannot write the config file ${path}: ${(error as Error).message}`, { cause: error });
  }
}
