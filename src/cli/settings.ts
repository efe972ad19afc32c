import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { didYouMean } from '../core/closest.ts';
import { UserError } from '../protocol/error.ts';
import { themeNames } from '../tui/output/themes.ts';
import { readSecret } from './secret.ts';

/** What may stand in the config file. Secrets stand there as `env:NAME` or `@file`. */
const ConfigFile = z.strictObject({
  dataDir: z.string().optional(),
  url: z.url().optional(),
  key: z.string().optional(),
  theme: z.string().optional(),
  ascii: z.boolean().optional(),
  port: z.int().min(0).max(65_535).optional(),
});

/** Flags that every command takes. */
export interface GlobalFlags {
  readonly dataDir?: string;
  readonly url?: string;
  readonly key?: string;
  readonly theme?: string;
  readonly ascii?: boolean;
  readonly json?: boolean;
}

/** What config file, environment and flags add up to; a later one wins. */
export interface Settings {
  readonly dataDir: string;
  /** A backend elsewhere, instead of the local one. */
  readonly remote: { readonly url: string; readonly key: string } | undefined;
  readonly theme: string | undefined;
  readonly ascii: boolean | undefined;
  /** The port the local backend should listen on. */
  readonly port: number | undefined;
}

/** Reads the settings. Each error names the place the value came from. */
export function readSettings(flags: GlobalFlags, env: NodeJS.ProcessEnv = process.env): Settings {
  const config = readConfigFile(env);
  const url = flags.url ?? env['STEPSCOPE_URL'] ?? config.url;
  return {
    dataDir: resolve(flags.dataDir ?? (env['STEPSCOPE_DATA_DIR'] || (config.dataDir ?? defaultDataDir(env)))),
    remote: url === undefined ? undefined : { url: readUrl(url, flags.url === undefined ? 'STEPSCOPE_URL' : '--url'), key: readKey(flags, env, config.key) },
    theme: readTheme(flags.theme, '--theme') ?? readTheme(env['STEPSCOPE_THEME'], 'STEPSCOPE_THEME') ?? readTheme(config.theme, 'theme in the config file'),
    ascii: flags.ascii ?? (env['STEPSCOPE_ASCII'] ? true : config.ascii),
    port: readPort(env['STEPSCOPE_PORT']) ?? config.port,
  };
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

function readUrl(url: string, place: string): string {
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
  const path = env['STEPSCOPE_CONFIG'] || join(env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'stepscope/config.json');
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
