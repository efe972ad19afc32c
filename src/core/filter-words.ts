import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';

/** How a field of a filter is compared. `:` is `=` in a loose way: each grammar says what it means there. */
export type FilterOperator = '=' | '!=' | '>=' | '<=' | '>' | '<' | '~' | ':';

/** Where in the text a filter went wrong, for a caret beneath it. */
export class FilterError extends UserError {
  /** Index into the text. */
  readonly position: number;

  constructor(message: string, position: number, hint?: string) {
    super('usage', `${message} (at character ${position + 1})`, { hint });
    this.position = position;
  }
}

/** One piece of a filter: `level>=warn`, `-"timeout"`. */
export interface FilterWord {
  readonly negated: boolean;
  /** The name of a field, as it was typed, and how it is compared; neither for a bare word. */
  readonly name?: string | undefined;
  readonly operator?: FilterOperator | undefined;
  readonly value: string;
  readonly isQuoted: boolean;
  /** A regular expression, that stood between slashes. */
  readonly isPattern: boolean;
  /** Where the piece, and where its value begins. */
  readonly position: number;
  readonly valueAt: number;
}

/** The pieces of a filter, which all grammars have in common. Throws {@link FilterError}. */
export function filterWords(source: string): readonly FilterWord[] {
  if (source.length > limits.filterLength) throw new FilterError(`a filter has at most ${limits.filterLength} characters`, limits.filterLength);
  const words: FilterWord[] = [];
  const token = /\s*([-!]?)(?:([A-Za-z_]+)(>=|<=|!=|=|>|<|:|~))?(?:"((?:[^"\\]|\\.)*)("?)|([^\s"]+))?/y;
  // Up to a slash that ends a word: paths have slashes within, and in quotes they may end in one.
  const slashed = /\s*([-!]?)\/((?:[^\\/]|\\.|\/(?!\s|$))+)\/(?=\s|$)/y;
  let at = 0;
  while (source.slice(at).trim() !== '') {
    slashed.lastIndex = at;
    const pattern = slashed.exec(source);
    if (pattern !== null) {
      const valueAt = at + pattern[0].length - pattern[2]!.length - 1;
      words.push({ negated: pattern[1] !== '', value: pattern[2]!, isQuoted: false, isPattern: true, position: valueAt - 1 - pattern[1]!.length, valueAt });
      at = slashed.lastIndex;
      continue;
    }
    token.lastIndex = at;
    const match = token.exec(source);
    if (match === null || match[0].trim() === '') throw new FilterError(`"${source.slice(at).trim()}" is not understood`, at);
    const position = at + (match[0].length - match[0].trimStart().length);
    const [, sign = '', name, operator, quoted, end, bare] = match;
    if (quoted !== undefined && end === '') throw new FilterError('a quote is not closed', source.indexOf('"', position));
    const value = quoted === undefined ? bare : quoted.replaceAll(/\\(.)/g, '$1');
    if (name === undefined && value === undefined) throw new FilterError(`${sign} stands alone`, position);
    if (name !== undefined && (value === undefined || value === '')) throw new FilterError(`${name} has no value`, position + match[0].trim().length);
    words.push({
      negated: sign !== '',
      name,
      operator: operator as FilterOperator | undefined,
      value: value ?? '',
      isQuoted: quoted !== undefined,
      isPattern: false,
      position,
      valueAt: position + sign.length + (name?.length ?? 0) + (operator?.length ?? 0),
    });
    at = token.lastIndex;
  }
  return words;
}

/** Is `value` on the asked side of `bound`? */
export function isOnSide(value: number, operator: FilterOperator, bound: number): boolean {
  switch (operator) {
    case '=':
    case ':':
    case '~':
      return value === bound;
    case '!=':
      return value !== bound;
    case '>=':
      return value >= bound;
    case '<=':
      return value <= bound;
    case '>':
      return value > bound;
    case '<':
      return value < bound;
  }
}
