import { describe, expect, it } from 'vitest';
import type { Json, PatchOperation } from '../protocol/json.ts';
import { UserError } from '../protocol/error.ts';
import { applyPatch, makePatch } from './json-diff.ts';

/** One operation, written `op path [from] [= value]`. */
function operation(text: string): PatchOperation {
  const [head, value] = text.split(' = ') as [string, string?];
  const [op, path = '', from] = head.split(' ');
  return { op, path: path === '.' ? '' : path, ...(from === undefined ? {} : { from }), ...(value === undefined ? {} : { value: JSON.parse(value) as Json }) } as PatchOperation;
}

const apply = (value: string, ...patch: readonly string[]): string => JSON.stringify(applyPatch(JSON.parse(value) as Json, patch.map(operation)));

describe('applying a JSON Patch', () => {
  it.each([
    // RFC 6902, appendix A, and what is easily got wrong beside it.
    ['{"foo":"bar"}', ['add /baz = "qux"'], '{"foo":"bar","baz":"qux"}'],
    ['{"foo":["bar","baz"]}', ['add /foo/1 = "qux"'], '{"foo":["bar","qux","baz"]}'],
    ['{"foo":["bar"]}', ['add /foo/- = ["abc"]'], '{"foo":["bar",["abc"]]}'],
    ['{"foo":["bar"]}', ['add /foo/1 = "end"'], '{"foo":["bar","end"]}'],
    ['{"baz":"qux","foo":"bar"}', ['remove /baz'], '{"foo":"bar"}'],
    ['{"foo":["bar","qux","baz"]}', ['remove /foo/1'], '{"foo":["bar","baz"]}'],
    ['{"baz":"qux"}', ['replace /baz = "boo"'], '{"baz":"boo"}'],
    ['{"foo":{"bar":"baz"},"qux":{}}', ['move /qux/thud /foo/bar'], '{"foo":{},"qux":{"thud":"baz"}}'],
    ['{"foo":["all","grass","cows","eat"]}', ['move /foo/3 /foo/1'], '{"foo":["all","cows","eat","grass"]}'],
    ['{"a":{"b":1}}', ['copy /c /a', 'replace /c/b = 2'], '{"a":{"b":1},"c":{"b":2}}'],
    ['{"baz":"qux"}', ['test /baz = "qux"'], '{"baz":"qux"}'],
    ['{"a":{"x":1,"y":2}}', ['test /a = {"y":2,"x":1}'], '{"a":{"x":1,"y":2}}'],
    ['{"/":9,"~1":10}', ['test /~01 = 10', 'test /~1 = 9'], '{"/":9,"~1":10}'],
    ['{"":1}', ['replace / = 2'], '{"":2}'],
    ['{"foo":1}', ['replace . = [1]'], '[1]'],
    ['[1]', ['add . = {"a":1}'], '{"a":1}'],
    ['{"foo":null}', ['test /foo = null', 'replace /foo = 1'], '{"foo":1}'],
    ['{"0":"x"}', ['replace /0 = "y"', 'add /00 = 1'], '{"0":"y","00":1}'],
    ['{"e":{"1e0":1}}', ['remove /e/1e0'], '{"e":{}}'],
    ['{"a":1}', [], '{"a":1}'],
  ])('makes of %s with %j %s', (before, patch, after) => {
    expect(apply(before, ...patch)).toBe(after);
  });

  it.each([
    ['{"foo":1}', ['remove /bar']],
    ['{"foo":1}', ['replace /bar = 1']],
    ['{"foo":1}', ['add /a/b = 1']],
    ['{"foo":["a"]}', ['add /foo/2 = 1']],
    ['{"foo":["a"]}', ['add /foo/x = 1']],
    ['{"foo":["a","b"]}', ['add /foo/01 = 1']],
    ['{"foo":["a","b"]}', ['test /foo/00 = "a"']],
    ['{"foo":["a","b"]}', ['test /foo/1e0 = "b"']],
    ['{"foo":["a","b"]}', ['remove /foo/-1']],
    ['{"foo":["a","b"]}', ['copy /bar /foo/01']],
    ['{"foo":1}', ['test /foo = "1"']],
    ['{"foo":1}', ['test /bar = null']],
    ['{"foo":1}', ['move /a /nowhere']],
    ['{"foo":1}', ['copy /a /nowhere']],
    ['{"foo":1}', ['add foo = 1']],
    ['{"foo":1}', ['add /bar']],
    ['{"foo":1}', ['add /__proto__/x = 1']],
    ['{"foo":1}', ['add /constructor/prototype/x = 1']],
    ['{"a":1}', ['add /b = 2', 'remove /nowhere']],
  ])('refuses on %s %j, with a reason for a person', (before, patch) => {
    const value = JSON.parse(before) as Json;
    expect(() => applyPatch(value, patch.map(operation))).toThrow(UserError);
    expect(JSON.stringify(value)).toBe(before);
    expect({}).not.toHaveProperty('x');
  });

  it('undoes what it made a patch of', () => {
    const [before, after] = [{ a: [1, 2, { b: 'x' }] }, { a: [1, { b: 'y' }], c: null }];
    expect(applyPatch(before, makePatch(before, after))).toEqual(after);
  });
});
