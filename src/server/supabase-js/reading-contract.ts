import { describe, expect, it } from 'vitest';
import { anonClient, userClient } from '../testing-clients.ts';
import type { Orchestra } from './testing.ts';

/** `select` with everything that may stand behind it. */
export function readingContract(orchestra: () => Orchestra): void {
  const from = (table: string) => orchestra().supabase.from(table);
  const rowsOf = async (query: PromiseLike<{ data: unknown; error: unknown }>): Promise<unknown> => {
    const { data, error } = await query;
    expect(error).toBeNull();
    return data;
  };

  describe('select', () => {
    it('gives columns, under other names, as other types, and from within JSON', async () => {
      expect(
        await rowsOf(from('instruments').select('called:name, price::text, maker:data->>maker, data->year, full_name').eq('id', 1)),
      ).toEqual([{ called: 'violin', price: '10.5', maker: 'Guarneri', year: 1741, full_name: 'the violin' }]);
    });

    it('joins the rows that refer to a row, and the row that is referred to', async () => {
      expect(await rowsOf(from('orchestral_sections').select('name, instruments(name)').lte('id', 2).order('id'))).toEqual([
        { name: 'strings', instruments: [{ name: 'violin' }, { name: 'cello' }] },
        { name: 'woodwinds', instruments: [{ name: 'flute' }, { name: 'null' }] },
      ]);
      expect(await rowsOf(from('instruments').select('name, section:orchestral_sections(name)').in('id', [1, 7]).order('id'))).toEqual([
        { name: 'violin', section: { name: 'strings' } },
        { name: 'a,b(c)', section: null },
      ]);
    });

    it('joins through a table between, and further on', async () => {
      expect(await rowsOf(from('teams').select('name, users(name)').eq('id', 1))).toEqual([
        { name: 'red', users: [{ name: 'Iron Man' }, { name: 'Thor' }] },
      ]);
      expect(await rowsOf(from('members').select('teams(name), users(name, messages!sender_id(text))').eq('user_id', 1))).toEqual([
        { teams: { name: 'red' }, users: { name: 'Iron Man', messages: [{ text: 'hello' }] } },
      ]);
    });

    it('joins one table twice by the columns that refer to it', async () => {
      expect(await rowsOf(from('messages').select('text, from:sender_id(name), to:receiver_id(name)').eq('id', 1))).toEqual([
        { text: 'hello', from: { name: 'Iron Man' }, to: { name: 'Thor' } },
      ]);
      expect(await from('messages').select('text, users(name)')).toMatchObject({
        status: 300,
        error: {
          code: 'PGRST201',
          details: [{ embedding: 'messages with users' }, {}],
          hint: expect.stringContaining('users!messages_sender_id_fkey'),
        },
      });
    });

    it('filters what is joined, and with !inner what it is joined to', async () => {
      expect(
        await rowsOf(from('orchestral_sections').select('name, instruments(name)').gt('instruments.price', 5).lte('id', 2).order('id')),
      ).toEqual([
        { name: 'strings', instruments: [{ name: 'violin' }, { name: 'cello' }] },
        { name: 'woodwinds', instruments: [] },
      ]);
      expect(
        await rowsOf(
          from('orchestral_sections')
            .select('name, instruments!inner(name)')
            .neq('instruments.id', 1)
            .neq('instruments.id', 3)
            .lte('id', 2)
            .order('id'),
        ),
      ).toEqual([
        { name: 'strings', instruments: [{ name: 'cello' }] },
        { name: 'woodwinds', instruments: [{ name: 'null' }] },
      ]);
      expect(
        await rowsOf(
          from('orchestral_sections')
            .select('name, some:instruments!inner(name)')
            .or('name.eq.flute,name.eq."1e5"', { referencedTable: 'some' })
            .order('id'),
        ),
      ).toEqual([
        { name: 'woodwinds', some: [{ name: 'flute' }] },
        { name: 'percussion', some: [{ name: '1e5' }] },
      ]);
      expect(
        await rowsOf(from('instruments').select('name, orchestral_sections!inner()').eq('orchestral_sections.name', 'strings').order('id')),
      ).toEqual([{ name: 'violin' }, { name: 'cello' }]);
    });

    it('counts what is joined, spreads it, and asks whether there is any', async () => {
      expect(await rowsOf(from('orchestral_sections').select('name, instruments(count)').eq('id', 1))).toEqual([
        { name: 'strings', instruments: [{ count: 2 }] },
      ]);
      expect(await rowsOf(from('instruments').select('name, ...orchestral_sections(section:name)').eq('id', 1))).toEqual([
        { name: 'violin', section: 'strings' },
      ]);
      expect(await rowsOf(from('instruments').select('id, orchestral_sections()').is('orchestral_sections', null).order('id'))).toEqual([
        { id: 7 },
        { id: 8 },
      ]);
    });

    it('orders, limits and pages rows and what is joined to them', async () => {
      expect(
        await rowsOf(from('instruments').select('id').order('price', { ascending: false, nullsFirst: false }).order('id').limit(3)),
      ).toEqual([{ id: 2 }, { id: 1 }, { id: 8 }]);
      expect(await rowsOf(from('instruments').select('id').order('price', { ascending: true, nullsFirst: true }).limit(1))).toEqual([
        { id: 4 },
      ]);
      expect(
        await rowsOf(
          from('orchestral_sections')
            .select('id, instruments(id)')
            .order('id')
            .order('id', { referencedTable: 'instruments', ascending: false })
            .limit(1, { referencedTable: 'instruments' }),
        ),
      ).toEqual([
        { id: 1, instruments: [{ id: 2 }] },
        { id: 2, instruments: [{ id: 4 }] },
        { id: 3, instruments: [{ id: 6 }] },
      ]);
      expect(
        await rowsOf(
          from('instruments')
            .select('id, orchestral_sections(name)')
            .order('orchestral_sections(name)', { ascending: false, nullsFirst: false })
            .order('id')
            .limit(2),
        ),
      ).toMatchObject([{ id: 3 }, { id: 4 }]);
      expect(await rowsOf(from('instruments').select('id').order('id').range(2, 3))).toEqual([{ id: 3 }, { id: 4 }]);
    });

    it('says by the status of an answer without a body that a question cannot be read', async () => {
      for (const select of [`"\`'><script>`, `name,'>`]) {
        const head = await from('instruments').select(select as '*', { count: 'exact', head: true });
        const get = await from('instruments').select(select as '*');
        expect([head.status, get.status]).toEqual([400, 400]);
      }
    });

    it('counts exactly, as planned, or as estimated, with rows and without', async () => {
      const exact = await from('instruments').select('id', { count: 'exact' }).gt('price', 5).range(0, 1);
      expect({ count: exact.count, rows: exact.data?.length, status: exact.status }).toEqual({ count: 4, rows: 2, status: 206 });
      const head = await from('instruments').select('*', { count: 'exact', head: true }).neq('id', 1).neq('id', 2);
      expect({ count: head.count, data: head.data }).toEqual({ count: 6, data: null });
      for (const count of ['planned', 'estimated'] as const)
        expect((await from('instruments').select('id', { count })).count).toEqual(expect.any(Number));
    });

    it('gives one row, perhaps one, CSV, or the plan', async () => {
      expect(await rowsOf(from('teams').select('name').eq('id', 1).single())).toEqual({ name: 'red' });
      expect(await rowsOf(from('teams').select('name').eq('id', 99).maybeSingle())).toBeNull();
      expect(await from('teams').select('name').single()).toMatchObject({
        status: 406,
        error: { code: 'PGRST116', details: 'The result contains 2 rows' },
      });
      expect(await from('teams').select('name').eq('id', 99).single()).toMatchObject({
        status: 406,
        error: { code: 'PGRST116', details: 'The result contains 0 rows' },
      });
      expect(await from('teams').select('name').maybeSingle()).toMatchObject({ error: { code: 'PGRST116' } });
      expect(await rowsOf(from('teams').select('id, name').order('id').csv())).toBe('id,name\n1,red\n2,blue');
    });

    it('ends when it is aborted', async () => {
      const { error } = await from('teams').select().abortSignal(AbortSignal.abort());
      expect(error?.message).toMatch(/abort/i);
    });

    it('reads views, and only the schemas that are shown', async () => {
      expect(await rowsOf(from('loud_instruments').select('name, orchestral_sections(name)').order('id'))).toEqual([
        { name: 'cello', orchestral_sections: { name: 'strings' } },
        { name: '1e5', orchestral_sections: { name: 'percussion' } },
      ]);
      for (const schema of ['stepscope', 'auth', 'pg_catalog', 'nope']) {
        expect(await orchestra().supabase.schema(schema).from('teams').select()).toMatchObject({
          status: 406,
          error: { code: 'PGRST106' },
        });
      }
      expect(await rowsOf(orchestra().supabase.schema('public').from('teams').select('id').eq('id', 1))).toEqual([{ id: 1 }]);
    });

    it.each<[string, (from: Orchestra['supabase']['from']) => PromiseLike<unknown>, object]>([
      [
        'an unknown table',
        (table) => table('nope').select(),
        { status: 404, error: { code: 'PGRST205', message: `Could not find the table 'public.nope' in the schema cache` } },
      ],
      [
        'an unknown column',
        (table) => table('teams').select('nope'),
        { status: 400, error: { code: '42703', message: expect.stringContaining('nope') } },
      ],
      ['a filter of an unknown column', (table) => table('teams').select().eq('nope', 1), { status: 400, error: { code: '42703' } }],
      [
        'a join of what nothing relates',
        (table) => table('teams').select('*, instruments(*)'),
        { status: 400, error: { code: 'PGRST200' } },
      ],
      [
        'a filter of what is not joined',
        (table) => table('teams').select().eq('users.name', 'x'),
        { status: 400, error: { code: 'PGRST108' } },
      ],
      ['an unknown operator', (table) => table('teams').select().filter('name', 'near', 'x'), { status: 400, error: { code: 'PGRST100' } }],
      ['an or without an end', (table) => table('teams').select().or('id.eq.1,(name.eq.x'), { status: 400, error: { code: 'PGRST100' } }],
      ['text for a number', (table) => table('teams').select().eq('id', 'x'), { status: 400, error: { code: '22P02' } }],
      ['a number out of range', (table) => table('teams').select().eq('id', '99999999999'), { status: 400, error: { code: '22003' } }],
      [
        'a range beyond the end',
        (table) => table('teams').select('*', { count: 'exact' }).range(1000, 1001),
        { status: 416, error: { code: 'PGRST103' } },
      ],
    ])('says what is wrong with %s', async (_, ask, expected) => {
      expect(await ask((table) => from(table) as never)).toMatchObject(expected);
    });

    it('asks who has not signed in to do so, and refuses others', async () => {
      expect(await anonClient(orchestra().backend).from('teams').select()).toMatchObject({ status: 401, error: { code: '42501' } });
      expect(await (await userClient(orchestra().backend)).from('teams').select()).toMatchObject({ status: 403, error: { code: '42501' } });
    });
  });
}
