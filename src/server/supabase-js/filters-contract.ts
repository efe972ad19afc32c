import { describe, expect, it } from 'vitest';
import type { Orchestra } from './testing.ts';

type Query = ReturnType<typeof instruments>;
const instruments = ({ supabase }: Orchestra) => supabase.from('instruments').select('id').order('id');

/** Every filter of supabase-js finds the rows that Postgres finds under the condition beside it. */
export function filtersContract(orchestra: () => Orchestra): void {
  const cases: [string, (rows: Query) => PromiseLike<{ data: unknown; error: unknown }>, string][] = [
    ['eq', (rows) => rows.eq('name', 'violin'), `name = 'violin'`],
    ['eq with a word that looks like null', (rows) => rows.eq('name', 'null'), `name = 'null'`],
    ['eq with a text that looks like a number', (rows) => rows.eq('name', '1e5'), `name = '1e5'`],
    ['eq with quotes', (rows) => rows.eq('name', '"quoted"'), `name = '"quoted"'`],
    ['eq with commas and parentheses', (rows) => rows.eq('name', 'a,b(c)'), `name = 'a,b(c)'`],
    ['eq with signs of patterns', (rows) => rows.eq('name', '100%_*\\'), String.raw`name = '100%_*\'`],
    ['eq beyond 2^53', (rows) => rows.eq('sold', '9007199254740993'), 'sold = 9007199254740993'],
    ['neq, twice', (rows) => rows.neq('name', 'violin').neq('name', 'null'), `name <> 'violin' and name <> 'null'`],
    ['gt and lt', (rows) => rows.gt('price', 1).lt('price', 10.5), 'price > 1 and price < 10.5'],
    ['gte and lte', (rows) => rows.gte('made', '1741-05-01').lte('made', '1800-01-01'), `made between '1741-05-01' and '1800-01-01'`],
    ['like', (rows) => rows.like('name', '%l%'), `name like '%l%'`],
    ['ilike, twice', (rows) => rows.ilike('name', '%L%').ilike('name', 'C%'), `name ilike '%L%' and name ilike 'C%'`],
    ['likeAllOf', (rows) => rows.likeAllOf('name', ['%e%', '%l%']), `name like all (array['%e%', '%l%'])`],
    ['likeAnyOf', (rows) => rows.likeAnyOf('name', ['v%', '1%']), `name like any (array['v%', '1%'])`],
    ['ilikeAllOf', (rows) => rows.ilikeAllOf('name', ['%E%', 'C%']), `name ilike all (array['%E%', 'C%'])`],
    ['ilikeAnyOf', (rows) => rows.ilikeAnyOf('name', ['V%', 'C%']), `name ilike any (array['V%', 'C%'])`],
    ['regexMatch', (rows) => rows.regexMatch('name', '^[cf]l?'), `name ~ '^[cf]l?'`],
    ['regexIMatch', (rows) => rows.regexIMatch('name', '^[CF]'), `name ~* '^[CF]'`],
    ['is null', (rows) => rows.is('price', null), 'price is null'],
    ['is true', (rows) => rows.is('loud', true), 'loud is true'],
    ['isDistinct', (rows) => rows.isDistinct('loud', true), 'loud is distinct from true'],
    ['in', (rows) => rows.in('name', ['null', 'a,b(c)', '1e5']), `name in ('null', 'a,b(c)', '1e5')`],
    ['notIn', (rows) => rows.notIn('name', ['null', 'a,b(c)']), `name not in ('null', 'a,b(c)')`],
    ['in of nothing', (rows) => rows.in('name', []), 'false'],
    ['contains of an array', (rows) => rows.contains('tags', ['wood']), `tags @> '{wood}'`],
    ['contains of an array with commas', (rows) => rows.contains('tags', '{"silver, plated"}'), `tags @> '{"silver, plated"}'`],
    ['contains of JSON', (rows) => rows.contains('data', { address: { city: 'Cremona' } }), `data @> '{"address": {"city": "Cremona"}}'`],
    ['contains of a range', (rows) => rows.contains('octaves', '[3,4)'), `octaves @> '[3,4)'`],
    ['containedBy of an array', (rows) => rows.containedBy('tags', ['wood', 'bow', 'x']), `tags <@ '{wood,bow,x}'`],
    ['containedBy of JSON', (rows) => rows.containedBy('data', { maker: '1e5', a: 1 }), `data <@ '{"maker": "1e5", "a": 1}'`],
    ['rangeGt', (rows) => rows.rangeGt('octaves', '[2,5)'), `octaves >> '[2,5)'`],
    ['rangeGte', (rows) => rows.rangeGte('octaves', '[3,5)'), `octaves &> '[3,5)'`],
    ['rangeLt', (rows) => rows.rangeLt('octaves', '[8,9)'), `octaves << '[8,9)'`],
    ['rangeLte', (rows) => rows.rangeLte('octaves', '[2,6)'), `octaves &< '[2,6)'`],
    ['rangeAdjacent of times', (rows) => rows.rangeAdjacent('lent', '[2024-02-01,2024-03-01)'), `lent -|- '[2024-02-01,2024-03-01)'`],
    ['overlaps of arrays', (rows) => rows.overlaps('tags', ['bow', 'true']), `tags && '{bow,true}'`],
    ['overlaps of ranges', (rows) => rows.overlaps('octaves', '[4,11)'), `octaves && '[4,11)'`],
    ['textSearch', (rows) => rows.textSearch('body', `'fat' & 'cat'`, { config: 'english' }), `body @@ to_tsquery('english', 'fat & cat')`],
    [
      'textSearch, plain',
      (rows) => rows.textSearch('body', 'fat cats', { type: 'plain', config: 'english' }),
      `body @@ plainto_tsquery('english', 'fat cats')`,
    ],
    [
      'textSearch, phrase',
      (rows) => rows.textSearch('body', 'fat cats', { type: 'phrase', config: 'english' }),
      `body @@ phraseto_tsquery('english', 'fat cats')`,
    ],
    [
      'textSearch, web',
      (rows) => rows.textSearch('body', 'dog or cat', { type: 'websearch', config: 'english' }),
      `body @@ websearch_to_tsquery('english', 'dog or cat')`,
    ],
    ['match', (rows) => rows.match({ section_id: 1, name: 'cello' }), `section_id = 1 and name = 'cello'`],
    ['not, twice', (rows) => rows.not('name', 'eq', 'violin').not('name', 'eq', 'cello'), `name not in ('violin', 'cello')`],
    ['not in', (rows) => rows.not('name', 'in', '("null","1e5")'), `name not in ('null', '1e5')`],
    ['or', (rows) => rows.or('id.eq.2,name.eq.violin'), `id = 2 or name = 'violin'`],
    ['or with quoted patterns', (rows) => rows.or('name.ilike."A,B*",name.like."100%"'), `name ilike 'A,B%' or name like '100%'`],
    ['or, twice', (rows) => rows.or('id.eq.1,id.eq.2').or('id.eq.2,id.eq.3'), 'id = 2'],
    ['or of and and not', (rows) => rows.or('and(id.gt.1,id.lt.4),not.and(id.gt.0,id.lt.8)'), 'id in (2, 3, 8)'],
    ['or with arrays', (rows) => rows.or('tags.cs.{wood,bow},tags.ov.{5}'), `tags @> '{wood,bow}' or tags && '{5}'`],
    ['filter', (rows) => rows.filter('name', 'in', '("violin","1e5")'), `name in ('violin', '1e5')`],
    ['a path to a text', (rows) => rows.eq('data->>maker', '1e5'), `data->>'maker' = '1e5'`],
    ['a longer path', (rows) => rows.eq('data->address->>city', 'Cremona'), `data->'address'->>'city' = 'Cremona'`],
    ['a path to JSON', (rows) => rows.gt('data->year', 1700), `data->'year' > '1700'`],
    ['an element of an array', (rows) => rows.eq('data->0', 1), `data->0 = '1'`],
  ];

  describe('filters', () => {
    it.each(cases)('%s', async (_, filter, condition) => {
      const { data, error } = await filter(instruments(orchestra()));
      expect(error).toBeNull();
      expect(data).toEqual(await orchestra().sql(`select id from public.instruments where ${condition} order by id`));
    });

    it('of a call hold back rows and keep them from being deleted', async () => {
      await orchestra().sql(`insert into public.users values (7, 'a'), (8, 'b'), (9, 'c')`);
      const { data } = await orchestra().supabase.from('users').delete().gte('id', 7).neq('id', 7).neq('id', 8).select('id');
      expect(data).toEqual([{ id: 9 }]);
      await orchestra().sql('delete from public.users where id in (7, 8)');
    });
  });
}
