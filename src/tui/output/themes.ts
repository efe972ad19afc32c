import { readdirSync, readFileSync } from 'node:fs';
import { UserError } from '../../protocol/error.ts';
import { didYouMean } from '../../core/closest.ts';
import { Theme } from './theme.ts';

// `themes/` stands beside `src/` and beside `dist/`.
const directory = new URL(import.meta.url.endsWith('.ts') ? '../../../themes/' : '../themes/', import.meta.url);

export function themeNames(): readonly string[] {
  return readdirSync(directory).filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length)).toSorted();
}

/** Reads a theme from `themes/`. An unknown name is a `usage` error that names the closest one; a file that does not fit names the place. */
export function loadTheme(name: string): Theme {
  const known = themeNames();
  if (!known.includes(name)) {
    
    throw new UserError('usage', `There is no theme "${name}".`, {
      hint: `${didYouMean(name, known) ?? ''} Themes: ${known.join(', ')}`,
    });
  }
  const parsed = Theme.safeParse(JSON.parse(readFileSync(new URL(`${name}.json`, directory), 'utf8')));
  if (parsed.success) return parsed.data;
  const [problem] = parsed.error.issues;
  throw new UserError('usage', `themes/${name}.json, ${problem?.path.join('.') || 'top level'}: ${problem?.message ?? 'not a theme'}`);
}
