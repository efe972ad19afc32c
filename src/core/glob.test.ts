import { describe, expect, it } from 'vitest';
import { globTest } from './glob.ts';

describe('a text with stars', () => {
  it.each([
    ['', '', true], ['', 'a', false], ['*', '', true], ['*', 'anything\nat all', true], ['a', 'A', true], ['a', 'ab', false],
    ['a*', 'abc', true], ['*c', 'abc', true], ['a*c', 'ac', true], ['a*c', 'abcd', false], ['ab*bc', 'abc', false], ['ab*bc', 'abbc', true],
    ['*b*', 'abc', true], ['a*b*c', 'aXbXbXc', true], ['a*b*c', 'aXcXb', false], ['a.c', 'abc', false], ['a*a', 'a', false], ['**', '', true], ['x(*', 'x(y', true],
  ] as const)('%j is the whole of %j: %s', (glob, text, expected) => {
    expect(globTest(glob, true)(text)).toBe(expected);
  });

  it.each([['b', 'abc', true], ['a*c', 'xaXcx', true], ['c*a', 'abc', false], ['', 'x', true], ['B*C', 'abc', true]] as const)('%j is a part of %j: %s', (glob, text, expected) => {
    expect(globTest(glob, false)(text)).toBe(expected);
  });

  it('takes time by the length of a text alone', () => {
    const text = 'a'.repeat(256 * 1024);
    const started = process.cpuUsage();
    expect(globTest(`${'*a'.repeat(500)}*b`, true)(text)).toBe(false);
    expect(globTest(`${'a*'.repeat(500)}b`, false)(text)).toBe(false);
    expect(process.cpuUsage(started).user).toBeLessThan(500_000);
  });
});
