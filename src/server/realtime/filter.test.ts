import { describe, expect, it } from 'vitest';
import { compileFilter, parseFilter } from './filter.ts';

const types = new Map([
  ['id', 'int8'],
  ['name', 'text'],
  ['ok', 'bool'],
  ['at', 'timestamptz'],
  ['key', 'uuid'],
  ['data', 'jsonb'],
]);
const row = { id: 7, name: 'Über, "uns"', ok: true, at: '2026-11-21T10:00:00+00:00', key: 'ab00', data: null };

describe('a filter', () => {
  it.each([
    ['id=eq.7', true],
    ['id=eq.07', true],
    ['id=eq.8', false],
    ['id=neq.8', true],
    ['id=lt.10', true],
    ['id=lte.7', true],
    ['id=gt.7', false],
    ['id=gte.7', true],
    ['id=in.(1,7)', true],
    ['id=not.in.(1,7)', false],
    ['id=eq.7,ok=is.true', true],
    ['id=eq.7,ok=is.false', false],
    [String.raw`name=eq."Über, \"uns\""`, true],
    [String.raw`name=in.(a,"Über, \"uns\"")`, true],
    ['name=like.Ü%', true],
    ['name=like.ü%', false],
    ['name=ilike.ü*', true],
    ['name=like.Über', false],
    ['name=like._ber%', true],
    [String.raw`name=like.Über\%`, false],
    ['name=match.^Ü', true],
    ['name=imatch.UNS', true],
    ['name=not.match.x', true],
    ['at=eq.2026-11-21T11:00:00+01:00', true],
    ['at=lt.2026-11-21T10:00:01Z', true],
    ['key=eq.AB00', true],
    ['ok=eq.t', true],
    ['data=is.null', true],
    ['data=not.is.null', false],
    ['data=is.not_null', false],
    ['data=eq.1', false],
    ['data=not.eq.1', false],
    ['data=isdistinct.1', true],
    ['data=isdistinct.null', false],
  ])('%s: %s', (text, expected) => {
    expect(compileFilter(parseFilter(text), types)(row)).toBe(expected);
  });

  it.each([
    ['id', 'the filter "id" is not of the form column=operator.value'],
    ['id=is', 'the filter "id=is" is not of the form column=operator.value'],
    ['id=near.7', 'unknown filter operator "near"'],
    ['id=in.7', '"in" takes a list in parentheses, as in.(1,2), not "7"'],
    ['ok=is.maybe', '"is" takes null, not_null, true, false or unknown, not "maybe"'],
    ['nope=eq.1', 'invalid column for filter nope'],
    ['name=match.(', 'the pattern "(" is not a regular expression'],
  ])('%s is refused: %s', (text, message) => {
    expect(() => compileFilter(parseFilter(text), types)).toThrow(message);
  });

  it('takes no longer for a pattern made to take long', () => {
    const filter = compileFilter(parseFilter('name=match.^(a+)+$'), types);
    expect(filter({ name: `${'a'.repeat(40)}b` })).toBe(false);
  });
});
