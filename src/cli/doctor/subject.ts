import type { Backend } from '../../client/backend.ts';
import { SchemaFacts } from '../../protocol/diagnosis.ts';
import { UserError } from '../../protocol/error.ts';
import { publishedTables } from '../../protocol/rows.ts';
import type { Database } from '../../storage/database.ts';
import { NotKnown } from './check.ts';

/** Whose eyes to look through. */
export interface Persona {
  readonly role: 'anon' | 'authenticated' | 'service_role';
  /** Address or id of a user. */
  readonly user: string | undefined;
}

/** What is examined, and by what ways. */
export interface Subject {
  /** As the person who asks; undefined when only a database was named. */
  readonly backend: Backend | undefined;
  /** The same backend with a secret key, where we have one. */
  readonly service: Backend | undefined;
  /** The database itself, when it was named. */
  readonly database: Database | undefined;
  readonly place: 'hosted' | 'local' | 'remote' | 'database';
  readonly persona: Persona;
  /** Was another person asked for than the one who asks? */
  readonly isOther: boolean;
  /** A command of ours with the options that lead to this backend again. */
  command(this: void, words: string): string;
  /** Asked once. */
  facts(this: void): Promise<SchemaFacts>;
}

export function whoIs(identity: string): Persona {
  if (identity === 'service_role' || identity === 'anon') return { role: identity, user: undefined };
  return { role: 'authenticated', user: identity };
}

/** `EMAIL`, `anon` or `authenticated`, as `--as` has it. */
export function readPersona(text: string): Persona {
  return text === 'anon' || text === 'authenticated' ? { role: text, user: undefined } : { role: 'authenticated', user: text };
}

export const nameOf = ({ role, user }: Persona): string => user ?? role;

/** Asks the database by the way that sees most: itself, a secret key, our own rights. Throws `NotKnown` where the schema is older than the question. */
export async function askFacts(subject: Pick<Subject, 'database' | 'service' | 'backend'>, { role, user }: Persona): Promise<SchemaFacts> {
  const { database } = subject;
  try {
    if (database === undefined) return await (subject.service ?? subject.backend!).diagnosis.schemaFacts(user, role);
    return await database.asOwner(async (transaction) => {
      const { rows } = await transaction.query<{ facts: unknown }>('select public.diagnose($1::text[], $2, $3) as facts', [
        `{${publishedTables.join(',')}}`,
        user ?? null,
        role,
      ]);
      return SchemaFacts.parse(rows[0]!.facts);
    });
  } catch (error) {
    const cause = error instanceof UserError ? error.cause : error;
    const code = (cause as { readonly code?: unknown } | undefined)?.code;
    if (code === 'PGRST202' || code === '42883') throw new NotKnown('the schema is too old to tell');
    throw error;
  }
}
