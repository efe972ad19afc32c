import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../protocol/json.ts';
import { correlationIds, sharesId } from './correlation.ts';

const row = (data: Json, metadata: JsonObject = {}, generation_id: string | null = null) => ({ data, metadata, generation_id });

describe('ids that tie lines together', () => {
  it('are found under the names people give them, the most telling first', () => {
    expect(correlationIds(row({ job_id: 'j1', headers: { 'X-Request-Id': 'r1' } }, { traceId: 't1' }, 'g1'))).toEqual([
      { name: 'X-Request-Id', value: 'r1' },
      { name: 'traceId', value: 't1' },
      { name: 'job_id', value: 'j1' },
      { name: 'generation_id', value: 'g1' },
    ]);
  });

  it('are numbers too, and each value once', () => {
    expect(correlationIds(row({ requestId: 7, inner: { request_id: '7' } }))).toEqual([{ name: 'requestId', value: '7' }]);
  });

  it('are not there in lines that carry none, or only something empty', () => {
    for (const data of [null, 'request_id', 7, [], { request_id: '' }, { request_id: null }, { request_id: { deep: 1 } }]) expect(correlationIds(row(data))).toEqual([]);
  });

  it('are shared by value, whatever the name', () => {
    expect(sharesId(row({ predictionId: 'p1' }), 'p1')).toBe(true);
    expect(sharesId(row({ message: 'p1' }), 'p1')).toBe(false);
  });

  it('are looked for in a bounded part of a line', () => {
    const deep = (levels: number): Json => (levels === 0 ? { request_id: 'r' } : { a: deep(levels - 1) });
    expect(correlationIds(row(deep(4)))).toHaveLength(1);
    expect(correlationIds(row(deep(60)))).toEqual([]);
    expect(correlationIds(row([Array.from({ length: 100_000 }, (_, n) => n), { request_id: 'r' }]))).toEqual([]);
  });
});
