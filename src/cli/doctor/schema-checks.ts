import type { SchemaFacts } from '../../protocol/diagnosis.ts';
import { plural } from '../../core/format.ts';
import type { Database } from '../../storage/database.ts';
import { readMigrations, schemaVersion } from '../../storage/migrate.ts';
import { NotKnown } from './check.ts';
import type { Check, Found } from './check.ts';
import type { Subject } from './subject.ts';

type Migrations = Readonly<SchemaFacts['migrations']>;

const oldestPostgres = 150_000;
const migrateCommand = 'stepscope migrate --database-url env:DATABASE_URL';

/** What lies in the database: its version, and whether triggers, policies and publication are as they were made. */
export function schemaChecks(subject: Subject): readonly Check[] {
  const { facts, command } = subject;
  const mend = command('doctor --mend');
  return [
    { name: 'schema', look: async () => compare(await knownMigrations(subject), subject) },
    {
      name: 'postgres',
      look: async () => {
        const { postgres, missing_roles: missing } = await facts();
        const version = `${Math.trunc(postgres / 10_000)}.${postgres % 10_000}`;
        if (postgres < oldestPostgres)
          return { result: 'problem', what: `is version ${version}, and 15 is the oldest that works`, hint: 'Update the database server.' };
        if (missing.length > 0)
          return {
            result: 'problem',
            what: `has no role ${missing.join(', ')}`,
            command: `psql "$DATABASE_URL" -c '${missing.map((role) => `create role ${role} nologin${role === 'service_role' ? ' bypassrls' : ''};`).join(' ')}'`,
          };
        return { result: 'ok', what: version };
      },
    },
    { name: 'triggers', look: async () => spoilt(await facts(), 'trigger', mend) },
    { name: 'policies', look: async () => spoilt(await facts(), 'policy', mend) },
    {
      name: 'published',
      look: async () => {
        const { unpublished } = await facts();
        if (unpublished === null || (await isOurServer(subject))) return { result: 'ok', what: 'by triggers, as our own server has it' };
        if (unpublished.length === 0) return { result: 'ok', what: 'all tables are in supabase_realtime' };
        return {
          result: 'problem',
          what: `not in the publication supabase_realtime: ${unpublished.join(', ')}. Their changes never arrive live.`,
          command: mend,
          sql: unpublished.map((table) => `alter publication supabase_realtime add table public.${table};`).join(' '),
        };
      },
    },
  ];
}

/** Only a hosted project follows the publication. */
async function isOurServer({ backend }: Subject): Promise<boolean> {
  return backend !== undefined && (await backend.diagnosis.status()) !== undefined;
}

function spoilt(facts: SchemaFacts, kind: string, mend: string): readonly Found[] {
  const found = facts.spoilt.filter((one) => one.kind === kind);
  if (found.length === 0) return [{ result: 'ok', what: 'are as the schema made them' }];
  return found.map(({ name, table_name: table, problem, cure }) => ({
    result: 'problem',
    what: `${name} of ${table} ${problem}${kind === 'trigger' && name.startsWith('announce') ? ': its changes do not arrive live' : ''}`,
    command: mend,
    sql: cure,
  }));
}

async function knownMigrations({ database, facts }: Subject): Promise<Migrations | 'none' | 'older'> {
  if (database !== undefined) return await readApplied(database);
  try {
    return (await facts()).migrations;
  } catch (error) {
    if (error instanceof NotKnown) return 'older';
    throw error;
  }
}

/** Straight from the table: the function that tells more came later. */
async function readApplied(database: Database): Promise<Migrations | 'none'> {
  return await database.asOwner(async (transaction): Promise<Migrations | 'none'> => {
    const { rows: known } = await transaction.query<{ there: boolean }>(
      `select to_regclass('stepscope.stepscope_migrations') is not null as there`,
    );
    if (!known[0]!.there) return 'none';
    return (
      await transaction.query<Migrations[number]>('select version, name, checksum from stepscope.stepscope_migrations order by version')
    ).rows;
  });
}

function compare(applied: Migrations | 'none' | 'older', { place }: Subject): Found {
  const known = readMigrations();
  // A local backend brings its database up to date when it starts.
  const restart = place === 'local' ? 'stepscope serve' : migrateCommand;
  if (applied === 'none') return { result: 'problem', what: 'this database has none of ours', command: restart };
  if (applied === 'older')
    return { result: 'problem', what: `is older than ${schemaVersion()}, which this stepscope works with`, command: restart };
  const newest = Math.max(0, ...applied.map(({ version }) => version));
  if (newest > schemaVersion())
    return {
      result: 'problem',
      what: `is ${newest}, and this stepscope knows ${schemaVersion()}: too old a program`,
      command: 'npm install --global stepscope@latest',
    };
  const missing = known.filter(({ version }) => !applied.some((one) => one.version === version));
  if (missing.length > 0) {
    return {
      result: 'problem',
      what: `is too old: ${plural(missing.length, 'migration')} missing (${missing.map(({ version, name }) => `${version} ${name}`).join(', ')})`,
      command: restart,
    };
  }
  const changed = known.filter(({ version, checksum }) => applied.find((one) => one.version === version)?.checksum !== checksum);
  if (changed.length > 0) {
    return {
      result: 'problem',
      what: `was made by another stepscope: ${changed.map(({ version, name }) => `${version} ${name}`).join(', ')} had another text`,
      hint: 'Use the stepscope that made it, or look at the differences:',
      command: `${migrateCommand} --dry-run`,
    };
  }
  return { result: 'ok', what: `version ${newest}, as this stepscope has it` };
}
