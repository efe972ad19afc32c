import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../storage/database.ts';
import { openTestDatabase, type TestDatabase } from '../../storage/testing.ts';
import type { TableShape } from './catalog.ts';
import { conditionSql, parseFilter } from './filter.ts';

const columns = {
  id: 'bigint',
  name: 'text',
  ok: 'boolean',
  at: 'timestamp with time zone',
  key: 'uuid',
  amount: 'numeric',
  data: 'jsonb',
  tags: 'text[]',
};
const shape: TableShape = {
  name: 'filtered',
  columns: [],
  types: new Map(Object.entries(columns)),
  primaryKey: ['id'],
  tellsWholeOldRow: false,
  readers: new Set(),
};

/** Two of everything that two rows can differ in, and one that is null throughout. */
const rows = `(values
  (7::bigint, 'Über, "uns"', true, '2026-11-21 10:00:00.000001+00'::timestamptz, 'ab000000-0000-4000-8000-000000000000'::uuid,
    9007199254740993::numeric, '{"a": [1, null]}'::jsonb, array['x,y', '(z)']),
  (9007199254740993, 'b\\c (d)', false, 'infinity', 'cd000000-0000-4000-8000-000000000000', 9007199254740992.5, '"text"', '{}'),
  (null, null, null, null, null, null, null, null)) as filtered (${Object.keys(columns).join(', ')})`;

describe.each(['pglite', 'postgres'] as const)('a filter on %s', (engine) => {
  let opened: TestDatabase;
  let database: Database;
  beforeAll(async () => {
    opened = await openTestDatabase(engine);
    database = opened.database;
  }, 60_000);
  afterAll(async () => await opened.close());

  /** The places of the rows that pass, under `where`. */
  async function placesWhere(where: string, parameters: readonly unknown[] = []): Promise<readonly number[]> {
    const { rows: found } = await database.asOwner(
      async (transaction) =>
        await transaction.query<{ place: number }>(
          `select place::int as place from (select *, row_number() over () as place from ${rows}) as filtered where ${where} order by place`,
          parameters,
        ),
    );
    return found.map(({ place }) => place);
  }
  async function passing(text: string): Promise<readonly number[]> {
    const parameters: string[] = [];
    const conditions = parseFilter(text).map((condition) => conditionSql(condition, shape, (value) => `$${parameters.push(value)}`));
    return await placesWhere(conditions.join(' and ') || 'true', parameters);
  }

  it.each([
    ['', 'true'],
    ['id=eq.7', 'id = 7'],
    ['id=eq.07', 'id = 7'],
    ['id=eq.9007199254740993', 'id = 9007199254740993'],
    ['id=neq.9007199254740992', 'id <> 9007199254740992'],
    ['id=lt.8', 'id < 8'],
    ['id=lte.7', 'id <= 7'],
    ['id=gt.7', 'id > 7'],
    ['id=gte.7', 'id >= 7'],
    ['id=in.(1,7)', 'id in (1, 7)'],
    ['id=in.()', 'false'],
    ['id=not.in.(1,7)', 'id not in (1, 7)'],
    ['id=not.eq.7', 'not id = 7'],
    ['id=eq.7,ok=is.true', 'id = 7 and ok is true'],
    ['id=eq.7,ok=is.false', 'id = 7 and ok is false'],
    ['ok=is.unknown', 'ok is unknown'],
    ['ok=not.is.true', 'not ok is true'],
    ['ok=eq.t', 'ok'],
    [String.raw`name=eq."Über, \"uns\""`, `name = 'Über, "uns"'`],
    [String.raw`name=in.(a,"Über, \"uns\"")`, `name in ('a', 'Über, "uns"')`],
    [String.raw`name=eq."b\\c (d)"`, String.raw`name = 'b\c (d)'`],
    ['name=gt.b', `name > 'b'`],
    ['name=like.Ü%', `name like 'Ü%'`],
    ['name=like.ü%', `name like 'ü%'`],
    ['name=ilike.ü%', `name ilike 'ü%'`],
    ['name=like._ber%', `name like '_ber%'`],
    ['name=like.*', `name like '*'`],
    ['name=match.^Ü', `name ~ '^Ü'`],
    ['name=imatch.UNS', `name ~* 'UNS'`],
    ['name=not.match.x', `name !~ 'x'`],
    ['at=eq.2026-11-21T11:00:00.000001+01:00', `at = '2026-11-21T10:00:00.000001Z'`],
    ['at=gt.2026-11-21T10:00:00Z', `at > '2026-11-21T10:00:00Z'`],
    ['at=eq.infinity', `at = 'infinity'`],
    ['key=eq.AB000000-0000-4000-8000-000000000000', `key = 'ab000000-0000-4000-8000-000000000000'`],
    ['amount=gt.9007199254740992', 'amount > 9007199254740992'],
    ['amount=eq.9007199254740993.0', 'amount = 9007199254740993'],
    ['data=is.null', 'data is null'],
    ['data=not.is.null', 'data is not null'],
    ['data=is.not_null', 'data is not null'],
    [String.raw`data=eq."{ \"a\":[1,null]}"`, `data = '{"a": [1, null]}'`],
    ['data=isdistinct."\\"text\\""', `data is distinct from '"text"'`],
    ['data=isdistinct.null', 'data is distinct from null'],
    ['tags=eq.{}', `tags = '{}'`],
    [String.raw`tags=eq."{\"x,y\",(z)}"`, `tags = array['x,y', '(z)']`],
  ])('%s lets the same rows through as: where %s', async (text, where) => {
    expect(await passing(text)).toEqual(await placesWhere(where));
  });

  it('compares any text, and any number, as Postgres does', async () => {
    const quotedText = (text: string): string => `"${text.replaceAll(/[\\"]/g, String.raw`\$&`)}"`;
    const text = fc.stringMatching(/^[ab,()"\\ü% ]{0,4}$/);
    const comparison = fc.constantFrom(['eq', '='], ['neq', '<>'], ['lt', '<'], ['gte', '>='], ['isdistinct', 'is distinct from']);
    await fc.assert(
      fc.asyncProperty(
        comparison,
        fc.boolean(),
        fc.oneof(text, fc.bigInt(-(2n ** 60n), 2n ** 60n)),
        async ([name, sql], negated, value) => {
          const [column, filter] = typeof value === 'string' ? ['name', quotedText(value)] : ['amount', String(value)];
          const literal = typeof value === 'string' ? value.replaceAll("'", "''") : String(value);
          expect(await passing(`${column}=${negated ? 'not.' : ''}${name}.${filter}`)).toEqual(
            await placesWhere(`${negated ? 'not' : ''} (${column} ${sql} '${literal}')`),
          );
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('a filter that cannot work', () => {
  it.each([
    ['id', 'the filter "id" is not of the form column=operator.value'],
    ['id=is', 'the filter "id=is" is not of the form column=operator.value'],
    ['id=eq.1,', 'the filter "" is not of the form column=operator.value'],
    ['id=near.7', 'unknown filter operator "near"'],
    ['id=in.7', '"in" takes a list in parentheses, as in.(1,2), not "7"'],
    ['ok=is.maybe', '"is" takes null, not_null, true, false, unknown, not "maybe"'],
    ['nope=eq.1', 'invalid column for filter nope'],
    ['name=match.(', 'the pattern "(" is not a regular expression'],
    [String.raw`name=match.(a*)*\1`, 'is not a regular expression that can be used here'],
    [String.raw`name=like.Über\\\ `.trim(), 'ends in the middle of an escape'],
    [`id=in.(${Array.from({ length: 101 }, (_, at) => at).join()})`, '"in" takes at most 100 values'],
    [Array.from({ length: 21 }, () => 'id=eq.1').join(), 'a filter has at most 20 conditions'],
    [`name=eq.${'x'.repeat(9_000)}`, 'a filter has at most 8192 characters'],
  ])('%s is refused: %s', (text, message) => {
    expect(() => parseFilter(text).map((condition) => conditionSql(condition, shape, () => '$1'))).toThrow(message);
  });
});
