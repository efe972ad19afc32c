import { expect, it } from 'vitest';
import { encodeValue } from './encode-value.ts';
import { firstLoss, type Loss } from './first-loss.ts';
import { createMasker } from './mask.ts';

it('finds nothing in what can be read back', () => {
  const value = { at: new Date(0), big: 12n, map: new Map([[1, new Set(['a'])]]), bytes: new Uint8Array(3), none: undefined, nan: NaN, error: new Error('no'), own: { $secret: 'a field of that name' } };
  expect(firstLoss(encodeValue(value))).toBeUndefined();
});

it.each<[object, Loss]>([
  [{ a: [{ f: () => 1 }] }, { path: '/a/0/f', what: 'is a function' }],
  [{ 'a/b': Symbol('s') }, { path: '/a~1b', what: 'is a symbol' }],
  [{ later: Promise.resolve() }, { path: '/later', what: 'cannot be recorded' }],
])('names the place and what became of it (%#)', (value, loss) => {
  expect(firstLoss(encodeValue(value))).toEqual(loss);
});

it('finds what could not be read in the first place', () => {
  const bad = {
    get field(): never {
      throw new Error('no');
    },
  };
  expect(firstLoss(encodeValue(bad))).toEqual({ path: '/field', what: 'cannot be read' });
});

it('finds what is too large and what was masked', () => {
  expect(firstLoss(encodeValue({ text: 'x'.repeat(100) }, { size: 50 }))).toEqual({ path: '/text', what: 'is too large to be recorded' });
  expect(firstLoss(createMasker({ values: ['s3cret-value-long'] }).marked({ a: { token: 's3cret-value-long' } }))).toEqual({ path: '/a/token', what: 'was masked' });
});
