import { RE2JS } from 're2js';
import type { Json, JsonObject } from '../protocol/json.ts';
import { limits } from '../protocol/limits.ts';
import { fieldsOf, spell } from './expression.ts';
import type { BinarySign, Expression, ExpressionNode, FunctionName, ScopeName } from './expression.ts';
import { isLongPattern } from './linear-pattern.ts';
import { isObject } from './value-tags.ts';

/** What the names of an expression stand for, in the encoding of snapshots. Asked for only when they are named. */
export type Scope = (name: ScopeName) => Json | undefined;

/**
 * What came of an expression. `none`: it asks for something that is not there, or compares what cannot be
 * compared. `stopped`: it took longer than {@link limits.expressionSteps}.
 */
export type Outcome =
  | { readonly kind: 'value'; readonly value: Json }
  | { readonly kind: 'none' | 'stopped'; readonly why: string };

/** Longest value in the words of a reason. */
const SHORT = 60;
/** Characters of text that count as one step. */
const CHARACTERS_A_STEP = 16;

/** No value; says what is missing. */
class None {
  readonly why: string;
  constructor(why: string) {
    this.why = why;
  }
}
class Stopped extends Error {}

interface Turn {
  readonly scope: Scope;
  readonly seen: Map<string, Json | None>;
  readonly patterns: Map<string, RE2JS | None>;
  left: number;
}
type Names = ReadonlyMap<string, Json>;
type Value = Json | None;

/**
 * Evaluates an expression, always within milliseconds. Never throws.
 *
 * Numbers are those of JSON, so `7 / 2` is 3.5. A field that is missing is no value, and what is made of no value is
 * none, except where the other side of `&&` or `||` decides; items without it do not match.
 */
export function evaluate(expression: Expression, scope: Scope, steps: number = limits.expressionSteps): Outcome {
  const turn: Turn = { scope, seen: new Map(), patterns: new Map(), left: steps };
  try {
    const value = run(expression.root, new Map(), turn);
    return value instanceof None ? { kind: 'none', why: value.why } : { kind: 'value', value };
  } catch (error) {
    if (error instanceof Stopped) return { kind: 'stopped', why: `it takes too long: ${error.message}` };
    throw error;
  }
}

/** The fields an expression asks for with their values, for a reason: `outputs.width = 4096, inputs.mode = "fast"`. */
export function explain(expression: Expression, scope: Scope, most = 3): string {
  const fields = fieldsOf(expression);
  const words = fields.slice(0, most).map((root) => {
    const outcome = evaluate({ source: expression.source, root }, scope);
    return `${spell(root)} = ${outcome.kind === 'value' ? shortly(outcome.value) : 'no value'}`;
  });
  return [...words, ...(fields.length > most ? ['…'] : [])].join(', ');
}

/** A value in a few characters: texts and numbers as they are, the rest by size. Costs the same for any value. */
export function shortly(value: Json): string {
  const parts = Array.isArray(value) ? value : isObject(value) ? Object.values(value) : undefined;
  if (parts === undefined) {
    const text = typeof value === 'string' ? JSON.stringify(value.slice(0, SHORT)) : JSON.stringify(value);
    return text.length <= SHORT ? text : `${text.slice(0, SHORT - 1)}…`;
  }
  const isSmall = parts.length <= 3 && parts.every((part) => typeof part !== 'object' && String(part).length < SHORT / 3);
  return isSmall ? JSON.stringify(value) : Array.isArray(value) ? `${value.length} items` : `{${parts.length} fields}`;
}

function spend(turn: Turn, steps = 1): void {
  turn.left -= steps;
  if (turn.left < 0) throw new Stopped(`more than ${limits.expressionSteps.toLocaleString('en')} steps`);
}

function run(node: ExpressionNode, names: Names, turn: Turn): Value {
  spend(turn);
  switch (node.op) {
    case 'value':
      return node.value;
    case 'name':
      return names.has(node.name) ? names.get(node.name)! : fromScope(node.name as ScopeName, turn);
    case 'member':
      return member(run(node.of, names, turn), run(node.at, names, turn), node);
    case 'has':
      return !(run(node.of, names, turn) instanceof None);
    case 'call': {
      const args = node.args.map((one) => run(one, names, turn));
      return args.find((one) => one instanceof None) ?? call(node.name, args as Json[], turn);
    }
    case 'each':
      return each(node, names, turn);
    case 'binary': {
      const left = run(node.left, names, turn);
      const right = run(node.right, names, turn);
      if (left instanceof None) return left;
      return right instanceof None ? right : binary(node.sign, left, right, turn);
    }
    case 'logic': {
      const decides = node.sign === '||';
      const left = truth(run(node.left, names, turn));
      if (left === decides) return decides;
      const right = truth(run(node.right, names, turn));
      if (right === decides) return decides;
      return left instanceof None ? left : right;
    }
    case 'not': {
      const of = truth(run(node.of, names, turn));
      return of instanceof None ? of : !of;
    }
    case 'minus': {
      const of = run(node.of, names, turn);
      if (of instanceof None || typeof of === 'number') return of instanceof None ? of : -of;
      return new None(`- ${shortly(of)} is no number`);
    }
    case 'if': {
      const condition = truth(run(node.condition, names, turn));
      return condition instanceof None ? condition : run(condition ? node.yes : node.no, names, turn);
    }
    case 'list': {
      const items = node.items.map((one) => run(one, names, turn));
      return items.find((one) => one instanceof None) ?? (items as Json[]);
    }
    case 'map': {
      const entries = node.entries.map(([key, value]) => [run(key, names, turn), run(value, names, turn)] as const);
      const none = entries.flat().find((one) => one instanceof None);
      return none ?? Object.fromEntries(entries.map(([key, value]) => [typeof key === 'string' ? key : JSON.stringify(key), value as Json]));
    }
  }
}

function fromScope(name: ScopeName, turn: Turn): Value {
  const seen = turn.seen.get(name);
  if (seen !== undefined) return seen;
  const value = turn.scope(name);
  const found = value === undefined ? new None(`there is no ${name} here`) : plain(value, name);
  turn.seen.set(name, found);
  return found;
}

function member(of: Value, at: Value, node: ExpressionNode): Value {
  if (of instanceof None) return of;
  if (at instanceof None) return at;
  const path = spell(node);
  const missing = () => new None(`${path.includes('…') ? `there is no ${shortly(at)}` : `${path} has no value`}`);
  if (Array.isArray(of)) {
    const item: Json | undefined = typeof at === 'number' && Number.isInteger(at) && at >= 0 ? of[at] : undefined;
    return item === undefined ? missing() : plain(item, path);
  }
  // Own fields only: what every object has is none of the pipeline's.
  if (!isObject(of) || typeof at !== 'string' || !Object.hasOwn(of, at)) return missing();
  return plain(of[at]!, path);
}

/** What JSON cannot say is tagged in snapshots: read as what it stands for, where there is something. */
function plain(value: Json, path: string): Value {
  if (!isObject(value)) return value;
  const keys = Object.keys(value);
  if (keys.length !== 1) return value;
  switch (keys[0]) {
    case '$date':
    case '$url':
    case '$secret':
      return value[keys[0]]!;
    case '$bigint':
      return Number(value['$bigint']);
    case '$undefined':
      return new None(`${path} has no value`);
    case '$truncated':
      return new None(`${path} was too large to be recorded`);
    default:
      return value;
  }
}

function truth(value: Value): boolean | None {
  if (typeof value === 'boolean' || value instanceof None) return value;
  return new None(`${shortly(value)} is neither true nor false`);
}

function each(node: Extract<ExpressionNode, { readonly op: 'each' }>, names: Names, turn: Turn): Value {
  const over = run(node.over, names, turn);
  if (over instanceof None) return over;
  if (!Array.isArray(over) && !isObject(over)) return new None(`${shortly(over)} has no items`);
  const items: readonly Json[] = Array.isArray(over) ? over : Object.keys(over);
  const within = new Map(names);
  const matches = (body: ExpressionNode, item: Json) => {
    spend(turn);
    within.set(node.variable, item);
    return truth(run(body, within, turn)) === true;
  };
  const [first, second] = node.body;
  if (first === undefined) return new None(`${node.macro} says nothing of its items`);
  switch (node.macro) {
    case 'all':
      return items.every((item) => matches(first, item));
    case 'exists':
      return items.some((item) => matches(first, item));
    case 'exists_one':
      return items.filter((item) => matches(first, item)).length === 1;
    case 'filter':
      return items.filter((item) => matches(first, item));
    case 'map': {
      const chosen = second === undefined ? items : items.filter((item) => matches(first, item));
      return chosen.map((item) => {
        within.set(node.variable, item);
        const made = run(second ?? first, within, turn);
        return made instanceof None ? null : made;
      });
    }
  }
}

function binary(sign: BinarySign, left: Json, right: Json, turn: Turn): Value {
  const unfit = () => new None(`${shortly(left)} ${sign} ${shortly(right)} makes no sense`);
  switch (sign) {
    case '==':
      return isEqual(left, right, turn);
    case '!=':
      return !isEqual(left, right, turn);
    case 'in':
      if (Array.isArray(right)) return right.some((item) => isEqual(item, left, turn));
      return isObject(right) && typeof left === 'string' ? Object.hasOwn(right, left) : unfit();
    case '<':
    case '<=':
    case '>':
    case '>=':
      if (!(typeof left === 'number' && typeof right === 'number') && !(typeof left === 'string' && typeof right === 'string')) return unfit();
      return sign === '<' ? left < right : sign === '<=' ? left <= right : sign === '>' ? left > right : left >= right;
    case '+':
      if (typeof left === 'string' && typeof right === 'string') return built(left.length + right.length, turn) ?? left + right;
      if (Array.isArray(left) && Array.isArray(right)) return built((left.length + right.length) * CHARACTERS_A_STEP, turn) ?? [...left, ...right];
      return typeof left === 'number' && typeof right === 'number' ? finite(left + right) : unfit();
    case '-':
    case '*':
    case '/':
    case '%':
      if (typeof left !== 'number' || typeof right !== 'number') return unfit();
      return finite(sign === '-' ? left - right : sign === '*' ? left * right : sign === '/' ? left / right : left % right);
  }
}

function finite(number: number): Value {
  return Number.isFinite(number) ? number : new None('the result is no number');
}

/** Pays for what an expression builds; refuses what is too large. */
function built(size: number, turn: Turn): undefined {
  if (size > limits.expressionTextLength) throw new Stopped(`it builds more than ${limits.expressionTextLength.toLocaleString('en')} characters`);
  spend(turn, Math.ceil(size / CHARACTERS_A_STEP));
  return undefined;
}

/** By value; the order of keys says nothing. */
function isEqual(left: Json, right: Json, turn: Turn): boolean {
  spend(turn);
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Array.isArray(left) || Array.isArray(right)) {
    return Array.isArray(left) && Array.isArray(right) && left.length === right.length && left.every((item, index) => isEqual(item, right[index]!, turn));
  }
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => Object.hasOwn(right, key) && isEqual((left as JsonObject)[key]!, (right as JsonObject)[key]!, turn));
}

function call(name: FunctionName, [of, with_]: readonly Json[], turn: Turn): Value {
  const unfit = () => new None(`${name}(${[of, with_].filter((one) => one !== undefined).map((one) => shortly(one!)).join(', ')}) makes no sense`);
  switch (name) {
    case 'size':
      if (typeof of === 'string' || Array.isArray(of)) return of.length;
      return isObject(of!) ? Object.keys(of).length : unfit();
    case 'string':
      return typeof of === 'object' ? unfit() : String(of);
    case 'int':
    case 'double': {
      const number = typeof of === 'number' ? of : typeof of === 'string' && of.trim() !== '' ? Number(of) : Number.NaN;
      if (!Number.isFinite(number)) return unfit();
      return name === 'int' ? Math.trunc(number) : number;
    }
    default:
      return typeof of === 'string' ? textCall(name, of, with_, turn) ?? unfit() : unfit();
  }
}

function textCall(name: Exclude<FunctionName, 'size' | 'string' | 'int' | 'double'>, of: string, other: Json | undefined, turn: Turn): Value | undefined {
  spend(turn, Math.ceil(of.length / CHARACTERS_A_STEP));
  if (name === 'lowerAscii') return of.toLowerCase();
  if (name === 'upperAscii') return of.toUpperCase();
  if (name === 'trim') return of.trim();
  if (typeof other !== 'string') return undefined;
  if (name === 'contains') return of.includes(other);
  if (name === 'startsWith') return of.startsWith(other);
  if (name === 'endsWith') return of.endsWith(other);
  const pattern = patternOf(other, turn);
  if (pattern instanceof None) return pattern;
  // Linear in the text for each of the pattern's places.
  spend(turn, of.length * Math.max(4, other.length));
  return pattern.matcher(of).find();
}

function patternOf(source: string, turn: Turn): RE2JS | None {
  const known = turn.patterns.get(source);
  if (known !== undefined) return known;
  // Repetitions of repetitions make a small pattern a large program.
  spend(turn, 500 + source.length * 50);
  let made: RE2JS | None;
  try {
    made =
      isLongPattern(source)
        ? new None(`the pattern ${shortly(source)} is too long`)
        : RE2JS.compile(source);
  } catch {
    made = new None(`${shortly(source)} is no regular expression`);
  }
  turn.patterns.set(source, made);
  return made;
}
