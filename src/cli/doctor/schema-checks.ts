import type { SchemaFacts } from '../../protocol/diagnosis.ts';
import { plural } from '../../core/format.ts';
import type { Database } from '../../storage/database.ts';
import { readMigrations, schemaVersion } from '../../storage/migrate.ts';
import { NotKnown } from './check.ts';
import type { Check, Found } from './check.ts';
import type { Subject } from './subject.ts';

type Migrations = Readonly<SchemaFacts['migrations']>;

const oldestPostgres = 150_000;

/** What lies in the database: its version, and whether triggers, policies and publication are as they were made. */
export function schemaChecks(subject: Subject): readonly Check[] {
  const { facts, command } = subject;
  const mend = command('doctor --mend');
  return [
    { name: 'schema', look: async () => compare(await knownMigrations(subject), subject.migrate) },
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
    { name: 'policies', look: async () => lookAtPolicies(await facts(), mend) },
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

/** Policies that permit add up: a foreign one shows rows to whom ours do not. */
function lookAtPolicies(facts: SchemaFacts, mend: string): readonly Found[] {
  const foreign = facts.foreign_policies.map(({ table_name: table, name, definition, cure }): Found => ({
    result: 'problem',
    what: `${name} of ${table} is none of ours: ${definition}`,
    hint: 'If nobody wants it:',
    command: `psql "$DATABASE_URL" -c '${cure}'`,
    sql: cure,
  }));
  const lost = spoilt(facts, 'policy', mend);
  return foreign.length === 0 ? lost : [...lost.filter(({ result }) => result !== 'ok'), ...foreign];
}

async function knownMigrations({ database, facts }: Subject): Promise<Migrations | 'none' | 'older' | { readonly lost: string }> {
  if (database !== undefined) {
    const applied = await readApplied(database);
    if (applied === 'none' || compare(applied, '').result !== 'ok') return applied;
    const lost = await findLostFunction(database);
    return lost === undefined ? applied : { lost };
  }
  try {
    return (await facts()).migrations;
  } catch (error) {
    if (error instanceof NotKnown) return error.lost === undefined ? 'older' : { lost: error.lost };
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

/** Functions that migrations make, and none drops. */
async function findLostFunction(database: Database): Promise<string | undefined> {
  const texts = readMigrations().map(({ sql }) => sql);
  const made = texts.flatMap((sql) => [...sql.matchAll(/create (?:or replace )?function public\.(\w+)/g)].map(([, name]) => name!));
  const { rows } = await database.asOwner(
    async (transaction) =>
      await transaction.query<{ name: string }>(
        `select name from unnest($1::text[]) as made (name)
         where not exists (select from pg_proc where proname = name and pronamespace = 'public'::regnamespace)`,
        [`{${made.join(',')}}`],
      ),
  );
  return rows[0] === undefined ? undefined : `public.${rows[0].name}()`;
}

function compare(applied: Migrations | 'none' | 'older' | { readonly lost: string }, migrate: string): Found {
  const known = readMigrations();
  if (applied === 'none') return { result: 'problem', what: 'there is no schema of stepscope in this database', command: migrate };
  if (applied === 'older')
    return { result: 'problem', what: `is older than ${schemaVersion()}, which this stepscope works with`, command: migrate };
  if ('lost' in applied) return lostFunction(applied.lost);
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
      command: migrate,
    };
  }
  const changed = known.filter(({ version, checksum }) => applied.find((one) => one.version === version)?.checksum !== checksum);
  if (changed.length > 0) {
    return {
      result: 'problem',
      what: `was made by another stepscope: ${changed.map(({ version, name }) => `${version} ${name}`).join(', ')} had another text`,
      hint: 'Use the stepscope that made it, or look at the differences:',
      command: migrate.startsWith('stepscope migrate') ? `${migrate} --dry-run` : undefined,
    };
  }
  return { result: 'ok', what: `version ${newest}, as this stepscope has it` };
}

/** No migration runs twice, so its text is where the function comes back from. */
function lostFunction(lost: string): Found {
  const maker = readMigrations().findLast(({ sql }) => sql.includes(`create function ${lost.slice(0, -1)}`));
  return {
    result: 'problem',
    what: `version ${schemaVersion()}, but ${lost} is missing`,
    hint: `${maker === undefined ? '' : `Migration ${maker.version} (${maker.name}) made it. `}Restore it from a backup.`,
  };
}
