import { beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { publishedTables, tables } from '../../protocol/rows.ts';
import type { Database } from '../database.ts';
import { migrate, readMigrations, schemaVersion } from '../migrate.ts';

/** Tables that are nobody's business but the database's. */
const internalTables = ['run_sequences'];

/** The tables are those of `protocol/rows.ts`, column for column. */
export function schemaContract(open: () => Database): void {
  describe('the schema', () => {
    let database: Database;
    beforeAll(() => {
      database = open();
    });

    it('is applied once, however often it is asked for', async () => {
      expect(await migrate(database)).toEqual([]);
      const { rows } = await query<{ version: number }>('select max(version) as version from stepscope.stepscope_migrations');
      expect(rows[0]!.version).toBe(schemaVersion());
      const versions = readMigrations().map((migration) => migration.version);
      expect(versions).toEqual([...new Set(versions)].toSorted((one, other) => one - other));
    });

    it('refuses a database that is newer than the program', async () => {
      await query(`insert into stepscope.stepscope_migrations (version, name, checksum) values (9999, 'future', '')`);
      try {
        await expect(migrate(database)).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('schema 9999') });
      } finally {
        await query('delete from stepscope.stepscope_migrations where version = 9999');
      }
    });

    it('refuses a migration whose text has changed since', async () => {
      await query(`update stepscope.stepscope_migrations set checksum = 'other ' || checksum where version = 1`);
      try {
        await expect(migrate(database)).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('migration 1') });
      } finally {
        await query(`update stepscope.stepscope_migrations set checksum = substr(checksum, 7) where version = 1`);
      }
    });

    it('has the tables of the protocol and no others', async () => {
      const { rows } = await query<{ name: string }>(
        `select tablename::text as name from pg_tables where schemaname = 'public' order by 1`,
      );
      expect(rows.map(({ name }) => name)).toEqual([...Object.keys(tables), ...internalTables].toSorted());
    });

    it.each(Object.entries(tables))('%s has the columns of its schema, null where it may be', async (table, schema) => {
      const { rows } = await query<{ name: string; nullable: boolean }>(
        `select column_name::text as name, is_nullable = 'YES' as nullable from information_schema.columns
         where table_schema = 'public' and table_name = $1`,
        [table],
      );
      const stored = Object.fromEntries(rows.map(({ name, nullable }) => [name, nullable]));
      const declared = Object.fromEntries(
        Object.entries(schema.shape as Record<string, z.ZodType>).map(([name, type]) => [name, type.safeParse(null).success]),
      );
      expect(stored).toEqual({ ...declared, ...acceptsNull(table, declared) });
    });

    it('has row-level security on every table', async () => {
      const { rows } = await query(
        `select relname::text as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' and not relrowsecurity`,
      );
      expect(rows).toEqual([]);
    });

    it('sets a search path in every function that runs as its owner', async () => {
      const { rows } = await query(
        `select proname::text as name from pg_proc where pronamespace in ('public'::regnamespace, 'stepscope'::regnamespace)
         and prosecdef and not coalesce(proconfig::text, '') like '%search_path=%'`,
      );
      expect(rows).toEqual([]);
    });

    it('announces every table that is published', async () => {
      const { rows } = await query<{ name: string; events: number }>(
        `select tgrelid::regclass::text as name, count(*)::int as events from pg_trigger where tgname like 'announce%' group by 1 order by 1`,
      );
      expect(rows.map(({ name }) => name)).toEqual([...publishedTables].toSorted());
    });

    it('remembers every trigger and policy as the last migration left it', async () => {
      const { rows } = await query(`
        (select table_name, name, definition from stepscope.found_objects() except select table_name, name, definition from stepscope.made_objects)
        union all select table_name, name, problem from stepscope.spoilt_objects()`);
      expect(rows).toEqual([]);
    });

    async function query<Row = Record<string, unknown>>(text: string, parameters: readonly unknown[] = []) {
      return database.asOwner((transaction) => transaction.query<Row>(text, parameters));
    }
  });
}

/** `Json.nullable()` columns: null is a JSON value too, so the schema of a required one accepts it. */
function acceptsNull(table: string, declared: Readonly<Record<string, boolean>>): Record<string, boolean> {
  const required: Record<string, readonly string[]> = { test_execution_comparisons: ['differences_summary', 'performance_delta'] };
  return Object.fromEntries((required[table] ?? []).filter((name) => declared[name]).map((name) => [name, false]));
}
