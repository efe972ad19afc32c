import { describe, expect, it } from 'vitest';
import { jsonTextProblem } from './json-limits.ts';

const bounds = { depth: 3, keys: 4 };
const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

describe('the bounds of a JSON text', () => {
  it.each([
    ['null', undefined],
    ['"[[[[[["', undefined],
    [nested(3), undefined],
    [nested(4), 'JSON nested deeper than 3 levels'],
    ['{"a":{"b":{"c":1}}}', undefined],
    ['{"a":{"b":{"c":{}}}}', 'JSON nested deeper than 3 levels'],
    ['{"a":1,"b":2,"c":3,"d":4}', undefined],
    ['{"a":1,"b":{"c":3,"d":4,"e":5}}', 'JSON with more than 4 keys in one document'],
    [String.raw`{"a:\"[[[[[":":::::::"}`, undefined],
    [String.raw`{"a\\":[[[1]]]}`, 'JSON nested deeper than 3 levels'],
  ])('%s: %s', (text, expected) => {
    expect(jsonTextProblem(text, 0, bounds)).toBe(expected);
  });
});

describe('an envelope', () => {
  it('does not count, and each document in it is counted by itself', () => {
    const row = '{"a":1,"b":2,"c":[[]]}';
    expect(jsonTextProblem(`[${row},${row},${row}]`, 1, bounds)).toBeUndefined();
    expect(jsonTextProblem(`[${row},{"c":[[[]]]}]`, 1, bounds)).toBe('JSON nested deeper than 3 levels');
  });
});

it('says no to a million levels without running out of stack', () => {
  expect(jsonTextProblem('['.repeat(1_000_000))).toMatch(/deeper than 64/);
});
