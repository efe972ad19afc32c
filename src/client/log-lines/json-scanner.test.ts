import { describe, expect, it } from 'vitest';
import { fieldTable, scanObject, timeReader } from './json-scanner.ts';

const names = ['a', 'level', 'time'];
/** The values found, as text, and where the object ends. */
function found(text: string) {
  const bytes = Buffer.from(text);
  const fields = fieldTable(names);
  const end = scanObject(bytes, 0, bytes.length, fields);
  const values = names.flatMap((name, number) => (fields.from[number] === -1 ? [] : [[name, bytes.subarray(fields.from[number], fields.to[number]).toString()]]));
  return { ...(Object.fromEntries(values) as Record<string, string>), end };
}

describe('fields of an object in bytes', () => {
  it('are found wherever they stand, and not where they are only text or deeper', () => {
    expect(found('{"x":{"a":1,"b":[{"a":"}"}]},"a":-1.5e3,"level":"in\\"fo\\\\","y":"\\"a\\":2"}')).toEqual({ end: 73, a: '-1.5e3', level: '"in\\"fo\\\\"' });
    expect(found(' {"a":1}').end).toBe(-1);
    expect(found('{ "a" : null , "time" :\t[1,\n2] }x')).toEqual({ end: 32, a: 'null', time: '[1,\n2]' });
    expect(found('{}')).toEqual({ end: 2 });
    expect(found('{"a":1,"a":2}')).toMatchObject({ a: '2' });
  });

  it('are none where no object ends', () => {
    for (const text of ['', '{', '{"a"', '{"a":', '{"a":1', '{"a":"x', '{"a":{"b":1}', '{"a":"x\\"}', '[1]', '{a:1}', '{"a":1,}', '"a"']) expect([text, found(text).end]).toEqual([text, -1]);
  });
});

describe('a time in bytes', () => {
  const read = timeReader();
  const ms = (text: string) => read(Buffer.from(text), 0, Buffer.byteLength(text));

  it('is what a date makes of it, in any zone and to the millisecond', () => {
    for (const text of ['2026-03-01T12:00:07.25Z', '2026-03-01T12:00:08Z', '2026-03-01T12:00:08.123456+00:00', '2026-03-01T14:30:08.5+02:30', '2024-02-29T23:59:59.999-08:00'])
      expect([text, ms(text)]).toEqual([text, Date.parse(text)]);
    expect(ms('2026-03-01 12:00:07,250')).toBe(Date.parse('2026-03-01T12:00:07.250Z'));
    expect(ms('2026-03-01 12:00:07.1+00')).toBe(Date.parse('2026-03-01T12:00:07.100Z'));
  });

  it('is not a number for anything else', () => {
    for (const text of ['', '12:00:07', '2026-03-01', '2026-13-01T12:00:07Z', '2026-03-01T12:00:7Z', '2026-03-01T25:00:07Z', '2026-03-01T12:00:07 noon', 'March 1st, 2026 12:00']) expect([text, ms(text)]).toEqual([text, Number.NaN]);
  });
});
