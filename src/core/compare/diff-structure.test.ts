import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../protocol/json.ts';
import { applyPatch } from '../json-diff.ts';
import type { CompareOptions } from './comparison.ts';
import { diffStructure } from './diff-structure.ts';

/** The differences, one a line, as people would write them down. */
function told(before: Json, after: Json, options: CompareOptions = {}): readonly string[] {
  return diffStructure(before, after, options).differences.map(({ kind, path, from, before, after }) => {
    const was = from === undefined ? '' : ` (was ${from})`;
    if (kind === 'moved') return `moved ${path}${was}`;
    return `${kind} ${path}${was} ${[before, after].filter((value) => value !== undefined).map((value) => JSON.stringify(value)).join(' -> ')}`;
  });
}

/** JSON as states look: few keys and names, so that two of them have something in common. */
const value = fc.letrec<{ json: Json; list: Json; record: Json }>((tie) => ({
  json: fc.oneof({ depthSize: 'small', withCrossShrink: true }, fc.constantFrom<Json>(null, true, 0, 1, 2, 'a', 'b', ''), fc.integer(), fc.string(), tie('list'), tie('record')),
  list: fc.oneof(
    fc.array(tie('json'), { maxLength: 8 }),
    fc.array(fc.constantFrom<Json>('a', 'b', 'c', 1, 2), { maxLength: 20 }),
    fc.uniqueArray(fc.constantFrom('p', 'q', 'r', 's', 't'), { maxLength: 5 }).chain((ids) => fc.tuple(...ids.map((id) => tie('json').map((of): Json => ({ id, of }))))) as fc.Arbitrary<Json>,
  ),
  record: fc.dictionary(fc.constantFrom('id', 'name', 'a/b', 'c~d', '', '0', 'x', 'y', 'constructor', '__proto__'), tie('json'), { maxKeys: 6 }).map((record) => ({ ...record })),
})).json;

describe('a structural diff', () => {
  it('turns one value into the other as a patch, whatever they are', () => {
    fc.assert(
      fc.property(value, value, (before, after) => {
        expect(applyPatch(before, diffStructure(before, after).patch())).toEqual(after);
      }),
      { numRuns: 3_000 },
    );
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (before, after) => {
        expect(applyPatch(before as Json, diffStructure(before as Json, after as Json).patch())).toEqual(after);
      }),
      { numRuns: 1_000 },
    );
  });

  it('finds nothing between a value and its copy, and something between values that differ', () => {
    fc.assert(
      fc.property(value, value, (before, after) => {
        expect(diffStructure(before, structuredClone(before)).differences).toEqual([]);
        const isSame = JSON.stringify(sorted(before)) === JSON.stringify(sorted(after));
        expect(diffStructure(before, after).differences.length === 0).toBe(isSame);
      }),
      { numRuns: 2_000 },
    );
  });

  it('does not mind the order of keys', () => {
    expect(told({ a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 })).toEqual([]);
  });

  it('matches elements by what names them, and tells those that moved', () => {
    const before = [{ id: 1, ok: true }, { id: 2, ok: true }, { id: 3, ok: true }];
    expect(told(before, [{ id: 3, ok: true }, { id: 1, ok: true }, { id: 2, ok: false }, { id: 4, ok: true }])).toEqual([
      'moved /0 (was /2)',
      'changed /2/ok (was /1/ok) true -> false',
      'added /3 {"id":4,"ok":true}',
    ]);
  });

  it('sees one element put in between instead of a list that changed from there on', () => {
    expect(told(['a', 'b', 'c', 'd'], ['a', 'x', 'b', 'c', 'd'])).toEqual(['added /1 "x"']);
    expect(told([{ v: 1 }, { v: 2 }, { v: 3 }], [{ v: 2 }, { v: 3 }])).toEqual(['removed /0 {"v":1}']);
  });

  it('looks inside of elements that nothing names', () => {
    expect(told([{ v: 1, w: 1 }, { v: 2, w: 2 }], [{ v: 1, w: 9 }, { v: 2, w: 2 }])).toEqual(['changed /0/w 1 -> 9']);
  });

  it('does not match by names that are new in every run when those are ignored', () => {
    const run = (...ids: readonly string[]): Json => ({ items: ids.map((id, i) => ({ id, price: i })) });
    expect(told(run('q', 'r'), run('r', 's'), { ignore: ['**/id'] })).toEqual([]);
    expect(told(run('q', 'r'), run('s', 't'), { ignore: ['/items/*/id'] })).toEqual([]);
  });

  it('ignores paths that are left out, keys that are only there and elements alike', () => {
    const before = { created_at: 1, a: { created_at: 2, at: 3 }, list: [1] };
    const after = { created_at: 9, a: { at: 3 }, list: [1, 2] };
    expect(told(before, after, { ignore: ['/created_at'] })).toEqual(['removed /a/created_at 2', 'added /list/1 2']);
    expect(told(before, after, { ignore: ['created_at', '/list/*'] })).toEqual([]);
    expect(told(before, after, { ignore: ['/a/c*', '/*_at', '/list/1'] })).toEqual([]);
  });

  it('counts numbers as equal that are close enough', () => {
    expect(told({ a: 1, v: [0.1, 100] }, { a: 1.0001, v: [0.1, 101] }, { tolerance: { absolute: 0.001 } })).toEqual(['changed /v/1 100 -> 101']);
    expect(told({ a: 1, v: [0.1, 100] }, { a: 1.0001, v: [0.1, 101] }, { tolerance: { relative: 0.02 } })).toEqual([]);
    expect(told([1, 2], [1.5, 2])).toEqual(['changed /0 1 -> 1.5']);
  });

  it('takes what stands for a date or bytes as one value', () => {
    expect(told({ at: { $date: '2026-01-01T00:00:00.000Z' } }, { at: { $date: '2026-01-02T00:00:00.000Z' } })).toEqual([
      'changed /at {"$date":"2026-01-01T00:00:00.000Z"} -> {"$date":"2026-01-02T00:00:00.000Z"}',
    ]);
    expect(told({ b: { $bytes: 'AAAA' } }, { b: { $bytes: 'AAAB' } })).toEqual(['changed /b {"$bytes":"AAAA"} -> {"$bytes":"AAAB"}']);
  });

  it('takes a secret for its masked text, as which a recorded answer gives it back', () => {
    expect(diffStructure({ key: { $secret: '***abcd' }, list: [{ $secret: '***abcd' }] }, { key: '***abcd', list: ['***abcd'] }).differences).toEqual([]);
    expect(diffStructure({ key: { $secret: '***abcd' } }, { key: '***wxyz' }).differences).toHaveLength(1);
  });

  it('does not call equal what was too large to be recorded', () => {
    const diff = diffStructure({ a: { $truncated: 4_000 }, b: { $truncated: 9, hash: 'x' } }, { a: { $truncated: 4_000 }, b: { $truncated: 9, hash: 'x' } });
    expect(diff.differences).toEqual([]);
    expect(diff.unknown).toBe(1);
  });

  it('leaves ids and times out when asked to', () => {
    const before = { id: '0193c1f0-0000-7000-8000-000000000001', at: '2026-01-01T10:00:00Z', url: 'http://127.0.0.1:4011/v1/p/k3jd8fk2lskd93kd0slq', hook: 'http://127.0.0.1:4011/webhooks/IKVNTQFDWlm8w-HssBlf5g', text: 'one-and-2-is-3-thing' };
    const after = { id: '0193c1f0-0000-7000-8000-000000000002', at: '2026-01-01T10:00:09Z', url: 'http://127.0.0.1:39001/v1/p/a9jd8fk2lskd93kd0s11', hook: 'http://127.0.0.1:39001/webhooks/LN7Ti1C7ABGf7Hx6mGUfwQ', text: 'two-and-2-is-4-thing' };
    expect(told(before, after, { ignoreVolatile: true })).toEqual(['changed /text "one-and-2-is-3-thing" -> "two-and-2-is-4-thing"']);
    expect(told(before, after)).toHaveLength(5);
  });

  it('stays quick where nothing is in common', () => {
    const list = (seed: number): Json => Array.from({ length: 20_000 }, (_, i) => ({ v: (i * seed) % 7919, text: `element ${i * seed}` }));
    const same = Array.from({ length: 20_000 }, (_, i) => (i % 2 === 0 ? 'x' : 'y'));
    expect(diffStructure(list(3), list(5)).differences.length).toBeGreaterThan(1_000);
    expect(diffStructure(same, same.toReversed()).differences.length).toBeGreaterThan(0);
  });
});

function sorted(json: Json): Json {
  if (json === null || typeof json !== 'object') return json;
  if (Array.isArray(json)) return (json as readonly Json[]).map(sorted);
  return { fields: Object.entries(json).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, part]): Json => [key, sorted(part as Json)]) };
}
