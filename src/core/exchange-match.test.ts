import { describe, expect, it } from 'vitest';
import type { Json } from '../protocol/json.ts';
import { matchExchanges, unmarked, type AskedAgain, type RecordedExchange } from './exchange-match.ts';

const recorded = (ordinal: number, url: string, body: Json = null, more: Partial<RecordedExchange> = {}): RecordedExchange => ({
  step_key: 'a', ordinal, kind: 'fetch', method: 'POST', url, request: { body }, status: 200, response: { body: ordinal }, error: null, ...more,
});
const asked = (url: string, body: Json = null, more: Partial<AskedAgain> = {}): AskedAgain => ({ step: 'a', kind: 'fetch', method: 'POST', url, body, ...more });

describe('recorded exchanges', () => {
  it('are the same from a server of this machine that has another port now', () => {
    const matcher = matchExchanges([recorded(1, 'http://127.0.0.1:4011/x'), recorded(2, 'http://a:4011/x')]);
    expect(matcher.take(asked('http://127.0.0.1:39001/x'))?.exchange.ordinal).toBe(1);
    expect(matcher.take(asked('http://a:39001/x'))).toBeUndefined();
  });

  it('answer in the order of the recording, each once', () => {
    const matcher = matchExchanges([recorded(2, 'http://a/x'), recorded(1, 'http://a/x')]);
    expect([1, 2, 3].map(() => matcher.take(asked('http://a/x'))?.exchange.ordinal)).toEqual([1, 2, undefined]);
  });

  it('prefer the one that was asked the same, so that the order of requests at once does not matter', () => {
    const matcher = matchExchanges([recorded(1, 'http://a/x', { n: 1 }), recorded(2, 'http://a/x', { n: 2 })]);
    expect(matcher.take(asked('http://a/x', { n: 2 }))).toMatchObject({ exchange: { ordinal: 2 }, differences: [] });
    expect(matcher.take(asked('http://a/x', { n: 5 }))).toMatchObject({ exchange: { ordinal: 1 }, differences: [{ path: '/body/n', before: 1, after: 5 }] });
  });

  it('are told apart by step, kind, method and address', () => {
    const matcher = matchExchanges([recorded(1, 'http://a/x')]);
    for (const other of [asked('http://a/y'), asked('http://a/x', null, { step: 'b' }), asked('http://a/x', null, { kind: 'provider' }), asked('http://a/x', null, { method: 'GET' })]) {
      expect(matcher.take(other)).toBeUndefined();
    }
    expect(matcher.expected(asked('http://a/y'))?.url).toBe('http://a/x');
    expect(matcher.left('a')).toHaveLength(1);
  });

  it.each([
    ['http://a/x?b=2&a=1', []],
    ['http://a/x?a=1&b=3', ['/query/b']],
    ['http://a/x?a=1&b=2&apikey=other', []],
    ['http://a/x?a=1', ['/query/b']],
  ] as const)('differ from %s in %j', (url, paths) => {
    const matcher = matchExchanges([recorded(1, 'http://a/x?a=1&b=2')]);
    expect(matcher.take(asked(url))?.differences.map(({ path }) => path)).toEqual(paths);
  });

  it('take what was masked once and what came back from a recording for the same', () => {
    expect(unmarked({ a: [{ $secret: '***123' }], b: { $secret: 'x', more: 1 } })).toEqual({ a: ['***123'], b: { $secret: 'x', more: 1 } });
  });
});
