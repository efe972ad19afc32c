import { UserError } from '../../protocol/error.ts';
import { pointerTokens } from '../json-diff.ts';

/** A part of a value, by its tokens from the top. */
type Matcher = (tokens: readonly string[]) => boolean;

/** Patterns people give at once; each is tried at every part of a value. */
const MOST_GLOBS = 100;

// One line each: the globs would end a block comment.
// Does any of these globs match a path? `*` is one key or index, or a part of one; `**` any number of them, none
// included: `/created_at`, `/items/*/id`, `**/id`. One without a `/` in front means it at any depth.
// Throws `usage` for a glob that is empty or has brackets (of those a `*` takes the place), and for more than a hundred.
export function pathMatcher(globs: readonly string[]): Matcher {
  if (globs.length > MOST_GLOBS) throw new UserError('usage', `${globs.length} paths to ignore are more than ${MOST_GLOBS}`);
  const patterns = globs.map((glob) => {
    if (glob === '' || glob === '/') throw new UserError('usage', 'a path to ignore is empty', { hint: 'Give one like /created_at or **/id' });
    if (/[[\]]/.test(glob)) throw new UserError('usage', `path to ignore "${glob}": brackets match nothing`, { hint: 'Give one like /items/0/id, or with * for any part of it' });
    return pointerTokens(glob.startsWith('/') ? glob : glob.startsWith('**/') ? `/${glob}` : `/**/${glob}`).map(tokenPattern);
  });
  if (patterns.length === 0) return () => false;
  return (tokens) => patterns.some((pattern) => matches(pattern, tokens));
}

type TokenPattern = '**' | ((token: string) => boolean);

function tokenPattern(token: string): TokenPattern {
  if (token === '**') return '**';
  if (!token.includes('*')) return (other) => other === token;
  const [head, ...rest] = token.split('*');
  return (other) => {
    if (!other.startsWith(head!)) return false;
    let at = head!.length;
    for (const [i, part] of rest.entries()) {
      if (i === rest.length - 1) return other.length - part.length >= at && other.endsWith(part);
      const found = other.indexOf(part, at);
      if (found === -1) return false;
      at = found + part.length;
    }
    return true;
  };
}

/** Row by row, so that many `**` cost no more than pattern times path. */
function matches(pattern: readonly TokenPattern[], tokens: readonly string[]): boolean {
  let reached: boolean[] = [true, ...tokens.map(() => false)];
  for (const part of pattern) {
    const next = tokens.map(() => false);
    const now = [false, ...next];
    for (let i = 0; i <= tokens.length; i++) {
      if (part === '**') now[i] = reached[i]! || (i > 0 && now[i - 1]!);
      else if (i > 0) now[i] = reached[i - 1]! && part(tokens[i - 1]!);
    }
    reached = now;
  }
  return reached[tokens.length]!;
}
