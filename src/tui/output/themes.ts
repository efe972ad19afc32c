import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { didYouMean } from '../../core/closest.ts';
import { UserError } from '../../protocol/error.ts';
import { ThemeFile, TokenStyle, tokenNames, type Theme, type Token } from './theme.ts';

// `themes/` stands beside `src/` and beside `dist/`.
const shipped = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../../../themes/' : '../themes/', import.meta.url));

/** Own themes that are read; more are not listed. */
const MAX_OWN_THEMES = 100;
/** A theme is a page of JSON. */
const MAX_THEME_BYTES = 64 * 1024;
/** Themes that one may stand on, one after the other. */
const MAX_EXTENDS = 8;

/** A theme that can be chosen, or why it cannot. */
export interface KnownTheme {
  readonly name: string;
  /** A person's own file; undefined for those that come with the program. */
  readonly file: string | undefined;
  readonly theme: Theme | undefined;
  readonly problem: string | undefined;
}

/** Names of the themes that come with the program and of those in `own`, a person's folder. */
export function themeNames(own?: string): readonly string[] {
  return [...new Set([...namesIn(shipped), ...(own === undefined ? [] : namesIn(own).slice(0, MAX_OWN_THEMES))])].toSorted();
}

/**
 * Reads a theme; a person's own goes before one of the same name that comes with the program. Throws `usage`: an unknown
 * name with the closest one, a file that does not fit with the file, the place in it and what is wrong there.
 */
export function loadTheme(name: string, own?: string): Theme {
  return resolve(name, own, []);
}

/** All themes, those that cannot be used with the reason. */
export function readThemes(own?: string): readonly KnownTheme[] {
  return themeNames(own).map((name) => {
    const file = own !== undefined && namesIn(own).includes(name) ? join(own, `${name}.json`) : undefined;
    try {
      return { name, file, theme: loadTheme(name, own), problem: undefined };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { name, file, theme: undefined, problem: error.hint === undefined ? error.message : `${error.message}. ${error.hint}` };
    }
  });
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((file) => file.endsWith('.json')).map((file) => basename(file, '.json')).toSorted();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw new UserError('usage', `cannot read the themes in ${folder}: ${(error as Error).message}`, { cause: error });
  }
}

function resolve(name: string, own: string | undefined, below: readonly string[]): Theme {
  // A theme that stands on one of its own name means the one that comes with the program.
  const isOwn = own !== undefined && below.at(-1) !== name && namesIn(own).includes(name);
  if (!isOwn && !namesIn(shipped).includes(name)) {
    const known = themeNames(own);
    const near = didYouMean(name, known);
    throw new UserError('usage', below.length === 0 ? `no theme "${name}"` : `theme ${below.at(-1)}, extends: no theme "${name}"`, { hint: `${near === undefined ? '' : `${near} `}There are ${known.join(', ')}.` });
  }
  const file = isOwn ? join(own, `${name}.json`) : join(shipped, `${name}.json`);
  const given = readThemeFile(file);
  if (below.length > MAX_EXTENDS || (below.includes(name) && isOwn)) throw new UserError('usage', `theme ${file}, extends: ${[...below, name].join(' extends ')}, which never ends`, { hint: 'Let one of them extend dark or light.' });
  const base = given.extends === undefined ? undefined : resolve(given.extends, own, [...below, name]);
  const missing = base === undefined ? tokenNames.filter((token) => given.tokens[token] === undefined) : [];
  if (missing.length > 0) throw new UserError('usage', `theme ${file}, tokens: ${missing.slice(0, 3).join(', ')}${missing.length > 3 ? ` and ${missing.length - 3} more are` : ' is'} missing`, { hint: 'With "extends": "dark" it need not name them all.' });
  const tokens = { ...base?.tokens, ...given.tokens } as Record<Token, TokenStyle>;
  return { name, about: given.about ?? base?.about ?? '', tokens };
}

/** The file as it stands, checked but for what it stands on. */
function readThemeFile(file: string): ThemeFile {
  let json: unknown;
  try {
    const text = readFileSync(file, 'utf8');
    if (text.length > MAX_THEME_BYTES) throw new UserError('usage', `theme ${file} is larger than ${MAX_THEME_BYTES / 1024} KB`);
    json = JSON.parse(text);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError('usage', `theme ${file} is not JSON: ${(error as Error).message}`, { hint: 'Comments and trailing commas are not JSON.', cause: error });
  }
  // Those that come with the program have a test, and checking them would hold up every start.
  if (file.startsWith(shipped)) return json as ThemeFile;
  const parsed = ThemeFile.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const [unknown] = issue.code === 'unrecognized_keys' ? issue.keys : [];
    if (unknown === undefined) throw new UserError('usage', `theme ${file}, ${issue.path.join('.') || 'the whole'}: ${issue.message}`);
    const known = issue.path[0] === 'tokens' ? Object.keys(TokenStyle.shape) : Object.keys(ThemeFile.shape);
    throw new UserError('usage', `theme ${file}, ${[...issue.path, unknown].join('.')}: nothing is called that there`, { hint: didYouMean(unknown, known) ?? `There are ${known.join(', ')}.` });
  }
  const stranger = Object.keys(parsed.data.tokens).find((token) => !(tokenNames as readonly string[]).includes(token));
  if (stranger !== undefined) throw new UserError('usage', `theme ${file}, tokens.${stranger}: no such token`, { hint: didYouMean(stranger, tokenNames) ?? `There are ${tokenNames.join(', ')}.` });
  return parsed.data;
}
