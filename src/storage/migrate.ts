import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { UserError } from '../protocol/error.ts';
import type { Database } from './database.ts';

/** The migrations lie beside this file: in the sources, and in the bundle's directory. */
const directory = new URL('./migrations/', import.meta.url);
/** A table of a million rows takes its time. */
const MIGRATION_TIMEOUT_MS = 10 * 60_000;

export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/** The migrations this program brings, in order. */
export function readMigrations(): readonly Migration[] {
  return readdirSync(directory)
    .filter((file) => /^\d{4}_.+\.sql$/.test(file))
    .toSorted()
    .map((file) => {
      const sql = readFileSync(new URL(file, directory), 'utf8');
      return { version: Number(file.slice(0, 4)), name: file.slice(5, -4), sql, checksum: createHash('sha256').update(sql).digest('hex') };
    });
}

/** The schema this program works with. */
export function schemaVersion(): number {
  return readMigrations().at(-1)!.version;
}

/**
 * Brings the database to {@link schemaVersion}, a transaction a file. Two at once do not collide. Answers
 * with what was applied.
 *
 * @throws UserError `unavailable` when the database is newer than this program.
 * @throws UserError `conflict` when a migration that was applied has another text by now.
 */
export async function migrate(database: Database): Promise<readonly Migration[]> {
  await database.asOwner(async (transaction) => {
    await transaction.query(LOCK);
    await transaction.query(`
      create schema if not exists stepscope;
      create table if not exists stepscope.stepscope_migrations (
        version int primary key,
        name text not null,
        checksum text not null,
        applied_at timestamptz not null default now())`);
  });

  const applied: Migration[] = [];
  for (const migration of readMigrations()) {
    const isNew = await database.asOwner(
      async (transaction) => {
        await transaction.query(LOCK);
        const { rows } = await transaction.query<{ version: number; checksum: string }>(
          'select version, checksum from stepscope.stepscope_migrations',
        );
        assertNotNewer(Math.max(0, ...rows.map(({ version }) => version)));
        const stored = rows.find(({ version }) => version === migration.version);
        if (stored) {
          assertUnchanged(migration, stored.checksum);
          return false;
        }
        await transaction.query(migration.sql);
        await transaction.query('insert into stepscope.stepscope_migrations (version, name, checksum) values ($1, $2, $3)', [
          migration.version,
          migration.name,
          migration.checksum,
        ]);
        return true;
      },
      { timeoutMs: MIGRATION_TIMEOUT_MS },
    );
    if (isNew) applied.push(migration);
  }
  return applied;
}

/** One at a time, across processes. */
const LOCK = `select pg_advisory_xact_lock(hashtext('stepscope.migrate'))`;

function assertNotNewer(found: number): void {
  const ours = schemaVersion();
  if (found <= ours) return;
  throw new UserError('unavailable', `the database has schema ${found}, this stepscope knows ${ours}`, {
    hint: 'Update stepscope, or choose another data directory or database',
  });
}

function assertUnchanged(migration: Migration, storedChecksum: string): void {
  if (migration.checksum === storedChecksum) return;
  throw new UserError('conflict', `migration ${migration.version} (${migration.name}) was applied with another text`, {
    hint: 'Use the stepscope that made the database, or start with an empty one',
  });
}
