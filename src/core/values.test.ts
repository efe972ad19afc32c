import { describe, expect, it } from 'vitest';
import { Json } from '../protocol/json.ts';
import type { JsonObject } from '../protocol/json.ts';
import { decodeValue } from './decode-value.ts';
import { encodeObject, encodeValue } from './encode-value.ts';
import { applyPatch, diffJson, makePatch, pointer, pointerTokens, valueAt } from './json-diff.ts';
import { checkSchema, describeProblems, withDefaults } from './json-schema.ts';
import { blobHashes, fromManifest, toManifest } from './manifest.ts';

describe('encoding a value', () => {
  it.each<[string, unknown]>([
    ['plain JSON', { a: [1, 'x', null, true, { b: 2.5 }] }],
    ['a date', new Date(1e12)],
    ['bigints', [1n, -(2n ** 70n)]],
    ['NaN and its like', [Number.NaN, Infinity, -Infinity, -0]],
    ['undefined', { a: undefined, b: [undefined] }],
    [
      'a map',
      new Map<unknown, unknown>([
        ['a', 1],
        [{ k: 1 }, new Date(0)],
      ]),
    ],
    ['a set', new Set([1, 'a', 2n])],
    ['bytes', new Uint8Array([0, 255, 7])],
    ['a regular expression', /a\/b/gi],
    ['an address', new URL('https://x.y/z?q=1')],
    ['what looks like ours', { $date: 'mine' }],
    ['an empty object', {}],
  ])('%s survives', (_, value) => {
    const encoded = encodeValue(value);
    expect(JSON.parse(JSON.stringify(encoded))).toEqual(encoded);
    expect(decodeValue(encoded)).toEqual(value);
  });

  it('keeps the key __proto__ as a key, through manifest and row, and touches no prototype', () => {
    for (const size of [1, 5_000]) {
      const value = JSON.parse(`{"__proto__":{"polluted":"${'x'.repeat(size)}"},"inner":{"__proto__":[1]}}`) as JsonObject;
      const { manifest, blobs } = toManifest(encodeObject(value), (text) => `hash of ${text.length}`);
      const row = Json.parse(JSON.parse(JSON.stringify(manifest)));
      const back = decodeValue(fromManifest(row, (hash) => blobs.find((blob) => blob.hash === hash)?.text)!);
      expect(JSON.stringify(back) === JSON.stringify(value)).toBe(true);
      expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    }
  });

  it('keeps circles, also through maps', () => {
    const value: { self?: unknown; list: unknown[]; map: Map<string, unknown> } = { list: [], map: new Map() };
    value.self = value;
    value.list.push(value.list);
    value.map.set('owner', { back: value });
    const back = decodeValue(encodeValue(value)) as typeof value;
    expect(back.self).toBe(back);
    expect(back.list[0]).toBe(back.list);
    expect((back.map.get('owner') as { back: unknown }).back).toBe(back);
  });

  it('keeps an error with its cause, stack and fields', () => {
    const error = Object.assign(new TypeError('no', { cause: new Error('why') }), { code: 'E1' });
    const back = decodeValue(encodeValue(error)) as TypeError & { code: string };
    expect(back).toBeInstanceOf(Error);
    expect([back.name, back.message, back.code, (back.cause as Error).message, back.stack]).toEqual([
      'TypeError',
      'no',
      'E1',
      'why',
      error.stack,
    ]);
  });

  it('names what cannot be kept, and never throws', () => {
    const hostile = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('go away');
        },
      },
    );
    const value = {
      f: function named() {
        return 1;
      },
      s: Symbol('s'),
      p: Promise.resolve(),
      hostile,
    };
    expect(encodeValue(value)).toEqual({
      f: { $function: 'named' },
      s: { $symbol: 's' },
      p: { $class: 'Promise' },
      hostile: { $unreadable: 'go away' },
    });
  });

  it('cuts what is too deep, too long or too much, visibly', () => {
    const deep: Record<string, unknown> = {};
    let here = deep;
    for (let i = 0; i < 8_000; i++) here = here['d'] = {} as Record<string, unknown>;
    expect(JSON.stringify(encodeValue(deep))).toMatch(/^(\{"d":){56}\{"\$truncated":1\}\}+$/);
    expect(encodeValue({ text: 'x'.repeat(1_000) }, { size: 100 })).toEqual({ text: { $truncated: 1_000 } });
    const wide = encodeValue(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, i])), { keys: 3 }) as JsonObject;
    expect(wide).toEqual({ k0: 0, k1: 1, k2: 2, '$truncated keys': 17 });
  });

  it('makes text storable, and a prototype harmless', () => {
    expect(encodeValue('a\u0000b\uD800')).toBe('a␀b\uFFFD');
    const evil = JSON.parse('{"__proto__": {"admin": true}}') as Json;
    expect((decodeValue(encodeValue(evil)) as { admin?: boolean }).admin).toBeUndefined();
  });

  it('makes an object of what must be one', () => {
    expect([encodeObject(undefined), encodeObject(5), encodeObject(new Date(0)), encodeObject({ a: 1 })]).toEqual([
      {},
      { value: 5 },
      { value: { $date: '1970-01-01T00:00:00.000Z' } },
      { a: 1 },
    ]);
  });
});

describe('a manifest', () => {
  const hash = (text: string) => `h${text.length}`;
  const state: JsonObject = { big: 'x'.repeat(5_000), small: 1, list: [1, 2] };

  it('keeps small values, names large ones by content, and gives all back in order', () => {
    const { manifest, blobs } = toManifest(state, hash);
    expect(manifest).toEqual({ $manifest: 1, keys: ['big', 'small', 'list'], inline: { small: 1, list: [1, 2] }, blobs: { big: 'h5002' } });
    const back = fromManifest(manifest, (wanted) => blobs.find((blob) => blob.hash === wanted)?.text);
    expect(JSON.stringify(back)).toBe(JSON.stringify(state));
    expect(blobHashes(manifest)).toEqual(['h5002']);
  });

  it('shows what is gone, and reads plain states', () => {
    expect(fromManifest(toManifest(state, hash).manifest, () => undefined)!['big']).toEqual({ $truncated: 0, hash: 'h5002' });
    expect([fromManifest({ a: 1 }, () => undefined), fromManifest(null, () => undefined), fromManifest([1], () => undefined)]).toEqual([
      { a: 1 },
      null,
      { value: [1] },
    ]);
  });
});

describe('differences', () => {
  it('go down to the smallest part', () => {
    const before = { a: 1, b: { c: [1, 2], d: 'x' }, gone: true, 'k/e~y': 1 };
    const after = { a: 1, b: { c: [1, 3, 4], d: 'x' }, 'k/e~y': { n: null } };
    expect(diffJson(before, after)).toEqual([
      { kind: 'changed', path: '/b/c/1', before: 2, after: 3 },
      { kind: 'added', path: '/b/c/2', after: 4 },
      { kind: 'removed', path: '/gone', before: true },
      { kind: 'changed', path: '/k~1e~0y', before: 1, after: { n: null } },
    ]);
    expect(diffJson(before, structuredClone(before))).toEqual([]);
    expect(applyPatch(before, makePatch(before, after))).toEqual(after);
  });

  it('are applied wholly or not at all, to a copy', () => {
    const value = { a: 1, list: [1] };
    const patch = [
      { op: 'replace', path: '/a', value: 2 },
      { op: 'remove', path: '/nothing' },
    ] as const;
    expect(() => applyPatch(value, patch)).toThrow(
      expect.objectContaining({ code: 'usage', message: 'the edit does not fit (remove /nothing): there is nothing at that path' }),
    );
    expect(() => applyPatch(value, [{ op: 'add', path: '/list/9', value: 1 }])).toThrow('the index lies outside of the array');
    expect(() => applyPatch(value, [{ op: 'add', path: '/__proto__/admin', value: true }])).toThrow('may not reach into');
    expect(() => applyPatch(value, [{ op: 'copy', from: '/constructor/prototype', path: '/x' }])).toThrow('may not reach into');
    expect(value).toEqual({ a: 1, list: [1] });
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it('are found by their path', () => {
    expect(pointer(['a', 'b/c', 0])).toBe('/a/b~1c/0');
    expect(pointerTokens('/a/b~1c/0')).toEqual(['a', 'b/c', '0']);
    expect([valueAt({ a: { 'b/c': [5] } }, '/a/b~1c/0'), valueAt({ a: 1 }, '/b'), valueAt(3, ''), valueAt({}, '/constructor')]).toEqual([
      5,
      undefined,
      3,
      undefined,
    ]);
  });
});

describe('a JSON Schema', () => {
  const schema: JsonObject = {
    type: 'object',
    properties: {
      prompt: { type: 'string', minLength: 1 },
      width: { type: 'integer', minimum: 64, maximum: 2048, multipleOf: 8, default: 512 },
      style: { enum: ['oil', 'ink'] },
      images: { type: 'array', items: { type: 'object', properties: { url: { type: 'string' } }, required: ['url'] } },
    },
    required: ['prompt'],
    additionalProperties: false,
  };

  it.each<[Json, string]>([
    [{ prompt: 'x', width: 512 }, ''],
    [{}, 'prompt: is missing'],
    [{ prompt: '' }, 'prompt: must not be empty'],
    [{ prompt: 'x', width: -1 }, 'width: must be at least 64; width: must be a multiple of 8'],
    [{ prompt: 'x', width: 4096 }, 'width: must be at most 2048'],
    [{ prompt: 'x', width: 70.5 }, 'width: must be a whole number'],
    [{ prompt: 'x', width: '512' }, 'width: must be a number'],
    [{ prompt: 'x', style: 'wax' }, 'style: must be one of "oil", "ink"'],
    [{ prompt: 'x', zoom: 1 }, 'zoom: is not known'],
    [{ prompt: 'x', images: [{}] }, 'images[0].url: is missing'],
    [5, 'must be an object'],
  ])('says of %j: %s', (value, problems) => {
    expect(describeProblems(checkSchema(value, schema))).toBe(problems);
  });

  it('fills in defaults, and lets nothing through that it cannot check', () => {
    expect(withDefaults({ prompt: 'x' }, schema)).toEqual({ prompt: 'x', width: 512 });
    expect(checkSchema({}, { $ref: '#/nowhere' }).length).toBe(1);
  });
});
