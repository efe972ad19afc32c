import { describe, expect, it } from 'vitest';
import type { Orchestra } from './testing.ts';

/** `rpc`: functions of the database. */
export function callingContract(orchestra: () => Orchestra): void {
  const rpc: Orchestra['supabase']['rpc'] = (...call) => orchestra().supabase.rpc(...call);

  describe('rpc', () => {
    it('passes arguments by name, by POST and by GET', async () => {
      expect(await rpc('add_up', { a: 1, b: 2 })).toMatchObject({ status: 200, data: 3 });
      expect(await rpc('add_up', { a: 1 })).toMatchObject({ data: 2 });
      expect(await rpc('add_up', { a: 1, b: 5 }, { get: true })).toMatchObject({ data: 6 });
      expect(await rpc('longest', { names: ['a', 'ccc', 'bb'] })).toMatchObject({ data: 'ccc' });
      expect(await rpc('longest', { names: ['a', 'ccc', 'bb'] }, { get: true })).toMatchObject({ data: 'ccc' });
    });

    it.each(['null', '1e5', 'true', '"x"', '{"a":1}', 'a,b', '%20', '🦊'])('gives a text such as %j as it is', async (word) => {
      expect(await rpc('say', { word })).toMatchObject({ data: word });
      expect(await rpc('say', { word }, { get: true })).toMatchObject({ data: word });
    });

    it('filters, orders, joins and counts the rows a function gives', async () => {
      const { data } = await rpc('cheaper', { than: 8 })
        .select('id, orchestral_sections(name)')
        .gt('price', 0)
        .neq('id', 5)
        .neq('id', 7)
        .order('id', { ascending: false });
      expect(data).toEqual([
        { id: 8, orchestral_sections: null },
        { id: 3, orchestral_sections: { name: 'woodwinds' } },
      ]);
      expect((await rpc('cheaper', { than: 8 }, { get: true, count: 'exact' }).select('id').limit(2)).count).toBe(5);
      expect(await rpc('cheaper', { than: 8 }, { head: true, count: 'exact' })).toMatchObject({ data: null, count: 5, error: null });
      expect((await rpc('cheaper', { than: 1 }).select('name').single()).data).toEqual({ name: '"quoted"' });
    });

    it('tells of functions that are not there and arguments that do not fit', async () => {
      expect(await rpc('frobnicate', { a: 1 })).toMatchObject({
        status: 404,
        error: { code: 'PGRST202', message: expect.stringContaining('public.frobnicate(a)') },
      });
      expect(await rpc('add_up', { c: 1 })).toMatchObject({ status: 404, error: { code: 'PGRST202' } });
      expect(await rpc('add_up', { a: 'x' })).toMatchObject({ status: 400, error: { code: '22P02' } });
    });

    it('writes nothing by GET', async () => {
      expect(await rpc('write_down', { text: 'x' }, { get: true })).toMatchObject({ status: 405, error: { code: '25006' } });
      expect(await rpc('write_down', { text: 'x' })).toMatchObject({ status: 204, error: null });
      expect(await orchestra().sql(`delete from public.users where id = 1000 returning name`)).toEqual([{ name: 'x' }]);
    });

    it.each([
      ['P0001', 400],
      ['PT418', 418],
      ['42501', 403],
      ['23514', 400],
    ])('hands on what a function raises: %s is %i', async (state, status) => {
      // The secret key has not signed in, but is somebody.
      expect(await rpc('fail_with', { state })).toMatchObject({
        status,
        error: { code: state, message: 'no', details: 'because', hint: 'try' },
      });
    });
  });
}
