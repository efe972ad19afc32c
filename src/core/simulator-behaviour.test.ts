import { describe, expect, it } from 'vitest';
import { UserError } from '../protocol/error.ts';
import { parseBehaviour } from './simulator-behaviour.ts';

describe('what people write after --simulate', () => {
  it('names a behaviour, the provider\'s words and how fast it is', () => {
    expect(parseBehaviour(undefined)).toEqual({ name: 'ok', latency: 1 });
    expect(parseBehaviour('fail')).toEqual({ name: 'fail', latency: 1 });
    expect(parseBehaviour('fail:CUDA: out of memory')).toEqual({ name: 'fail', words: 'CUDA: out of memory', latency: 1 });
    expect(parseBehaviour('webhook-twice, latency=0.25')).toEqual({ name: 'webhook-twice', latency: 0.25 });
    expect(parseBehaviour('latency=0')).toEqual({ name: 'ok', latency: 0 });
  });

  it('answers an unknown behaviour with the closest ones', () => {
    expect(() => parseBehaviour('webhook-lots')).toThrow('the simulator has no behaviour "webhook-lots"');
    expect(hintOf(() => parseBehaviour('webhook-lots'))).toContain('`webhook-lost`');
    expect(hintOf(() => parseBehaviour('zzzzzzzzzzzzzz'))).toContain('It knows ok, slow, fail');
  });

  it('refuses a latency that is no factor', () => {
    for (const text of ['latency=', 'latency=fast', 'latency=-1', 'latency=1000']) expect(() => parseBehaviour(text), text).toThrow(UserError);
  });
});

function hintOf(act: () => unknown): string | undefined {
  try {
    act();
  } catch (error) {
    if (error instanceof UserError) return error.hint;
  }
  return undefined;
}
