import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { plural } from '../core/format.ts';
import { publishedTables } from '../protocol/rows.ts';
import { UserError } from '../protocol/error.ts';
import { copyBack, findForeign, namesOf, setAside } from './adopt-tables.ts';
import type { Foreign } from './adopt-tables.ts';
import { DatabaseError } from './database.ts';
import type { Database, QueryResult, Transaction } from './database.ts';
import { missingRight, withRemedies } from './missing-right.ts';

/** The migrations lie beside this file: in the sources, and in the bundle's directory. */
const directory = new URL('./migrations/', import.meta.url);
/** A table of a million rows takes its time. */
export const MIGRATION_TIMEOUT_MS = 10 * 60_000;

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

export interface MigrateOptions {
  /** What a person should know beside the migrations that were applied. */
  readonly onNotice?: ((text: string) => void) | undefined;
}

/**
 * Brings the database to {@link schemaVersion}, a transaction a file. Two at once do not collide. Answers
 * with what was applied.
 *
 * Tables of a seed program that were there before are adopted with their rows; then all files are one
 * transaction. Anything else under our names is a `conflict`, and nothing is changed.
 *
 * @throws UserError `unavailable` when the database is newer than this program.
 * @throws UserError `conflict` when a migration that was applied has another text by now, or another program has our names.
 * @throws UserError `forbidden` when the role lacks rights, all of which the hint grants.
 */
export async function migrate(database: Database, options: MigrateOptions = {}): Promise<readonly Migration[]> {
  try {
    return await migrateOnce(database, options);
  } catch (error) {
    throw await withRemedies(database, error);
  }
}

async function migrateOnce(database: Database, options: MigrateOptions): Promise<readonly Migration[]> {
  const { pending, foreign } = await database.asOwner(look, { timeoutMs: MIGRATION_TIMEOUT_MS });
  const applied = isEmpty(foreign) ? await applyEach(database, pending) : await adoptAndApply(database, options);
  const left = pending.length - applied.length;
  if (left > 0) options.onNotice?.(`Another program that migrated at the same time did ${applied.length === 0 ? 'all of it' : `the rest: ${plural(left, 'migration')}`}`);
  await publish(database, options);
  return applied;
}

/** What is there: migrations with their state, what is to be applied, and what others keep under our names. */
export interface Standing {
  readonly migrations: readonly { readonly migration: Migration; readonly state: 'applied' | 'pending' | 'changed' }[];
  readonly pending: readonly Migration[];
  readonly foreign: Foreign;
}

/** Reads without changing anything, with other migrators locked out until the transaction ends. */
export async function look(transaction: Transaction): Promise<Standing> {
  const standing = await lookAtMigrations(transaction);
  const changed = standing.migrations.find(({ state }) => state === 'changed')?.migration;
  if (changed !== undefined) {
    throw new UserError('conflict', `migration ${changed.version} (${changed.name}) was applied with another text`, {
      hint: 'Use the stepscope that made the database, or start with an empty one',
    });
  }
  const applied = standing.migrations.filter(({ state }) => state === 'applied').map(({ migration }) => migration);
  await assertNoted(transaction, { applied, pending: standing.pending });
  return { ...standing, foreign: await findForeign(transaction, { applied, pending: standing.pending }) };
}

/**
 * Throws `conflict` for migrations that were applied and whose notes are lost. They are applied in order, so one
 * that stands before others was; so was one whose objects in the schema `stepscope`, which nobody else makes, are there.
 */
async function assertNoted(
  transaction: Transaction,
  { applied, pending }: Readonly<Record<'applied' | 'pending', readonly Migration[]>>,
): Promise<void> {
  const { rows } = await transaction.query<{ name: string }>(
    `select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname in ('public', 'stepscope')
     union select n.nspname || '.' || p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname in ('public', 'stepscope')`,
  );
  const found = new Set(rows.map(({ name }) => name));
  const isThere = (migration: Migration): boolean => namesOf(migration).every((name) => found.has(name));
  const isOurs = (migration: Migration): boolean => namesOf(migration).some((name) => name.startsWith('stepscope.'));
  const last = Math.max(0, ...[...applied, ...pending.filter((one) => isOurs(one) && isThere(one))].map(({ version }) => version));
  const lost = pending.filter((one) => one.version <= last && isThere(one));
  if (lost.length === 0) return;
  const names = lost.map(({ version, name }) => `${version} (${name})`).join(', ');
  throw new UserError(
    'conflict',
    `${lost.length === 1 ? `version ${names} is` : `versions ${names} are`} not noted as applied, but what ${lost.length === 1 ? 'it makes' : 'they make'} is there`,
    { hint: `Note it, where nobody has changed it since: ${lost.map((one) => `${noteSql(one)};`).join(' ')} Nothing was changed` },
  );
}

/** The same without judging what it finds. Throws `unavailable` for a database that is newer than this program. */
export async function lookAtMigrations(transaction: Transaction): Promise<Omit<Standing, 'foreign'>> {
  await transaction.query(LOCK);
  // Not to_regclass(): it would answer from a cache that is older than the wait for the lock.
  const { rows: known } = await transaction.query<{ known: boolean }>(
    `select exists (select from pg_tables where schemaname = 'stepscope' and tablename = 'stepscope_migrations') as known`,
  );
  const { rows } = known[0]!.known ? await readNotes(transaction) : { rows: [] };
  assertNotNewer(Math.max(0, ...rows.map(({ version }) => version)));

  const checksums = new Map(rows.map(({ version, checksum }) => [version, checksum]));
  const migrations = readMigrations().map((migration) => {
    const stored = checksums.get(migration.version);
    const state = stored === undefined ? ('pending' as const) : stored === migration.checksum ? ('applied' as const) : ('changed' as const);
    return { migration, state };
  });
  return { migrations, pending: migrations.filter(({ state }) => state === 'pending').map(({ migration }) => migration) };
}

async function readNotes(transaction: Transaction): Promise<QueryResult<{ version: number; checksum: string }>> {
  try {
    return await transaction.query('select version, checksum from stepscope.stepscope_migrations');
  } catch (error) {
    throw error instanceof DatabaseError && error.code === '42501' ? missingRight('reading what was applied', error) : error;
  }
}

async function applyEach(database: Database, pending: readonly Migration[]): Promise<readonly Migration[]> {
  const applied: Migration[] = [];
  for (const migration of pending) {
    const isNew = await database.asOwner(
      async (transaction) => {
        // Another migrator may have been here since.
        if (!(await lookAtMigrations(transaction)).pending.some(({ version }) => version === migration.version)) return false;
        await prepare(transaction);
        await apply(transaction, migration);
        return true;
      },
      { timeoutMs: MIGRATION_TIMEOUT_MS },
    );
    if (isNew) applied.push(migration);
  }
  return applied;
}

async function adoptAndApply(database: Database, { onNotice }: MigrateOptions): Promise<readonly Migration[]> {
  return await database.asOwner(
    async (transaction) => {
      const { pending, foreign } = await look(transaction);
      await applyAdopting(transaction, { pending, foreign });
      if (!isEmpty(foreign)) onNotice?.(adoptionWords(foreign));
      return pending;
    },
    { timeoutMs: MIGRATION_TIMEOUT_MS },
  );
}

/** All of it in the caller's transaction. `onApplied` is told after each file. */
export async function applyAdopting(
  transaction: Transaction,
  { pending, foreign }: Pick<Standing, 'pending' | 'foreign'>,
  onApplied: (migration: Migration) => Promise<void> = async () => {},
): Promise<void> {
  await prepare(transaction);
  await withRights(transaction, 'setting the tables aside that were there before', setAside(foreign));
  for (const migration of pending) {
    await apply(transaction, migration);
    await onApplied(migration);
  }
  await withRights(transaction, 'taking over the rows that were there before', await copyBack(transaction, foreign));
}

export function adoptionWords(foreign: Foreign): string {
  const names = [...foreign.tables.map((name) => `public.${name}`), ...foreign.functions].join(', ');
  return `Adopted ${names}: rows were copied into the new tables, and the old ones are kept in the schema stepscope_before`;
}

/** Makes what the migrations are noted in. */
async function prepare(transaction: Transaction): Promise<void> {
  await withRights(transaction, 'preparing the schema stepscope', PREPARE);
}

async function apply(transaction: Transaction, migration: Migration): Promise<void> {
  await withRights(transaction, `migration ${migration.version} (${migration.name})`, `${migration.sql}\n;${noteSql(migration)}`);
}

async function withRights(transaction: Transaction, doing: string, sql: string): Promise<void> {
  if (sql === '') return;
  try {
    await transaction.query(sql);
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    if (error.code === '42501') throw missingRight(doing, error);
    throw new UserError(
      'failed',
      `${doing} failed, and was undone: ${error.message}${error.detail === undefined ? '' : ` (${error.detail})`}`,
      {
        hint: 'Migrations that were applied before it stay; `stepscope migrate --dry-run` shows where the database stands',
        cause: error,
      },
    );
  }
}

/** A publication may have been made after our tables were. */
async function publish(database: Database, { onNotice }: MigrateOptions): Promise<void> {
  try {
    await database.asOwner(async (transaction) => await transaction.query(PUBLISH));
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== '42501') throw error;
    onNotice?.(
      `The publication supabase_realtime lacks our tables, and this role may not add them (${error.message}): live rows will not arrive`,
    );
  }
}

/** One at a time, across processes. */
export const LOCK = `select pg_advisory_xact_lock(hashtext('stepscope.migrate'))`;

/**
 * Where migrations are noted. A role that may make roles may not always make one that bypasses policies;
 * the policies of our tables let the service in without.
 */
export const PREPARE = `
create schema if not exists stepscope;
create table if not exists stepscope.stepscope_migrations (
  version int primary key,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now()
);
do $prepare$
begin
  if not exists (select from pg_roles where rolname = 'service_role')
    and not (select rolsuper or (rolbypassrls and current_setting('server_version_num')::int >= 160000) from pg_roles where rolname = current_user) then
    create role service_role nologin;
  end if;
end $prepare$;`;

/** Adds what a hosted project's Realtime must follow to its publication. */
export const PUBLISH = `
do $publish$
declare
  name text;
begin
  if not exists (select from pg_publication where pubname = 'supabase_realtime' and not puballtables) then return; end if;
  foreach name in array array[${publishedTables.map((table) => `'${table}'`).join(', ')}]
  loop
    if not exists (select from pg_publication_tables where pubname = 'supabase_realtime' and schemaname = 'public' and tablename = name) then
      execute format('alter publication supabase_realtime add table public.%I', name);
    end if;
  end loop;
end $publish$;`;

/** Notes a migration. Its parts are ours, and carry no quotes. */
export function noteSql({ version, name, checksum }: Migration): string {
  return `insert into stepscope.stepscope_migrations (version, name, checksum) values (${version}, '${name}', '${checksum}')`;
}

function isEmpty({ tables, functions }: Foreign): boolean {
  return tables.length + functions.length === 0;
}

function assertNotNewer(found: number): void {
  const ours = schemaVersion();
  if (found <= ours) return;
  throw new UserError('unavailable', `the database has schema ${found}, this stepscope knows ${ours}`, {
    hint: 'Update stepscope, or choose another data directory or database',
  });
}
