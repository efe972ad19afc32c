import { Environment, EvaluationError, ParseError, TypeError as CheckError } from '@marcbachmann/cel-js';
import type { ASTNode } from '@marcbachmann/cel-js';
import type { Json } from '../protocol/json.ts';
import { limits } from '../protocol/limits.ts';
import { didYouMean } from './closest.ts';
import { ExpressionError } from './expression-error.ts';

/** What an expression can speak of; `error` and `log` only where there is one. */
export const scopeNames = ['inputs', 'outputs', 'state', 'step', 'run', 'log', 'error'] as const;
export type ScopeName = (typeof scopeNames)[number];

export type BinarySign = '==' | '!=' | '<' | '<=' | '>' | '>=' | '+' | '-' | '*' | '/' | '%' | 'in';
export type Macro = 'all' | 'exists' | 'exists_one' | 'filter' | 'map';

/** A part of a parsed expression. `from` and `to` are its place in the text. */
export type ExpressionNode = { readonly from: number; readonly to: number } & (
  | { readonly op: 'value'; readonly value: Json }
  | { readonly op: 'name'; readonly name: string }
  | { readonly op: 'member'; readonly of: ExpressionNode; readonly at: ExpressionNode }
  | { readonly op: 'has'; readonly of: ExpressionNode }
  | { readonly op: 'call'; readonly name: FunctionName; readonly args: readonly ExpressionNode[] }
  | { readonly op: 'each'; readonly macro: Macro; readonly over: ExpressionNode; readonly variable: string; readonly body: readonly ExpressionNode[] }
  | { readonly op: 'binary'; readonly sign: BinarySign; readonly left: ExpressionNode; readonly right: ExpressionNode }
  | { readonly op: 'logic'; readonly sign: '&&' | '||'; readonly left: ExpressionNode; readonly right: ExpressionNode }
  | { readonly op: 'not' | 'minus'; readonly of: ExpressionNode }
  | { readonly op: 'if'; readonly condition: ExpressionNode; readonly yes: ExpressionNode; readonly no: ExpressionNode }
  | { readonly op: 'list'; readonly items: readonly ExpressionNode[] }
  | { readonly op: 'map'; readonly entries: readonly (readonly [ExpressionNode, ExpressionNode])[] }
);

/** Functions and how many arguments they take, the receiver counted: `size(x)` and `x.size()` are the same. */
const functions = {
  size: 1, string: 1, int: 1, double: 1, lowerAscii: 1, upperAscii: 1, trim: 1,
  contains: 2, startsWith: 2, endsWith: 2, matches: 2,
} as const;
export type FunctionName = keyof typeof functions;
const macros: readonly string[] = ['all', 'exists', 'exists_one', 'filter', 'map'] satisfies readonly Macro[];

/** A parsed expression. */
export interface Expression {
  readonly source: string;
  readonly root: ExpressionNode;
}

let madeEnvironment: Environment | undefined;

/** Made at the first expression: it takes long, and most starts see none. */
function environment(): Environment {
  return (madeEnvironment ??= scopeNames.reduce(
    (environment, name) => environment.registerVariable(name, 'dyn'),
    new Environment({
      homogeneousAggregateLiterals: false,
      limits: {
        maxAstNodes: limits.expressionParts,
        maxDepth: limits.expressionDepth,
        maxListElements: 100,
        maxMapEntries: 50,
        maxCallArguments: 4,
      },
    }),
  ));
}

/**
 * Parses an expression of the Common Expression Language over {@link scopeNames}: `outputs.width > 4096`,
 * `"retry" in inputs.tags`, `outputs.images.exists(one, one.bytes == 0)`.
 *
 * Grammar and types are the library's. It is evaluated by `evaluate.ts`, because the library's own evaluation has
 * no bound (texts double, its regular expressions backtrack) and knows no field that is missing. Throws
 * {@link ExpressionError}.
 */
export function parseExpression(source: string): Expression {
  if (source.trim() === '') throw new ExpressionError('the expression is empty', source, 0);
  if (source.length > limits.expressionLength) {
    throw new ExpressionError(`an expression may have ${limits.expressionLength} characters, this one has ${source.length}`, source, limits.expressionLength);
  }
  try {
    const parsed = environment().parse(source);
    const root = nodeOf(parsed.ast, source);
    const checked = parsed.check();
    if (!checked.valid) throw checked.error ?? new Error('it does not fit together');
    return { source, root };
  } catch (error) {
    if (error instanceof ExpressionError) throw error;
    if (error instanceof ParseError || error instanceof EvaluationError || error instanceof CheckError) throw refusal(error, source);
    throw new ExpressionError(`the expression is not understood: ${error instanceof Error ? error.message : String(error)}`, source, 0);
  }
}

/** The fields a condition asks for outside of its loops, as nodes, each once: what tells why it held. */
export function fieldsOf({ root }: Expression): readonly ExpressionNode[] {
  const found = new Map<string, ExpressionNode>();
  const walk = (node: ExpressionNode): void => {
    if (isField(node)) found.set(spell(node), node);
    else partsOf(node).forEach(walk);
  };
  walk(root);
  return [...found.values()];
}

/** A field as a person writes it: `outputs.images[0].width`. */
export function spell(node: ExpressionNode): string {
  if (node.op === 'name') return node.name;
  if (node.op !== 'member' || node.at.op !== 'value') return '…';
  const { value } = node.at;
  const isWord = typeof value === 'string' && /^[A-Za-z_]\w*$/.test(value);
  return isWord ? `${spell(node.of)}.${value}` : `${spell(node.of)}[${JSON.stringify(value)}]`;
}

function isField(node: ExpressionNode): boolean {
  if (node.op === 'name') return (scopeNames as readonly string[]).includes(node.name);
  return node.op === 'member' && node.at.op === 'value' && isField(node.of);
}

function partsOf(node: ExpressionNode): readonly ExpressionNode[] {
  switch (node.op) {
    case 'value':
    case 'name':
      return [];
    case 'member':
      return [node.of, node.at];
    case 'has':
    case 'not':
    case 'minus':
      return [node.of];
    case 'call':
      return node.args;
    case 'each':
      // What is within speaks of the item.
      return [node.over];
    case 'binary':
    case 'logic':
      return [node.left, node.right];
    case 'if':
      return [node.condition, node.yes, node.no];
    case 'list':
      return node.items;
    case 'map':
      return node.entries.flat();
  }
}

function nodeOf(ast: ASTNode, source: string): ExpressionNode {
  const at = { from: ast.start, to: ast.end };
  const of = (inner: ASTNode) => nodeOf(inner, source);
  switch (ast.op) {
    case 'value':
      return { ...at, op: 'value', value: literal(ast.args, source, ast.start) };
    case 'id':
      return { ...at, op: 'name', name: ast.args };
    case '.':
      return { ...at, op: 'member', of: of(ast.args[0]), at: { ...at, op: 'value', value: ast.args[1] } };
    case '[]':
      return { ...at, op: 'member', of: of(ast.args[0]), at: of(ast.args[1]) };
    case 'list':
      return { ...at, op: 'list', items: ast.args.map(of) };
    case 'map':
      return { ...at, op: 'map', entries: ast.args.map(([key, value]) => [of(key), of(value)] as const) };
    case '?:':
      return { ...at, op: 'if', condition: of(ast.args[0]), yes: of(ast.args[1]), no: of(ast.args[2]) };
    case '&&':
    case '||':
      return { ...at, op: 'logic', sign: ast.op, left: of(ast.args[0]), right: of(ast.args[1]) };
    case '!_':
      return { ...at, op: 'not', of: of(ast.args) };
    case '-_':
      return { ...at, op: 'minus', of: of(ast.args) };
    case 'call': {
      const [name, args] = ast.args;
      if (name === 'has') return { ...at, op: 'has', of: of(args[0]!) };
      return { ...at, op: 'call', ...known(name, args.map(of), source, ast.start) };
    }
    case 'rcall': {
      const [name, receiver, args] = ast.args;
      if (!macros.includes(name)) return { ...at, op: 'call', ...known(name, [of(receiver), ...args.map(of)], source, receiver.end) };
      const [variable, ...body] = args;
      if (variable?.op !== 'id') throw new ExpressionError(`${name} needs the name of an item first`, source, receiver.end, loopHint(name));
      return { ...at, op: 'each', macro: name as Macro, over: of(receiver), variable: variable.args, body: body.map(of) };
    }
    case '.?':
    case '[?]':
      throw new ExpressionError('a missing field needs no question mark', source, ast.start);
    default:
      return { ...at, op: 'binary', sign: ast.op, left: of(ast.args[0]), right: of(ast.args[1]) };
  }
}

function known(name: string, args: readonly ExpressionNode[], source: string, position: number): { readonly name: FunctionName; readonly args: readonly ExpressionNode[] } {
  const names = [...Object.keys(functions), 'has', ...macros];
  if (!Object.hasOwn(functions, name)) {
    throw new ExpressionError(`there is no function "${name}"`, source, position, didYouMean(name, names) ?? `There are ${names.join(', ')}`);
  }
  return { name: name as FunctionName, args };
}

/** Numbers are JavaScript's, as those of the states they are compared with. */
function literal(value: unknown, source: string, position: number): Json {
  if (typeof value === 'bigint') return Number(value);
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  throw new ExpressionError('only texts, numbers, true, false and null can be written out', source, position);
}

function refusal(error: ParseError | EvaluationError | CheckError, source: string): ExpressionError {
  const position = Math.min(error.range?.start ?? 0, source.length);
  const words = wordsFor(error);
  const isAssignment = source[position] === '=' && source[position + 1] !== '=';
  const loop = /^(\w+)\(.* invalid predicate iteration variable/.exec(error.summary)?.[1];
  if (loop !== undefined) return new ExpressionError(`${loop} needs the name of an item first`, source, position, loopHint(loop));
  const name = /^Unknown variable: (\w+)/.exec(error.summary)?.[1];
  const hint =
    name !== undefined
      ? (didYouMean(name, scopeNames) ?? `There are ${scopeNames.join(', ')}; a text stands in quotes`)
      : isAssignment ? 'Equal is written ==' : undefined;
  return new ExpressionError(words, source, position, hint);
}

function loopHint(name: string): string {
  return `As in \`${name}(one, one.size > 0)\``;
}

function wordsFor(error: { readonly code?: string; readonly summary: string }): string {
  const { summary } = error;
  if (/EOF/.test(summary)) return 'the expression ends too early';
  if (error.code === 'limit_exceeded') return /depth/i.test(summary) ? `it is nested deeper than ${limits.expressionDepth}` : `it is too large: ${summary}`;
  return `${summary.charAt(0).toLowerCase()}${summary.slice(1)}`;
}
