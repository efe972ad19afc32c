import { RE2JS } from 're2js';
import type { JsonObject, Json } from '../../protocol/json.ts';
import { UserError } from '../../protocol/error.ts';

/** Does a row pass? */
export type RowFilter = (row: JsonObject) => boolean;

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

/**
 * Reads the filter of a `postgres_changes` binding, `column=operator.value`, several joined by a comma. Throws
 * `usage` in words a person can act on.
 */
export function parseFilter(text: string): readonly Condition[] {
  return splitOutside(text).map((part) => {
    const found = /^\s*([^=]+?)\s*=\s*(not\.)?([a-z]+)\.([\s\S]*)$/.exec(part);
    if (!found) throw new UserError('usage', `the filter "${part}" is not of the form column=operator.value`);
    const [, column, not, operator, value] = found as unknown as [string, string, string | undefined, string, string];
    if (!isOperator(operator))
      throw new UserError('usage', `unknown filter operator "${operator}"`, { hint: `Use one of ${operators.join(', ')}` });
    return { column, negated: not !== undefined, operator, values: valuesOf(operator, value) };
  });
}

/**
 * Makes the filter a function of rows. `types` are the Postgres types of the table's columns by name; a value
 * compares as its column would in SQL. A comparison with null is never true, negated or not.
 */
export function compileFilter(conditions: readonly Condition[], types: ReadonlyMap<string, string>): RowFilter {
  const tests = conditions.map((condition) => {
    const type = types.get(condition.column);
    if (type === undefined) throw new UserError('usage', `invalid column for filter ${condition.column}`);
    const test = compileTest(condition, type);
    return (row: JsonObject): boolean => {
      const answer = test(row[condition.column] ?? null);
      return answer !== undefined && answer !== condition.negated;
    };
  });
  return (row) => tests.every((test) => test(row));
}

/** Answers undefined where SQL answers null. */
type Test = (value: Json) => boolean | undefined;

function compileTest({ operator, values }: Condition, type: string): Test {
  const [first = ''] = values;
  const known =
    (test: (value: Exclude<Json, null>) => boolean): Test =>
    (value) =>
      value === null ? undefined : test(value);
  const order = comparator(type);
  switch (operator) {
    case 'eq':
      return known((value) => order(value, first) === 0);
    case 'neq':
      return known((value) => order(value, first) !== 0);
    case 'lt':
      return known((value) => order(value, first) < 0);
    case 'lte':
      return known((value) => order(value, first) <= 0);
    case 'gt':
      return known((value) => order(value, first) > 0);
    case 'gte':
      return known((value) => order(value, first) >= 0);
    case 'in':
      return known((value) => values.some((one) => order(value, one) === 0));
    case 'isdistinct':
      return (value) => (first === 'null' ? value !== null : value === null || order(value, first) !== 0);
    case 'is':
      return isTest(first);
    case 'like':
    case 'ilike': {
      const pattern = regex(likeAsRegex(first), operator === 'ilike');
      return known((value) => pattern.matches(asText(value)));
    }
    case 'match':
    case 'imatch': {
      const pattern = regex(first, operator === 'imatch');
      return known((value) => pattern.matcher(asText(value)).find());
    }
  }
}

function isTest(word: string): Test {
  switch (word.toLowerCase()) {
    case 'null':
    case 'unknown':
      return (value) => value === null;
    case 'not_null':
      return (value) => value !== null;
    case 'true':
      return (value) => value === true;
    case 'false':
      return (value) => value === false;
    default:
      throw new UserError('usage', `"is" takes null, not_null, true, false or unknown, not "${word}"`);
  }
}

/** Compares a stored value with the text of a filter: below zero, zero, above. NaN where neither is so. */
function comparator(type: string): (value: Exclude<Json, null>, text: string) => number {
  if (/^(int|float|numeric|oid)/.test(type)) return (value, text) => Number(value) - Number(text);
  if (/^(timestamp|date$)/.test(type)) return (value, text) => Date.parse(asText(value)) - Date.parse(text);
  if (type === 'bool') return (value, text) => Number(value) - Number(/^(t|true|1|yes|on)$/i.test(text));
  if (type === 'uuid') return (value, text) => byCodePoint(asText(value).toLowerCase(), text.toLowerCase());
  return (value, text) => byCodePoint(asText(value), text);
}

const byCodePoint = (left: string, right: string): number => Buffer.compare(Buffer.from(left), Buffer.from(right));
const asText = (value: Exclude<Json, null>): string => (typeof value === 'string' ? value : JSON.stringify(value));
const isOperator = (word: string): word is Operator => (operators as readonly string[]).includes(word);

/** A pattern that takes time linear in the text, whoever wrote it. */
function regex(source: string, ignoreCase: boolean): RE2JS {
  try {
    return RE2JS.compile(source, RE2JS.DOTALL | (ignoreCase ? RE2JS.CASE_INSENSITIVE : 0));
  } catch (error) {
    throw new UserError('usage', `the pattern "${source}" is not a regular expression`, { cause: error });
  }
}

/** `%` and `*` stand for any text, `_` for one character, a backslash takes the next one as it is. */
function likeAsRegex(pattern: string): string {
  return pattern.replaceAll(/\\([\s\S])|[%*]|_|[^%*_\\]+|\\$/g, (part, escaped?: string) => {
    if (escaped !== undefined) return RE2JS.quote(escaped);
    if (part === '%' || part === '*') return '.*';
    return part === '_' ? '.' : RE2JS.quote(part);
  });
}

function valuesOf(operator: Operator, value: string): readonly string[] {
  if (operator !== 'in') return [unquote(value)];
  const list = /^\(([\s\S]*)\)$/.exec(value.trim());
  if (!list) throw new UserError('usage', `"in" takes a list in parentheses, as in.(1,2), not "${value}"`);
  return splitOutside(list[1]!).map((part) => unquote(part.trim()));
}

function unquote(text: string): string {
  return /^"[\s\S]*"$/.test(text) ? text.slice(1, -1).replaceAll(/\\([\s\S])/g, '$1') : text;
}

/** Splits at the commas that stand outside of quotes and parentheses. */
function splitOutside(text: string): readonly string[] {
  const parts: string[] = [];
  let [start, depth, quoted] = [0, 0, false];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (quoted && character === '\\') at += 1;
    else if (character === '"') quoted = !quoted;
    else if (!quoted && character === '(') depth += 1;
    else if (!quoted && character === ')') depth -= 1;
    else if (!quoted && depth === 0 && character === ',') {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...parts, text.slice(start)];
}
