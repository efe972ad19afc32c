import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { didYouMean } from '../core/closest.ts';
import { UserError } from '../protocol/error.ts';
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
  theme: z.string().optional(),
  ascii: z.boolean().optional(),
  port: z.int().min(0).max(65_535).optional(),
});

/** Flags that every command takes. */
export interface GlobalFlags {
  readonly dataDir?: string;
  readonly url?: string;
  readonly key?: string;
  readonly profile?: string;
  readonly readOnly?: boolean;
  readonly theme?: string;
  readonly ascii?: boolean;
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
  readonly theme: string | undefined;
  readonly ascii: boolean | undefined;
  /** The port the local backend should listen on. */
  readonly port: number | undefined;
}

/** Reads the settings. Each error names the place the value came from. */
export function readSettings(flags: GlobalFlags, env: NodeJS.ProcessEnv = process.env, options: { readonly withoutBackend?: boolean } = {}): Settings {
  const config = readConfigFile(env);
  const remote = options.withoutBackend === true ? undefined : readRemote(flags, env, config);
  const isReadOnly = flags.readOnly ?? readSwitch(env['STEPSCOPE_READ_ONLY'], 'STEPSCOPE_READ_ONLY') ?? config.readOnly ?? false;
  return {
    dataDir: resolve(flags.dataDir ?? (env['STEPSCOPE_DATA_DIR'] || (config.dataDir ?? defaultDataDir(env)))),
    remote,
    profile: remote?.profile ?? flags.profile ?? (env['STEPSCOPE_PROFILE'] || config.profile),
    // A profile can only be narrowed: who made it read-only meant every program that uses it.
    readOnly: isReadOnly || (remote?.profile !== undefined && profileOf(env, remote.profile).readOnly),
    theme: readTheme(flags.theme, '--theme') ?? readTheme(env['STEPSCOPE_THEME'], 'STEPSCOPE_THEME') ?? readTheme(config.theme, 'theme in the config file'),
    ascii: flags.ascii ?? (env['STEPSCOPE_ASCII'] ? true : config.ascii),
    port: readPort(env['STEPSCOPE_PORT']) ?? config.port,
  };
}

/** The first place that names a backend counts: flags, then environment, then config file. */
function readRemote(flags: GlobalFlags, env: NodeJS.ProcessEnv, config: z.infer<typeof ConfigFile>): Remote | undefined {
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

function readTheme(name: string | undefined, place: string): string | undefined {
  if (name === undefined || name === '') return undefined;
  const names = themeNames();
  if (names.includes(name)) return name;
  throw new UserError('usage', `${place}: no theme "${name}"`, { hint: didYouMean(name, names) ?? `There are ${names.join(', ')}.` });
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

function readConfigFile(env: NodeJS.ProcessEnv): z.infer<typeof ConfigFile> {
  const path = env['STEPSCOPE_CONFIG'] || join(configFolder(env), 'config.json');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (!env['STEPSCOPE_CONFIG'] && (error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new UserError('usage', `cannot read the config file ${path}: ${(error as Error).message}`, { cause: error });
  }
  try {
    const parsed = ConfigFile.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the whole'}: ${issue.message}`);
    throw new UserError('usage', `config file ${path}: ${problems.join('; ')}`);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError('usage', `config file ${path} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}
