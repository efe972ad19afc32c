import { UserError } from '../protocol/error.ts';
import { DatabaseError } from './database.ts';
import type { Database } from './database.ts';

/** Postgres says which right is missing in words; a person needs the command that grants it. */
const remedies: readonly (readonly [pattern: RegExp, remedy: (name: string) => string])[] = [
  [/permission denied for database (\S+)/, (name) => `grant create on database ${name} to ROLE`],
  [/permission denied for schema (\S+)/, (name) => `grant usage, create on schema ${name} to ROLE`],
  [/permission denied to create role|must be superuser to create/, () => 'alter role ROLE createrole'],
  [
    /must have admin option on role "?([^"]+)"?|permission denied to grant role "?([^"]+)"?/,
    (name) => `grant ${name} to ROLE with admin option`,
  ],
  [/must be owner of (?:table|relation) (\S+)/, (name) => `alter table ${name} owner to ROLE`],
  [/must be owner of publication (\S+)/, (name) => `alter publication ${name} owner to ROLE`],
  [/must be owner of function (\S+)/, (name) => `alter function ${name} owner to ROLE`],
];

/** What a migrator needs and this role lacks, as commands; the role is `current_user`. Rights on what is not there yet come with making it. */
const LACKING = `
select unnest(array_remove(array[
  case when not has_database_privilege(current_database(), 'create') and not exists (select from pg_namespace where nspname = 'stepscope')
    then format('grant create on database %I to ROLE', current_database()) end,
  case when not (has_schema_privilege('public', 'usage') and has_schema_privilege('public', 'create')) then 'grant usage, create on schema public to ROLE' end,
  case when not (me.rolcreaterole or me.rolsuper)
      and (select count(*) from pg_roles where rolname in ('anon', 'authenticated', 'service_role')) < 3 then 'alter role ROLE createrole' end,
  case when not me.rolsuper and exists (select from pg_roles r where r.rolname = 'service_role' and not pg_has_role(me.oid, r.oid, 'member'))
    then 'grant service_role to ROLE with admin option' end], null)) as remedy
from pg_roles me where me.rolname = current_user`;

/** `doing` was refused by Postgres for want of a right; {@link withRemedies} completes it. */
export function missingRight(doing: string, error: DatabaseError): UserError {
  return new UserError('forbidden', `${doing} needs a right that the database role lacks: ${error.message}`, {
    hint: 'Use the role that owns the database, or ask its administrator for the right',
    cause: error,
  });
}

/**
 * The same failure with the commands that an administrator of the server types: for the right that was missed, and
 * for all others that would be missed after it. Whatever is not about rights stays as it is.
 */
export async function withRemedies(database: Database, error: unknown): Promise<unknown> {
  if (!(error instanceof UserError && error.cause instanceof DatabaseError && error.cause.code === '42501')) return error;
  const told = remedyIn(error.cause.message);
  const { role, lacking } = await database.asOwner(async (transaction) => {
    const [me] = (await transaction.query<{ role: string }>('select quote_ident(current_user) as role')).rows;
    const { rows } = await transaction.query<{ remedy: string }>(LACKING);
    return { role: me!.role, lacking: rows.map(({ remedy }) => remedy) };
  });
  const remedies = [...new Set([...(told === undefined ? [] : [told]), ...lacking])].map((text) => text.replace('ROLE', role));
  if (remedies.length === 0) return error;
  return new UserError(error.code, error.message, { hint: `As an administrator of the server: ${remedies.join('; ')}`, cause: error.cause });
}

function remedyIn(message: string): string | undefined {
  for (const [pattern, words] of remedies) {
    const match = pattern.exec(message);
    if (match !== null) return words(match[1] ?? match[2] ?? '');
  }
  return undefined;
}
