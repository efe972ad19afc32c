import { lstatSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { MaskRules } from '../core/mask.ts';
import { UserError } from '../protocol/error.ts';
import { StateFile } from '../protocol/state-file.ts';

/** How trackers of this process reach a backend and what they mask. */
export interface TrackerConfiguration {
  /** Address of the backend: `http://127.0.0.1:8000`, `https://….supabase.co`. */
  readonly url?: string | undefined;
  /** A secret key of it. Keep it out of source code: `process.env.…`. */
  readonly key?: string | undefined;
  /** Where the local backend keeps its files, and where rows wait while nobody answers. */
  readonly dataDir?: string | undefined;
  /** Masking rules besides the built-in ones. */
  readonly mask?: MaskRules | undefined;
  /** Told what a person should know: nothing is recorded, rows were lost. Default: a line on standard error. */
  readonly onTrouble?: ((what: string) => void) | undefined;
}

/** A backend and the key to it. */
export interface Target {
  readonly url: string;
  readonly secretKey: string;
}

let configuration: TrackerConfiguration = {};
const told = new Set<string>();

/** Sets how trackers made from now on reach a backend. What is not given comes from the environment, then from the running local backend. */
export function configure(change: TrackerConfiguration): void {
  if (change.url !== undefined && !URL.canParse(change.url)) throw new UserError('usage', `configure: "${change.url}" is not a URL`);
  configuration = { ...configuration, ...change };
}

export function currentConfiguration(): TrackerConfiguration {
  return configuration;
}

/** The data directory: as configured, `STEPSCOPE_DATA_DIR`, or the user's. */
export function dataDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return configuration.dataDir ?? (env['STEPSCOPE_DATA_DIR'] || join(env['XDG_DATA_HOME'] || join(homedir(), '.local/share'), 'stepscope'));
}

/**
 * The backend to record to: as configured, else `STEPSCOPE_URL` and `STEPSCOPE_KEY`, else the local one
 * that is running, by its state file. Or the reason why there is none.
 */
export function findTarget(env: NodeJS.ProcessEnv = process.env): Target | { readonly missing: string } {
  if (configuration.url !== undefined && configuration.key !== undefined) return { url: configuration.url, secretKey: configuration.key };
  const [url, key] = [configuration.url ?? env['STEPSCOPE_URL'], configuration.key ?? env['STEPSCOPE_KEY']];
  if (url && key) return URL.canParse(url) ? { url, secretKey: key } : { missing: `STEPSCOPE_URL is not a URL` };
  if (url || key)
    return { missing: url ? 'STEPSCOPE_URL is set, but STEPSCOPE_KEY is not' : 'STEPSCOPE_KEY is set, but STEPSCOPE_URL is not' };

  const file = join(dataDirectory(env), 'backend.json');
  try {
    const status = lstatSync(file);
    // A file that others can read or write is nobody's word on where to send data.
    if (!status.isFile() || (status.mode & 0o077) !== 0 || (process.getuid !== undefined && status.uid !== process.getuid())) {
      return { missing: `${file} is not private to you (it must be yours, with mode 0600)` };
    }
    const state = StateFile.parse(JSON.parse(readFileSync(file, 'utf8')));
    return isAlive(state.pid) ? { url: state.url, secretKey: state.secretKey } : { missing: 'no local backend is running' };
  } catch (error) {
    return { missing: (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no local backend is running' : `${file} cannot be read` };
  }
}

/** Tells a trouble once. Not telling it must never cost the program that is traced its life. */
export function tellTrouble(what: string): void {
  if (told.has(what)) return;
  told.add(what);
  try {
    if (configuration.onTrouble !== undefined) configuration.onTrouble(what);
    else process.stderr.write(`stepscope: ${what}\n`);
  } catch {
    // Nobody left to tell.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
