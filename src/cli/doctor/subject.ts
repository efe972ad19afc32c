import type { Backend } from '../../client/backend.ts';
import { SchemaFacts } from '../../protocol/diagnosis.ts';
import { UserError } from '../../protocol/error.ts';
import { publishedTables } from '../../protocol/rows.ts';
import type { Database } from '../../storage/database.ts';
import { schemaVersion } from '../../storage/migrate.ts';
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
  /** Do we see all there is over the backend, as an administrator or by a secret key? */
  readonly hasRights: boolean;
  /** Was another person asked for than the one who asks? */
  readonly isOther: boolean;
  /** Which brings the schema up to date. */
  readonly migrate: string;
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
    if (code !== 'PGRST202' && code !== '42883') throw error;
    const version = await versionOf(subject);
    if (version === 0) throw new NotKnown('there is no schema of stepscope');
    if (version !== schemaVersion()) throw new NotKnown('the schema is too old to tell');
    const lost = code === 'PGRST202' ? 'public.diagnose()' : (/function ([\w.]+)\(/.exec((error as Error).message)?.[1] ?? 'a function');
    const called = lost.endsWith(')') ? lost : `${lost}()`;
    throw new NotKnown(`${called} is missing`, called);
  }
}

/** Of the schema: 0 where there is none, undefined where nobody tells. Our server brings its database to its own when it starts. */
async function versionOf({ database, service, backend }: Pick<Subject, 'database' | 'service' | 'backend'>): Promise<number | undefined> {
  if (database === undefined) return (await (service ?? backend!).diagnosis.status().catch(() => undefined))?.schemaVersion;
  return await database.asOwner(async (transaction) => {
    const { rows: known } = await transaction.query<{ there: boolean }>(
      `select to_regclass('stepscope.stepscope_migrations') is not null as there`,
    );
    if (!known[0]!.there) return 0;
    const { rows } = await transaction.query<{ newest: number }>(
      'select coalesce(max(version), 0) as newest from stepscope.stepscope_migrations',
    );
    return rows[0]!.newest;
  });
}
