import { UserError } from '../protocol/error.ts';
import type { DatabaseError } from './database.ts';

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

/** `doing` was refused by Postgres for want of a right: says which, and what an administrator of the server types. */
export function missingRight(doing: string, error: DatabaseError): UserError {
  const remedy = remedies
    .map(([pattern, words]) => {
      const match = pattern.exec(error.message);
      return match === null ? undefined : words(match[1] ?? match[2] ?? '');
    })
    .find((words) => words !== undefined);
  return new UserError('forbidden', `${doing} needs a right that the database role lacks: ${error.message}`, {
    hint:
      remedy === undefined
        ? 'Use the role that owns the database, or ask its administrator for the right'
        : `As an administrator of the server: ${remedy}; ROLE is the user of the database URL`,
    cause: error,
  });
}
