import { describe, expect, it } from 'vitest';
import { FilterError, unsealed, withSealedFilters } from './rest-filters.ts';

/** What the Data API is given for a query, with the sealed values opened again and shown in ‹›. */
function read(query: string, { path = '/rest/v1/films', method = 'GET' } = {}): string[] {
  const url = withSealedFilters(method, new URL(`http://localhost${path}?${query}`));
  const open = (text: string): string => text.replaceAll(/v[\da-f]{16}_[\w-]*/g, (word) => `‹${unsealed(word)}›`);
  return [...url.searchParams].map(([name, value]) => `${name}=${open(value)}`);
}

describe('filters', () => {
  it.each<[string, string[]]>([
    ['title=eq.1e5', ['title=eq.‹1e5›']],
    ['title=eq.null&title=is.null', ['and=(title.eq.‹null›,title.is.null)']],
    ['title=not.eq."x"', ['title=not.eq.‹"x"›']],
    ['title=neq.a&title=neq.b', ['and=(title.neq.‹a›,title.neq.‹b›)']],
    ['title=ilike.*star*', ['title=ilike.‹%star%›']],
    ['title=like(any).{"a*,b",c}', ['title=like(any).{‹a%,b›,‹c›}']],
    [String.raw`title=in.(a,"b,c","say \"x\"","\\",)`, [String.raw`title=in.(‹a›,‹b,c›,‹say "x"›,‹\›,‹›)`]],
    ['id=in.()', ['id=in.()']],
    ['tags=cs.{"x,y"}', ['tags=cs.‹{"x,y"}›']],
    ['text=wfts(english).fat cat', ['text=wfts(english).‹fat cat›']],
    ['data->>a.b=eq.1&data->>a.b=eq.2', ['and=(data->>a.b.eq.‹1›,data->>a.b.eq.‹2›)']],
    ['or=(a.eq.1,b.eq."2,3")', ['or=(a.eq.‹1›,b.eq.‹2,3›)']],
    ['or=(a.eq.1)&or=(b.eq.2)&not.and=(c.eq.3)', ['not.and=(c.eq.‹3›)', 'and=(or(a.eq.‹1›),or(b.eq.‹2›))']],
    [String.raw`or=(a.ilike."x*\"(",not.or(b.not.in.(1,2),c.is.null))`, ['or=(a.ilike.‹x%"(›,not.or(b.not.in.(‹1›,‹2›),c.is.null))']],
    ['actors.age=gt.1&actors.age=lt.9&actors.or=(x.eq.1)', ['actors.or=(x.eq.‹1›)', 'actors.and=(age.gt.‹1›,age.lt.‹9›)']],
    ['select=a,b&order=a.desc&actors.limit=1&limit=2', ['select=a,b', 'order=a.desc', 'actors.limit=1', 'limit=2']],
    ['title=near.x', ['title=near.x']],
  ])('%s', (query, expected) => {
    expect(read(query.replaceAll('\\', '%5C'))).toEqual(expected);
  });

  it('of a function stand beside its arguments', () => {
    expect(read('word=null&n=gt.1', { path: '/rest/v1/rpc/say' })).toEqual(['word=‹null›', 'n=gt.‹1›']);
  });

  it.each([
    'or=',
    'or=()',
    'or=(a.eq.1',
    'or=(a)',
    'or=(a.near.1)',
    'or=(.eq.1)',
    'or=(a.eq.1,)',
    'id=in.1',
    `or=${'(and'.repeat(40)}(a.eq.1)${')'.repeat(40)}`,
  ])('%s cannot be read', (query) => {
    expect(() => read(query)).toThrow(FilterError);
  });

  it('that look like sealed ones stay what they are', () => {
    expect(unsealed({ a: ['v0000000000000000_YQ', 7, null] })).toEqual({ a: ['v0000000000000000_YQ', 7, null] });
  });
});
