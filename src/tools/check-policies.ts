import { connectBackend } from '../client/connect-backend.ts';
import { actors, type Actor } from '../storage/contract/actors.ts';
import { expectedRights, functions, makeRows, matrix, run } from '../storage/contract/policies-matrix.ts';
import type { Database } from '../storage/database.ts';
import { callers, clientsOfAll, hearOfEverything, restRights, type People } from '../server/testing-policies.ts';
import { startTestBackend } from '../server/testing.ts';
import { report } from './check-report.ts';
import type { Figure } from './check-report.ts';

/*
 * Holds a whole backend to the matrix of rights, over the wire: every table × {anon, two users, admin, service} ×
 * {select, insert, update, delete} by REST, what each hears by Realtime, and who can export a run. Then takes each
 * policy for reading away, in turn, and looks whether that is noticed.
 *
 *   npm run check:policies [-- postgres]
 */

const engine: Database['engine'] = process.argv[2] === 'postgres' ? 'postgres' : 'pglite';
const startedAt = performance.now();
const backend = await startTestBackend({ engine });
await makeRows(backend.database);
const people = await clientsOfAll(backend);

const tables = Object.keys(matrix);
const rights = await measure(
  tables.map((table) => ({
    name: table,
    expected: expectedRights(table, actors),
    found: () => restRights(backend.database, people, table),
  })),
);
const calls = await measure(
  Object.entries(functions).map(([name, { may }]) => ({ name, expected: may, found: () => callers(people, name) })),
);
const { heard, expected } = await hearOfEverything(backend.database, people);
const news = await measure(
  actors.map((actor) => ({ name: `realtime of ${actor}`, expected: expected[actor], found: async () => heard[actor] })),
);
const exporters = await measure([
  { name: 'export', expected: ['admin', 'service'] satisfies Actor[], found: async () => await whoCanExport() },
]);
const { tried, unnoticed } = await takePoliciesAway();

await Promise.all(Object.values(people).map(async (client) => await client.removeAllChannels()));
await backend.stop();

report(`check:policies on ${engine}, ${((performance.now() - startedAt) / 1000).toFixed(1)} s`, [
  figure(`REST: ${tables.length} tables × ${actors.length} people × 4 verbs`, rights),
  figure(`REST: ${Object.keys(functions).length} functions × ${actors.length} people`, calls),
  figure(`Realtime: ${Object.values(expected).flat().length} events × ${actors.length} people`, news),
  figure(`export × ${actors.length} people`, exporters),
  {
    name: 'policies taken away that nobody noticed',
    measured: unnoticed.length === 0 ? `0 of ${tried}` : unnoticed.join(', '),
    demanded: '0',
    isMet: unnoticed.length === 0 && tried > 0,
  },
]);
process.exit();

interface Line {
  readonly name: string;
  readonly expected: unknown;
  readonly found: () => Promise<unknown>;
}

/** The names of the lines that are not as they should be, with what was found. */
async function measure(lines: readonly Line[]): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const { name, expected, found } of lines) {
    const answer = JSON.stringify(await found());
    if (answer !== JSON.stringify(expected)) wrong.push(`${name}: ${answer} instead of ${JSON.stringify(expected)}`);
  }
  return wrong;
}

function figure(name: string, wrong: readonly string[]): Figure {
  return { name, measured: wrong.length === 0 ? '0 leaks' : wrong.join('; '), demanded: '0 leaks', isMet: wrong.length === 0 };
}

/** Who gets a run out as one document, by the program's own client. */
async function whoCanExport(): Promise<readonly Actor[]> {
  const { url, keys, admin } = backend;
  const connections: readonly (readonly [Actor, Parameters<typeof connectBackend>[0]])[] = [
    ['anon', { url, key: keys.publishableKey }],
    ['user', { url, key: keys.publishableKey, session: await backend.addUser() }],
    ['other', { url, key: keys.publishableKey, session: await backend.addUser() }],
    ['admin', { url, key: keys.publishableKey, session: admin }],
    ['service', { url, key: keys.secretKey }],
  ];
  const able: Actor[] = [];
  for (const [actor, connection] of connections) {
    const client = await connectBackend(connection);
    const document = await client.trace(run).catch(() => undefined);
    if (document !== undefined) able.push(actor);
    await client.close();
  }
  return able;
}

/** Drops each policy by which people read, looks over the wire, and puts it back. */
async function takePoliciesAway(): Promise<{ readonly tried: number; readonly unnoticed: readonly string[] }> {
  const { rows } = await backend.database.asOwner((transaction) =>
    transaction.query<{ name: string; table: string; qual: string }>(
      `select policyname::text as name, tablename::text as "table", qual from pg_policies
       where schemaname = 'public' and cmd = 'SELECT' and roles = '{authenticated}' order by 2, 1`,
    ),
  );
  const unnoticed: string[] = [];
  for (const { name, table, qual } of rows) {
    const change = (statement: string): Promise<unknown> => backend.database.asOwner((transaction) => transaction.query(statement));
    await change(`drop policy ${name} on ${table}`);
    const found = await readers(people, table);
    await change(`create policy ${name} on ${table} for select to authenticated using (${qual})`);
    const all = actors.filter((actor) => matrix[table]!.rights[actor]?.includes('s'));
    if (JSON.stringify(found) === JSON.stringify(all)) unnoticed.push(`${name} on ${table}`);
  }
  return { tried: rows.length, unnoticed };
}

async function readers(clients: People, table: string): Promise<readonly Actor[]> {
  const [, column, value] = /^(\w+) = '(.*)'$/.exec(matrix[table]!.there)!;
  const able: Actor[] = [];
  for (const actor of actors) {
    const { data } = await clients[actor].from(table).select(column).eq(column!, value!);
    if ((data ?? []).length > 0) able.push(actor);
  }
  return able;
}
