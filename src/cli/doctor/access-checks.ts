import { z } from 'zod';
import { sampleRows } from '../../client/diagnosis.ts';
import type { SchemaFacts } from '../../protocol/diagnosis.ts';
import { UserError } from '../../protocol/error.ts';
import type { TableName } from '../../protocol/rows.ts';
import { publishedTables } from '../../protocol/rows.ts';
import { DatabaseError } from '../../storage/database.ts';
import { NotKnown } from './check.ts';
import type { Check, Found } from './check.ts';
import { nameOf } from './subject.ts';
import type { Subject } from './subject.ts';

type TableFacts = SchemaFacts['tables'][number];

/** Row-level security hides rows instead of refusing them: without the role everything only looks empty. */
export function accessChecks(subject: Subject): readonly Check[] {
  return [
    { name: 'role', look: async () => await lookAtRole(subject) },
    { name: 'rows seen', look: async () => await lookAtRows(subject) },
  ];
}

async function lookAtRole(subject: Subject): Promise<Found> {
  const { backend, persona, isOther } = subject;
  const name = nameOf(persona);
  if (persona.role === 'service_role') return { result: 'ok', what: 'service_role, beyond all policies' };
  if (persona.user === undefined)
    return {
      result: isOther ? 'ok' : 'problem',
      what: `${name} is no user, and has no role in user_roles`,
      ...(isOther ? {} : { command: subject.command('login') }),
    };
  if (!isOther && backend !== undefined) {
    if (await backend.isAdmin()) return { result: 'ok', what: `\`SELECT is_admin_user()\` is true for ${name}` };
    return {
      result: 'problem',
      what: `\`SELECT is_admin_user()\` is false for ${name}: no row of theirs in user_roles has the role admin`,
      ...promotion(subject, persona.user),
    };
  }
  const { person } = await subject.facts();
  if (person === null || person.id === null)
    return { result: 'problem', what: `nobody has the address ${name}`, command: subject.command(`user add ${name} --admin`) };
  if (person.roles.includes('admin')) return { result: 'ok', what: `${name} has the role admin in user_roles` };
  return {
    result: 'problem',
    what: `${name} has ${person.roles.length === 0 ? 'no row' : `only ${person.roles.join(', ')}`} in user_roles, and not the role admin`,
    ...promotion(subject, name),
  };
}

function promotion({ command, place }: Subject, user: string): Pick<Found, 'command' | 'hint' | 'sql'> {
  const sql = `insert into public.user_roles (user_id, role) select id, 'admin' from auth.users where lower(email) = '${user.toLowerCase().replaceAll("'", "''")}' on conflict do nothing;`;
  if (place === 'database') return { command: `psql "$DATABASE_URL" -c "${sql}"`, sql };
  return {
    hint: place === 'remote' ? 'With the secret key in STEPSCOPE_SECRET_KEY:' : undefined,
    command: command(`user promote ${user}`),
    sql,
  };
}

/** The same select as that person, beside what is there. */
async function lookAtRows(subject: Subject): Promise<Found | readonly Found[]> {
  const { persona, command } = subject;
  if (subject.isOther && persona.user !== undefined && (await subject.facts()).person?.id === null)
    throw new NotKnown('there is nobody to look as');
  const seen = await select(subject);
  const name = nameOf(persona);
  let facts: SchemaFacts;
  try {
    facts = await subject.facts();
  } catch (error) {
    if (!(error instanceof UserError) || !['forbidden', 'not-found', 'failed'].includes(error.code)) throw error;
    const empty = seen.every(({ rows }) => rows === 0);
    if (!empty) return { result: 'ok', what: seen.map(({ table, rows }) => `${table} ${many(rows)}`).join(', ') };
    return {
      result: 'warning',
      what: `${name} sees no row of any table; whether there are some, only an owner can tell`,
      command: command(`doctor --database-url env:DATABASE_URL --as ${name}`),
    };
  }
  const causes = new Map<string, { readonly tables: string[]; readonly cure: Partial<Found> }>();
  for (const { table, rows } of seen) {
    const known = facts.tables.find((one) => one.name === table);
    if (known?.rows === undefined || rows >= known.rows) continue;
    const { why, ...cure } = whyHidden(known, facts, subject);
    const cause = causes.get(why) ?? { tables: [], cure };
    cause.tables.push(`${table} (${rows === 0 ? 'none' : rows} of ${many(known.rows)})`);
    causes.set(why, cause);
  }
  if (causes.size === 0) return { result: 'ok', what: `${name} sees every row there is, in ${publishedTables.length} tables` };
  // Whom nobody has let in sees nothing, and that is right.
  const result = persona.role === 'anon' && subject.isOther ? 'ok' : 'problem';
  return [...causes].map(([why, { tables, cure }]) => ({
    result,
    what: `hidden from ${name}: ${tables.join(', ')}: ${why}`,
    ...(result === 'ok' ? {} : cure),
  }));
}

/** Tables that have rows, and none for the persona. */
export async function findUnseenTables(subject: Subject): Promise<readonly string[]> {
  const [seen, { tables, person }] = [await select(subject), await subject.facts()];
  if (person?.id === null) throw new NotKnown('there is nobody to look as');
  return seen
    .filter(({ table, rows }) => rows === 0 && (tables.find(({ name }) => name === table)?.rows ?? 0) > 0)
    .map(({ table }) => table);
}

/** How many of these lines of a run the persona sees. Undefined when only the database itself could tell. */
export async function countSeenLines(subject: Subject, runId: string, ids: readonly unknown[]): Promise<number | undefined> {
  const { database, persona, facts } = subject;
  const { tables, person } = await facts();
  if (person?.id === null) throw new NotKnown('there is nobody to look as');
  if (database === undefined) {
    const { rows, visible, granted } = tables.find(({ name }) => name === 'test_execution_logs')!;
    if (granted !== true || visible === 0) return 0;
    return visible === rows && rows! < sampleRows ? ids.length : undefined;
  }
  const wanted = new Set(ids.map(String));
  return await refusedIsNone(
    async () =>
      await database.asUser(claimsOf(persona, person), async (transaction) => {
        const { rows } = await transaction.query<{ id: unknown }>('select id from public.test_execution_logs where test_run_id = $1', [
          runId,
        ]);
        return rows.filter(({ id }) => wanted.has(String(id))).length;
      }),
  );
}

const claimsOf = ({ role, user }: Subject['persona'], person: SchemaFacts['person']) => ({
  role,
  ...(person?.id ? { sub: person.id, email: user } : {}),
});

/** Of a row nothing but that it is there. */
const keyOf = (table: TableName) => z.object({ [keys[table] ?? 'id']: z.unknown() });
const keys: Partial<Record<TableName, string>> = { pipelines: 'pipeline_key', run_leases: 'test_run_id' };

const many = (rows: number): string => `${rows.toLocaleString('en')}${rows >= sampleRows ? '+' : ''}`;

async function select({
  backend,
  database,
  persona,
  isOther,
  facts,
}: Subject): Promise<readonly { readonly table: string; readonly rows: number }[]> {
  if (!isOther && backend !== undefined) {
    return await Promise.all(
      publishedTables.map(async (table) => ({
        table,
        rows: await refusedIsNone(async () => (await backend.diagnosis.sample(table, keyOf(table))).length),
      })),
    );
  }
  const { tables, person } = await facts();
  if (database === undefined)
    return tables.map(({ name, visible, granted }) => ({ table: name, rows: granted === true ? (visible ?? 0) : 0 }));
  const claims = claimsOf(persona, person);
  return await Promise.all(
    publishedTables.map(async (table) => ({
      table,
      rows: await refusedIsNone(
        async () =>
          await database.asUser(
            claims,
            async (transaction) =>
              (
                await transaction.query<{ n: number }>(
                  `select count(*)::int as n from (select from public.${table} limit ${sampleRows}) as sample`,
                )
              ).rows[0]!.n,
          ),
      ),
    })),
  );
}

/** Without the right to select one sees nothing either. */
async function refusedIsNone(count: () => Promise<number>): Promise<number> {
  try {
    return await count();
  } catch (error) {
    const isRefused = error instanceof DatabaseError ? error.code === '42501' : error instanceof UserError && error.code === 'forbidden';
    if (isRefused) return 0;
    throw error;
  }
}

function whyHidden(table: TableFacts, facts: SchemaFacts, subject: Subject): Partial<Found> & { readonly why: string } {
  const { persona, command } = subject;
  const { name, granted, rows = 0, policies } = table;
  if (granted === false) {
    const sql = `grant select on public.${name} to ${persona.role};`;
    return { why: `${persona.role} has no right to select`, command: `psql "$DATABASE_URL" -c '${sql}'`, sql };
  }
  const restrictive = policies.find((policy) => !policy.permissive && policy.rows < rows);
  if (restrictive !== undefined) {
    const sql = `drop policy ${restrictive.name} on public.${name};`;
    return {
      why: `the restrictive policy ${restrictive.name} (${restrictive.condition}) keeps them back`,
      command: `psql "$DATABASE_URL" -c '${sql}'`,
      sql,
    };
  }
  const lost = facts.spoilt.find((one) => one.kind === 'policy' && one.table_name === name && /^(admin_select|own_select)$/.test(one.name));
  if (lost !== undefined) return { why: `the policy ${lost.name} ${lost.problem}`, command: command('doctor --mend'), sql: lost.cure };
  const [policy] = policies.filter((one) => one.permissive);
  if (policy === undefined) return { why: `no policy lets ${persona.role} read them` };
  const why = `the policy ${policy.name} (${policy.condition.replaceAll(/\s+/g, ' ').trim()}) does not hold`;
  if (persona.user !== undefined && !(facts.person?.roles.includes('admin') ?? false)) return { why, ...promotion(subject, persona.user) };
  return { why };
}
