import { afterEach, describe, expect, it } from 'vitest';
import type { Orchestra } from './testing.ts';

/** `insert`, `upsert`, `update`, `delete`: what is stored is read from Postgres itself. */
export function writingContract(orchestra: () => Orchestra): void {
  const from = (table: string) => orchestra().supabase.from(table);
  const stored = async () => await orchestra().sql('select id, name from public.users where id >= 100 order by id');

  describe('writing', () => {
    afterEach(async () => void (await orchestra().sql('delete from public.users where id >= 100')));

    it('inserts one row, or many, and gives them back when asked', async () => {
      expect(await from('users').insert({ id: 100, name: 'one' })).toMatchObject({ status: 201, data: null, error: null });
      expect(
        await from('users')
          .insert([{ id: 101, name: 'two' }, { id: 102 }])
          .select('id, name'),
      ).toMatchObject({
        status: 201,
        data: [
          { id: 101, name: 'two' },
          { id: 102, name: null },
        ],
      });
      expect(await stored()).toHaveLength(3);
    });

    it('puts null where many rows differ, or the default, and says what it has put', async () => {
      const rows = [{ id: 100, price: 1 }, { id: 101 }];
      for (const [defaultToNull, price] of [
        [true, null],
        [false, 5],
      ] as const) {
        const named = rows.map((row) => ({ ...row, name: 'x' }));
        expect((await from('instruments').insert(named, { defaultToNull }).select('price').order('id')).data).toEqual([
          { price: 1 },
          { price },
        ]);
        expect(await orchestra().sql(`delete from public.instruments where name = 'x' returning price`)).toEqual([{ price: 1 }, { price }]);
      }
    });

    it('keeps integers beyond 2^53, sent as text', async () => {
      await from('instruments').update({ sold: '-9007199254740995' }).eq('id', 8).throwOnError();
      expect(await orchestra().sql('select sold::text from public.instruments where id = 8')).toEqual([{ sold: '-9007199254740995' }]);
      await orchestra().sql('update public.instruments set sold = 8 where id = 8');
    });

    it('upserts by the primary key or by columns, or leaves what is there', async () => {
      await from('users')
        .upsert([
          { id: 100, name: 'a' },
          { id: 101, name: 'b' },
        ])
        .throwOnError();
      expect((await from('users').upsert({ id: 100, name: 'changed' }).select()).data).toEqual([{ id: 100, name: 'changed' }]);
      await from('users').upsert({ id: 101, name: 'not this' }, { onConflict: 'id', ignoreDuplicates: true }).throwOnError();
      expect(await stored()).toEqual([
        { id: 100, name: 'changed' },
        { id: 101, name: 'b' },
      ]);
      expect(
        (await from('orchestral_sections').upsert({ id: 1, name: 'strings', conductor: 'Ada' }, { onConflict: 'name' }).select('id')).data,
      ).toEqual([{ id: 1 }]);
      expect(await from('users').upsert({ id: 100, name: 'x' }, { onConflict: 'name' })).toMatchObject({
        status: 400,
        error: { code: '42P10' },
      });
    });

    it('updates and deletes the rows that are meant', async () => {
      await from('users')
        .insert([{ id: 100 }, { id: 101 }, { id: 102 }])
        .throwOnError();
      expect(await from('users').update({ name: 'new' }, { count: 'exact' }).gte('id', 100).neq('id', 100).neq('id', 101)).toMatchObject({
        status: 204,
        count: 1,
        data: null,
      });
      expect((await from('users').update({ name: 'newer' }).eq('id', 102).select('name').single()).data).toEqual({ name: 'newer' });
      expect((await from('users').delete().or('id.eq.100,id.eq.101').or('id.eq.101,id.eq.102').select('id')).data).toEqual([{ id: 101 }]);
      expect(await from('users').delete().eq('id', 100)).toMatchObject({ status: 204, data: null, error: null });
      expect(await stored()).toEqual([{ id: 102, name: 'newer' }]);
    });

    it('undoes what would touch more rows than it may', async () => {
      await from('users')
        .insert([{ id: 100 }, { id: 101 }])
        .throwOnError();
      // Without generated types its type is an error's.
      const limited = from('users').delete().gte('id', 100).maxAffected(1) as unknown as PromiseLike<unknown>;
      expect(await limited).toMatchObject({ status: 400, error: { code: 'PGRST124' } });
      expect(await stored()).toHaveLength(2);
    });

    it.each<[string, (from: Orchestra['supabase']['from']) => PromiseLike<unknown>, object]>([
      [
        'a value twice',
        (table) => table('users').insert({ id: 1 }),
        { status: 409, error: { code: '23505', details: 'Key (id)=(1) already exists.' } },
      ],
      ['a missing value', (table) => table('instruments').insert({ price: 1 }), { status: 400, error: { code: '23502' } }],
      ['a row that is not there', (table) => table('messages').insert({ id: 9, sender_id: 99 }), { status: 409, error: { code: '23503' } }],
      [
        'a value a check refuses',
        (table) => table('instruments').insert({ name: 'x', price: -1 }),
        { status: 400, error: { code: '23514' } },
      ],
      [
        'an unknown column',
        (table) => table('users').insert({ nope: 1 }),
        { status: 400, error: { code: 'PGRST204', message: `Could not find the 'nope' column of 'users' in the schema cache` } },
      ],
      [
        'an unknown column to change',
        (table) => table('users').update({ nope: 1 }).eq('id', 1),
        { status: 400, error: { code: 'PGRST204' } },
      ],
      ['text for a number', (table) => table('users').insert({ id: 'x' }), { status: 400, error: { code: '22P02' } }],
      ['a row that others refer to', (table) => table('users').delete().eq('id', 1), { status: 409, error: { code: '23503' } }],
    ])('says what is wrong with %s', async (_, ask, expected) => {
      expect(await ask((table) => from(table) as never)).toMatchObject(expected);
    });
  });
}
