import { RE2JS } from 're2js';
import { UserError } from '../../protocol/error.ts';
import type { TableShape } from './catalog.ts';

/** One condition of a filter, `step_number=not.in.(1,2)`. */
export interface Condition {
  readonly column: string;
  readonly negated: boolean;
  readonly operator: Operator;
  /** One value; several for `in`. */
  readonly values: readonly string[];
}

const operators = ['eq', 'neq', 'lt', 'lte', 'gt', 'gte', 'in', 'like', 'ilike', 'is', 'match', 'imatch', 'isdistinct'] as const;
type Operator = (typeof operators)[number];

const maxFilterLength = 8_192;
const maxConditions = 20;
const maxListValues = 100;

/**
 * Reads the filter of a `postgres_changes` binding, `column=operator.value`, several joined by a comma. An
 * empty one has no conditions. Throws `usage` in words a person can act on.
 */
export function parseFilter(text: string): readonly Condition[] {
  if (text.length > maxFilterLength) throw new UserError('usage', `a filter has at most ${maxFilterLength} characters`);
  if (text.trim() === '') return [];
  const conditions = splitOutside(text).map(parseCondition);
  if (conditions.length > maxConditions) throw new UserError('usage', `a filter has at most ${maxConditions} conditions`);
  return conditions;
}

function parseCondition(part: string): Condition {
  const found = /^\s*([^=]+?)\s*=\s*(not\.)?([a-z]+)\.([\s\S]*)$/.exec(part.trimEnd());
  if (!found) throw new UserError('usage', `the filter "${part}" is not of the form column=operator.value`);
  const [, column, not, operator, value] = found as unknown as [string, string, string | undefined, string, string];
  if (!isOperator(operator))
    throw new UserError('usage', `unknown filter operator "${operator}"`, { hint: `Use one of ${operators.join(', ')}` });
  const condition = { column, negated: not !== undefined, operator, values: valuesOf(operator, value) };
  assertUsable(condition);
  return condition;
}

/**
 * The condition as SQL on a row of `shape`, whose alias is the table's name, so that Postgres decides what it
 * means for a type. `parameter` takes a value and answers with its place. Throws `usage` when there is no such column.
 */
export function conditionSql(
  { column, negated, operator, values }: Condition,
  shape: TableShape,
  parameter: (value: string) => string,
): string {
  const type = shape.types.get(column);
  if (type === undefined) throw new UserError('usage', `invalid column for filter ${column}`);
  const name = `${quoted(shape.name)}.${quoted(column)}`;
  const [first = ''] = values;
  const text = (value: string): string => `${parameter(value)}::text`;
  const typed = (value: string): string => `${text(value)}::${type}`;
  const sql = (): string => {
    switch (operator) {
      case 'eq':
      case 'neq':
      case 'lt':
      case 'lte':
      case 'gt':
      case 'gte':
        return `${name} ${comparisons[operator]} ${typed(first)}`;
      case 'in':
        return values.length === 0 ? 'false' : `${name} in (${values.map(typed).join(', ')})`;
      case 'isdistinct':
        return `${name} is distinct from ${first === 'null' ? 'null' : typed(first)}`;
      case 'is':
        return `${name} is ${truthWords.get(first.toLowerCase())}`;
      case 'like':
      case 'ilike':
      case 'match':
      case 'imatch':
        return `${name} ${patternOperators[operator]} ${text(first)}`;
    }
  };
  return negated ? `not (${sql()})` : `(${sql()})`;
}

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const comparisons = { eq: '=', neq: '<>', lt: '<', lte: '<=', gt: '>', gte: '>=' } as const;
const patternOperators = { like: 'like', ilike: 'ilike', match: '~', imatch: '~*' } as const;
const truthWords: ReadonlyMap<string, string> = new Map([
  ['null', 'null'],
  ['not_null', 'not null'],
  ['true', 'true'],
  ['false', 'false'],
  ['unknown', 'unknown'],
]);

const isOperator = (word: string): word is Operator => (operators as readonly string[]).includes(word);

/** Refuses what Postgres would only refuse, or take for ever over, once a row comes by. */
function assertUsable({ operator, values }: Condition): void {
  const [first = ''] = values;
  if (values.length > maxListValues) throw new UserError('usage', `"in" takes at most ${maxListValues} values`);
  if (operator === 'is' && !truthWords.has(first.toLowerCase()))
    throw new UserError('usage', `"is" takes ${[...truthWords.keys()].join(', ')}, not "${first}"`);
  if ((operator === 'like' || operator === 'ilike') && /(?<!\\)(\\\\)*\\$/.test(first))
    throw new UserError('usage', `the pattern "${first}" ends in the middle of an escape`);
  if (operator === 'match' || operator === 'imatch') assertLinear(first);
}

/** Postgres takes time linear in the text for what re2 takes, too: no references back, nothing that looks around. */
function assertLinear(pattern: string): void {
  try {
    RE2JS.compile(pattern);
  } catch (error) {
    throw new UserError('usage', `the pattern "${pattern}" is not a regular expression that can be used here`, { cause: error });
  }
}

function valuesOf(operator: Operator, value: string): readonly string[] {
  if (operator !== 'in') return [unquote(value)];
  const list = /^\(([\s\S]*)\)$/.exec(value.trim());
  if (!list) throw new UserError('usage', `"in" takes a list in parentheses, as in.(1,2), not "${value}"`);
  if (list[1]!.trim() === '') return [];
  return splitOutside(list[1]!).map((part) => unquote(part.trim()));
}

function unquote(text: string): string {
  return /^"(?:[^"\\]|\\[\s\S])*"$/.test(text) ? text.slice(1, -1).replaceAll(/\\([\s\S])/g, '$1') : text;
}

/** Splits at the commas that stand outside of quotes and parentheses. A quote opens where a value begins. */
function splitOutside(text: string): readonly string[] {
  const parts: string[] = [];
  let [start, depth, isQuoted] = [0, 0, false];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (isQuoted) {
      if (character === '\\') at += 1;
      else if (character === '"') isQuoted = false;
    } else if (character === '"' && (at === start || '.(,'.includes(text[at - 1]!))) isQuoted = true;
    else if (character === '(') depth += 1;
    else if (character === ')') depth = Math.max(0, depth - 1);
    else if (depth === 0 && character === ',') {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...parts, text.slice(start)];
}
