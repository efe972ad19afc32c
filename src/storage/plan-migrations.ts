import type { Foreign } from './adopt-tables.ts';
import type { Database, Transaction } from './database.ts';
import { applyAdopting, look, LOCK, lookAtMigrations, MIGRATION_TIMEOUT_MS, noteSql, PREPARE, PUBLISH, readMigrations } from './migrate.ts';
import type { Migration } from './migrate.ts';
import { withRemedies } from './missing-right.ts';
import { copyBack, namesOf, setAside } from './adopt-tables.ts';

/** Something in the database's catalog. */
interface CatalogObject {
  readonly kind: string;
  readonly name: string;
}

export interface PlannedMigration {
  readonly version: number;
  readonly name: string;
  readonly state: 'applied' | 'pending' | 'changed';
  readonly creates: readonly CatalogObject[];
  /** What is not ours, was there before, and would be another afterwards: rights on a schema, a publication. */
  readonly touches: readonly CatalogObject[];
}

export interface MigrationPlan {
  readonly migrations: readonly PlannedMigration[];
  readonly adopts: Foreign;
  /** SQL for what is pending, to be executed by hand: one statement, so all or nothing. Harmless when executed again. */
  readonly script: string;
}

/**
 * What {@link migrate} would do: does it, looks at the catalog after each file, and rolls all of it back. So
 * a missing right or a row that does not fit shows here as well; throws as `migrate` does.
 */
export async function planMigrations(database: Database): Promise<MigrationPlan> {
  const standing = await database.asOwner(lookAtMigrations);
  const done = standing.migrations.map(({ migration: { version, name }, state }) => ({ version, name, state, creates: [], touches: [] }));
  if (standing.migrations.some(({ state }) => state === 'changed'))
    return { migrations: done, adopts: { tables: [], functions: [] }, script: '' };

  const planned = new Map<number, PlannedMigration>();
  let plan: MigrationPlan | undefined;
  await database
    .asOwner(
      async (transaction) => {
        const { pending, foreign } = await look(transaction);
        const ours = new Set(standing.migrations.filter(({ state }) => state === 'applied').flatMap(({ migration }) => namesOf(migration)));
        const isOurs = (home: string): boolean => home.startsWith('stepscope.') || ours.has(home);
        const first = await readCatalog(transaction);
        let before = first;
        await applyAdopting(transaction, { pending, foreign }, async ({ version, name }) => {
          const after = await readCatalog(transaction);
          const creates = Array.from(after)
            .filter(([key]) => !before.has(key))
            .map(([, object]) => object);
          const touches = Array.from(first).filter(([key, { home }]) => !isOurs(home) && differs(before.get(key), after.get(key)));
          planned.set(version, {
            version,
            name,
            state: 'pending',
            creates: creates.map(named),
            touches: touches.map(([, object]) => named(object)),
          });
          before = after;
        });
        const adoption = { first: setAside(foreign), last: await copyBack(transaction, foreign) };
        plan = {
          migrations: done.map((one) => planned.get(one.version) ?? one),
          adopts: foreign,
          script: migrationScript(pending, adoption),
        };
        throw new Rehearsed();
      },
      { timeoutMs: MIGRATION_TIMEOUT_MS },
    )
    .catch(async (error: unknown) => {
      if (!(error instanceof Rehearsed)) throw await withRemedies(database, error);
    });
  return plan!;
}

/** Thrown to have a rehearsal rolled back. */
class Rehearsed extends Error {}

/**
 * Migrations as one statement that can be pasted where SQL is taken. Each is noted as `migrate` notes it, and
 * passed over where it is noted already.
 */
export function migrationScript(
  migrations: readonly Migration[] = readMigrations(),
  adoption: { readonly first: string; readonly last: string } = { first: '', last: '' },
): string {
  const parts = migrations.map((migration) => {
    const tag = `$stepscope_${migration.version}$`;
    return `
  if not exists (select from stepscope.stepscope_migrations where version = ${migration.version}) then
    execute ${tag}
${migration.sql.trimEnd()}
${tag};
    ${noteSql(migration)};
  end if;`;
  });
  const isFirst = `not exists (select from stepscope.stepscope_migrations where version in (${migrations.map(({ version }) => version).join(', ')}))`;
  const whole = (sql: string): string => (sql === '' ? '' : `\n  if adopting then\n    ${sql.replaceAll('\n', '\n    ')}\n  end if;`);
  const adopting = adoption.first === '' ? '' : `\n  adopting := ${isFirst};`;
  const others = refuseOthers(migrations);
  return `-- stepscope: ${migrations.length === 0 ? 'nothing is pending' : `migrations ${migrations.map(({ version }) => version).join(', ')}`}.
-- One statement: all of it is done, or nothing. Executing it again does nothing.
do $stepscope$
declare
  adopting boolean := false;
  others text;
begin
  ${LOCK.replace('select', 'perform')};
  execute $stepscope_prepare$${PREPARE}
$stepscope_prepare$;${adopting}${whole(adoption.first)}${others}${parts.join('\n')}${whole(adoption.last)}

  execute $stepscope_publish$${PUBLISH}
$stepscope_publish$;
end
$stepscope$;
`;
}

/** SQL that says what is in the way, all of it, as `migrate` does: Postgres would name the first, in words of its own. */
function refuseOthers(migrations: readonly Migration[]): string {
  const pending = new Set(migrations.map(({ version }) => version));
  const applied = new Set(
    readMigrations()
      .filter(({ version }) => !pending.has(version))
      .flatMap(namesOf),
  );
  const coming = migrations.map((migration) => ({ ...migration, names: namesOf(migration).filter((name) => !applied.has(name)) }));
  const rows = coming.filter(({ names }) => names.length > 0).map(({ version, names }) => `(${version}, '{${names.join(',')}}'::text[])`);
  if (rows.length === 0) return '';
  return `
  with coming (version, names) as (values ${rows.join(', ')}),
  noted as (select coming.version, coming.names from coming join stepscope.stepscope_migrations using (version)),
  found (name) as (
    select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname in ('public', 'stepscope')
    union select n.nspname || '.' || p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname in ('public', 'stepscope'))
  select string_agg(distinct name, ', ') into others from found join coming on name = any (names)
  where version not in (select version from noted) and not exists (select from noted where found.name = any (noted.names));
  if others is not null then
    raise exception 'stepscope: the database has what belongs to another program, under names that stepscope needs: %', others
      using hint = 'Nothing was changed. Rename it, or take the SQL of "stepscope migrate --print" with DATABASE_URL set, which knows what is there';
  end if;
`;
}

interface Described extends CatalogObject {
  readonly definition: string;
  readonly home: string;
}

/** Is it gone, or another than it was? */
function differs(one: Described | undefined, other: Described | undefined): boolean {
  return one?.name !== other?.name || one?.definition !== other?.definition;
}

const named = ({ kind, name }: Described): CatalogObject => ({ kind, name });

/** Everything that can be made by SQL and that we make, by a key that stays when it is renamed. */
async function readCatalog(transaction: Transaction): Promise<ReadonlyMap<string, Described>> {
  const { rows } = await transaction.query<Described & { key: string }>(CATALOG);
  return new Map(rows.map((row) => [row.key, row]));
}

/** `home`: the table or function that a thing belongs to, by which we know our own. */
const CATALOG = `
with relations as (
  select c.*, n.nspname || '.' || c.relname as whole from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname !~ '^(pg_|information_schema)'
)
select 'schema' as kind, 'n' || oid as key, nspname::text as name, coalesce(nspacl::text, '') as definition, nspname || '.' as home
from pg_namespace where nspname !~ '^pg_(toast|temp)'
union all
select 'role', 'r' || oid, rolname::text, concat(rolsuper, rolbypassrls, rolcanlogin), '' from pg_roles
union all
select case relkind when 'r' then 'table' when 'p' then 'table' when 'i' then 'index' when 'v' then 'view' when 'S' then 'sequence' else 'relation' end,
  'c' || c.oid, whole,
  concat(relacl, relrowsecurity, relowner, (select string_agg(attname || atttypid || attnotnull, ',' order by attnum) from pg_attribute where attrelid = c.oid and attnum > 0)),
  coalesce((select table_.whole from pg_index i join relations table_ on table_.oid = i.indrelid where i.indexrelid = c.oid), whole)
from relations c
union all
select 'function', 'f' || p.oid, n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
  concat(p.proacl, p.proowner, p.proconfig, md5(coalesce(p.prosrc, ''))), n.nspname || '.' || p.proname
from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname !~ '^(pg_|information_schema)'
union all
select 'trigger', 't' || t.oid, tgname || ' on ' || whole, concat(tgenabled, tgfoid), whole
from pg_trigger t join relations c on c.oid = tgrelid where not tgisinternal
union all
select 'policy', 'p' || p.oid, polname || ' on ' || whole, concat(polcmd, polroles::text, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)), whole
from pg_policy p join relations c on c.oid = polrelid
union all
select 'published table', 'u' || p.oid, whole, '', whole from pg_publication_rel p join relations c on c.oid = prrelid
order by 1, 3`;
