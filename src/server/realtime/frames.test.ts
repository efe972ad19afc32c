import { describe, expect, it } from 'vitest';
import { decodeBinary, decodeText, encodeFrame } from './frames.ts';

/** As supabase-js 2 writes a broadcast under version 2.0.0. */
function pushedBroadcast(payload: Uint8Array, encoding: number, topic = 'realtime:room'): Uint8Array {
  const texts = ['1', '7', topic, 'cursor', ''].map((text) => Buffer.from(text));
  return Buffer.concat([Buffer.from([3, ...texts.map((text) => text.length), encoding]), ...texts, payload]);
}

describe('frames', () => {
  const frame = { joinRef: '1', ref: '2', topic: 'realtime:room', event: 'phx_join', payload: { config: {} } };

  it('are objects in version 1.0.0', () => {
    const text = encodeFrame('1.0.0', frame);
    expect(text).toBe('{"topic":"realtime:room","event":"phx_join","payload":{"config":{}},"ref":"2","join_ref":"1"}');
    expect(decodeText('1.0.0', text as string)).toEqual(frame);
  });

  it('are arrays in version 2.0.0', () => {
    const text = encodeFrame('2.0.0', frame);
    expect(text).toBe('["1","2","realtime:room","phx_join",{"config":{}}]');
    expect(decodeText('2.0.0', text as string)).toEqual(frame);
  });

  it('carry broadcasts as bytes in version 2.0.0, JSON or binary', () => {
    expect(decodeBinary(pushedBroadcast(Buffer.from('{"x":1}'), 1))).toEqual({
      joinRef: '1',
      ref: '7',
      topic: 'realtime:room',
      event: 'broadcast',
      payload: { type: 'broadcast', event: 'cursor', payload: { x: 1 } },
    });
    expect(decodeBinary(pushedBroadcast(Buffer.from([1, 2, 3]), 0)).payload).toMatchObject({ payload: Buffer.from([1, 2, 3]) });

    const sent = encodeFrame('2.0.0', {
      joinRef: null,
      ref: null,
      topic: 'räume',
      event: 'broadcast',
      payload: { type: 'broadcast', event: 'e', payload: { x: 1 } },
    });
    expect(sent).toEqual(Buffer.concat([Buffer.from([4, 6, 1, 0, 1]), Buffer.from('räumee{"x":1}')]));
  });

  it.each([
    ['no JSON', () => decodeText('2.0.0', '[')],
    ['an object where an array belongs', () => decodeText('2.0.0', '{}')],
    ['a missing topic', () => decodeText('1.0.0', '{"event":"x","ref":"1"}')],
    ['a number as a reference', () => decodeText('2.0.0', '[1,2,"t","e",{}]')],
    ['nothing at all', () => decodeBinary(new Uint8Array())],
    ['another kind', () => decodeBinary(new Uint8Array([9, 0, 0, 0, 0, 0, 0]))],
    ['a header longer than the frame', () => decodeBinary(new Uint8Array([3, 200, 0, 0, 0, 0, 0]))],
  ])('refuse %s', (_, decode) => {
    expect(decode).toThrow();
  });
});
