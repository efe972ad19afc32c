import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../protocol/json.ts';
import { limits } from '../protocol/limits.ts';
import { evaluate, explain } from './evaluate.ts';
import { ExpressionError } from './expression-error.ts';
import { parseExpression } from './expression.ts';
import type { ScopeName } from './expression.ts';

const facts: JsonObject = {
  inputs: { prompt: 'a red fox', tags: ['test', 'retry'], mode: 'fast', count: 3 },
  outputs: {
    width: 4096,
    images: [{ bytes: 10, ok: true }, { bytes: 0, ok: false }, { note: 'no size' }],
    at: { $date: '2026-11-20T10:00:00.000Z' },
    big: { $bigint: '9000' },
    key: { $secret: '***1234' },
    lost: { $truncated: 40_000_000 },
    empty: null,
  },
  state: { a: { b: 1 }, list: [1, 2, 3] },
  step: { key: 'call.send', display: '2c' },
};
const scope = (name: ScopeName): Json | undefined => facts[name];
const valueOf = (source: string): Json | string => {
  const outcome = evaluate(parseExpression(source), scope);
  return outcome.kind === 'value' ? outcome.value : `${outcome.kind}: ${outcome.why}`;
};
const refused = (source: string): { readonly message: string; readonly position: number; readonly hint: string | undefined } => {
  try {
    parseExpression(source);
  } catch (error) {
    if (error instanceof ExpressionError) return { message: error.message, position: error.position, hint: error.hint };
    throw error;
  }
  throw new Error(`"${source}" was taken`);
};

describe('an expression', () => {
  it.each<[string, Json]>([
    ['outputs.width > 4095 && inputs.mode == "fast"', true],
    ['outputs.width > 4096', false],
    ['outputs.width == 4096.0', true],
    ['7 / 2', 3.5],
    ['outputs.width % 5 + 1', 2],
    ['-inputs.count * 2 <= -6', true],
    ['"retry" in inputs.tags', true],
    ['"prompt" in inputs', true],
    ['inputs.prompt.contains("fox") && inputs.prompt.matches("^a\\\\s+red")', true],
    ['size(outputs.images) == outputs.images.size()', true],
    ['outputs.images.exists(one, one.bytes == 0)', true],
    ['outputs.images.all(one, one.bytes >= 0)', false],
    ['outputs.images.exists_one(one, one.ok)', true],
    ['outputs.images.filter(one, one.ok).size()', 1],
    ['state.list.map(n, n * 2)', [2, 4, 6]],
    ['state.list.map(n, n > 1, n + 10)', [12, 13]],
    ['state["a"]["b"] == 1 ? "one" : "other"', 'one'],
    ['state == {"list": [1, 2, 3], "a": {"b": 1}}', true],
    ['has(outputs.width) && !has(outputs.height)', true],
    ['outputs.empty == null', true],
    ['outputs.at > "2026-11-19"', true],
    ['outputs.big + 1', 9001],
    ['outputs.key', '***1234'],
    ['string(inputs.count) + "!" + inputs.prompt.upperAscii()', '3!A RED FOX'],
    ['int("12") + int(2.9)', 14],
    ['step.key.startsWith("call.") && step.display.endsWith("c")', true],
  ])('%s is %j', (source, value) => {
    expect(valueOf(source)).toEqual(value);
  });

  it.each([
    ['outputs.height > 4096', 'none: outputs.height has no value'],
    ['outputs.a.b.c == 1', 'none: outputs.a has no value'],
    ['state.list[7]', 'none: state.list[7] has no value'],
    ['error.message == "x"', 'none: there is no error here'],
    ['outputs.lost.size() > 1', 'none: outputs.lost was too large to be recorded'],
    ['inputs.prompt > 3', 'none: "a red fox" > 3 makes no sense'],
    ['inputs.count && true', 'none: 3 is neither true nor false'],
    ['1 / 0', 'none: the result is no number'],
    ['inputs.constructor', 'none: inputs.constructor has no value'],
    ['inputs.__proto__', 'none: inputs.__proto__ has no value'],
    ['inputs.prompt.matches("(")', 'none: "(" is no regular expression'],
  ])('%s has no value, and says why', (source, why) => {
    expect(valueOf(source)).toBe(why);
  });

  it('lets the other side decide where one has no value', () => {
    expect(valueOf('outputs.height > 1 || outputs.width > 1')).toBe(true);
    expect(valueOf('outputs.height > 1 && outputs.width < 1')).toBe(false);
    expect(valueOf('outputs.height > 1 && outputs.width > 1')).toBe('none: outputs.height has no value');
  });

  it.each([
    ['outputs.width = 4096', 14, 'unexpected character: =', 'Equal is written =='],
    ['output.width > 1', 0, 'unknown variable: output', 'Did you mean `outputs`?'],
    ['outputs.width >', 15, 'the expression ends too early', undefined],
    ['outputs.exists(one, two > 1)', 20, 'unknown variable: two', 'There are inputs, outputs, state, step, run, log, error; a text stands in quotes'],
    ['outputs.a.sizes() > 1', 9, 'there is no function "sizes"', 'Did you mean `size`?'],
    ['timestamp("x")', 0, 'there is no function "timestamp"', undefined],
    ['"a" + 1', 0, 'no such overload: string + int', undefined],
    ['outputs.exists(3, true)', 15, 'exists needs the name of an item first', 'As in `exists(one, one.size > 0)`'],
    ['cel.bind(a, inputs.prompt, a + a)', 3, 'there is no function "bind"', undefined],
    ['', 0, 'the expression is empty', undefined],
  ])('%s is refused at its place', (source, position, message, hint) => {
    const refusal = refused(source);
    expect(refusal).toMatchObject({ position, message: `${message} (at character ${position + 1})` });
    if (hint !== undefined) expect(refusal.hint).toBe(hint);
  });

  it('tells the fields it asks for with their values', () => {
    expect(explain(parseExpression('outputs.width > 4000 && inputs.mode == "fast" && outputs.width < 9000'), scope)).toBe('outputs.width = 4096, inputs.mode = "fast"');
    expect(explain(parseExpression('outputs.images.exists(one, one.bytes == 0) || has(outputs.height)'), scope)).toBe('outputs.images = 3 items, outputs.height = no value');
    expect(explain(parseExpression('1 < 2'), scope)).toBe('');
  });
});

describe('a hostile expression', () => {
  const long = Array.from({ length: 20_000 }, (_, index) => index);
  const world: JsonObject = { inputs: { long, text: 'a'.repeat(100_000), deep: nested(60) }, outputs: {} };
  /** Time of this thread alone: what else the machine does is none of the matter. */
  const timed = (work: () => unknown) => {
    const from = process.threadCpuUsage();
    const result = work();
    const { user, system } = process.threadCpuUsage(from);
    return { result, ms: (user + system) / 1_000 };
  };
  const outcomeOf = (source: string) => evaluate(parseExpression(source), (name) => world[name]);

  it.each([
    ['nested loops', 'inputs.long.all(a, inputs.long.all(b, inputs.long.all(c, a + b + c >= 0)))'],
    ['a long pattern over a long text', `inputs.text.matches("${'(a*)*'.repeat(30)}b")`],
    ['a pattern that backtracks', 'inputs.text.matches("(a+)+$b")'],
    ['texts that double', `inputs.long.all(n, ${Array.from({ length: 40 }, () => 'inputs.text').join(' + ')} == "")`],
    ['lists within lists', 'inputs.long.map(a, inputs.long)  == inputs.long.map(b, inputs.long.map(c, c))'],
    ['a comparison of all with all', 'inputs.long.exists(a, [a] in inputs.long)'],
  ])('is stopped within milliseconds: %s', (_name, source) => {
    timed(() => outcomeOf(source));
    const { result, ms } = timed(() => outcomeOf(source));
    expect(result).toMatchObject({ kind: 'stopped' });
    expect(ms).toBeLessThan(50);
  });

  it.each([
    ['nested', `${'('.repeat(900)}1${')'.repeat(900)}`],
    ['long', `true ${'&& true '.repeat(300)}`],
    ['negated over and over', `${'!'.repeat(1_900)}true`],
    ['longer than allowed', `"${'x'.repeat(limits.expressionLength)}" == ""`],
    ['a list in a list in a list', `${'['.repeat(400)}1${']'.repeat(400)}`],
  ])('is refused within milliseconds: %s', (_name, source) => {
    const { ms } = timed(() => expect(() => parseExpression(source)).toThrow(ExpressionError));
    expect(ms).toBeLessThan(50);
  });

  it('goes down any state that can be recorded', () => {
    expect(outcomeOf('inputs.deep == inputs.deep')).toEqual({ kind: 'value', value: true });
  });
});

function nested(depth: number): Json {
  return depth === 0 ? 1 : { a: nested(depth - 1) };
}
