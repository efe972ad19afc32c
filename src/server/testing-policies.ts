import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { SignJWT } from 'jose';
import ws from 'ws';
import type { JsonObject } from '../protocol/json.ts';
import { publishedTables } from '../protocol/rows.ts';
import { actors, claimsOf, insertRow, userIds, type Actor } from '../storage/contract/actors.ts';
import { functions, matrix } from '../storage/contract/policies-matrix.ts';
import type { Database } from '../storage/database.ts';
import type { TestBackend } from './testing.ts';

/*
 * What people can do with a server, tried over the wire by supabase-js: the matrix of rights, measured.
 */

export type People = Readonly<Record<Actor, SupabaseClient>>;

/** Clients of all actors, with tokens as Auth signs them. */
export async function clientsOfAll({ url, keys }: Pick<TestBackend, 'url' | 'keys'>): Promise<People> {
  const client = async (actor: Actor): Promise<SupabaseClient> => {
    const key = actor === 'service' ? keys.secretKey : keys.publishableKey;
    const token = await tokenOf(actor, keys.jwtSecret);
    return createClient(url, key, {
      auth: { persistSession: false, autoRefreshToken: false },
      realtime: { transport: ws as never },
      ...(token === undefined ? {} : { accessToken: async () => token }),
    });
  };
  return Object.fromEntries(await Promise.all(actors.map(async (actor) => [actor, await client(actor)]))) as People;
}

async function tokenOf(actor: Actor, secret: string): Promise<string | undefined> {
  const { sub, role, ...claims } = claimsOf[actor];
  if (sub === undefined) return undefined;
  return await new SignJWT({ ...claims, role, aud: 'authenticated' })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setIssuedAt()
    .setExpirationTime('10 minutes')
    .sign(new TextEncoder().encode(secret));
}

interface Answer {
  readonly status: number;
  readonly error: { readonly code?: string; readonly message: string } | null;
}

/** Whether it was allowed. An error other than of rights is a broken test. */
function isAllowed({ status, error }: Answer): boolean {
  if (error === null) return true;
  if ((status === 401 || status === 403) && error.code === '42501') return false;
  throw new Error(`${status} ${error.code}: ${error.message}`);
}

/** First letters of the verbs that each actor can in fact use on a table, as `expectedRights` names them. */
export async function restRights(database: Database, people: People, table: string): Promise<Record<string, string>> {
  const { row, touch } = matrix[table]!;
  const [, column, value] = /^(\w+) = '(.*)'$/.exec(matrix[table]!.there)!;
  const found: Record<string, string> = {};
  for (const actor of actors) {
    const of = people[actor].from(table);
    let letters = '';
    const read = await of.select(touch).eq(column!, value!);
    if (isAllowed(read) && read.data!.length > 0) letters += 's';
    if (isAllowed(await of.insert(row()))) letters += 'i';
    const updated = await of.update(await asItIs(database, table), { count: 'exact' }).eq(column!, value!);
    if (isAllowed(updated) && updated.count! > 0) letters += 'u';
    const deleted = await of.delete({ count: 'exact' }).match(await victim(database, table, actor));
    if (isAllowed(deleted) && deleted.count! > 0) letters += 'd';
    found[actor] = letters;
  }
  return found;
}

async function asItIs(database: Database, table: string): Promise<JsonObject> {
  const { touch, there } = matrix[table]!;
  const { rows } = await database.asOwner((transaction) => transaction.query(`select ${touch} from ${table} where ${there} limit 1`));
  return rows[0]!;
}

/** A row to delete: a new one, or the one that is there where it could only be deleted by a mistake of ours. */
async function victim(database: Database, table: string, actor: Actor): Promise<Record<string, unknown>> {
  const { row, rights, there } = matrix[table]!;
  const [, column, value] = /^(\w+) = '(.*)'$/.exec(there)!;
  if (!rights[actor]?.includes('d')) return { [column!]: value };
  const columns = row();
  const stored = await database.asOwner((transaction) => insertRow(transaction, table, columns));
  const key = ['id', 'model_record_id'].find((name) => name in stored);
  return key === undefined ? columns : { [key]: stored[key] };
}

/** Who can call a function. */
export async function callers(people: People, name: string): Promise<Actor[]> {
  const able = await Promise.all(actors.map(async (actor) => isAllowed(await people[actor].rpc(name, functions[name]!.args))));
  return actors.filter((_, at) => able[at]);
}

/** What must change for an update to be news, where touching a column does not do it. */
const news: Readonly<Record<string, string>> = {
  test_execution_runs: `notes = 'changed'`,
  test_execution_steps: `description = 'changed'`,
};
/** How long changes may be on their way. */
const patienceMs = 10_000;

/** What names a row, in whichever table. */
const keys = ['id', 'pipeline_key', 'test_run_id'] as const;

/** One row whose fate everybody may listen for. */
interface Told {
  readonly table: (typeof publishedTables)[number];
  readonly key: 'id' | 'pipeline_key' | 'test_run_id';
  readonly value: unknown;
  /** Whose it is, where rows have owners. */
  readonly whose: Actor | undefined;
}

type News = Record<Actor, string[]>;

/**
 * Writes, changes and deletes a row of every published table, of `user` and of `other` where rows have owners,
 * while everybody listens to everything. Answers with who heard what, and with what they should have heard:
 * `UPDATE jobs of user`. Who may hear nothing at all is told so by the answer to the subscription.
 */
export async function hearOfEverything(database: Database, people: People): Promise<{ readonly heard: News; readonly expected: News }> {
  const told: Told[] = [];
  const nameOf = ({ table, whose }: Told): string => (whose === undefined ? table : `${table} of ${whose}`);
  const mayHear = (actor: Actor, { table, whose }: Told): boolean =>
    (matrix[table]!.rights[whose !== undefined && whose === actor ? 'user' : actor] ?? '').includes('s') &&
    (whose === undefined || whose === actor || actor === 'admin' || actor === 'service');
  const wanted = (actor: Actor, events: readonly string[]): string[] =>
    told
      .filter((row) => mayHear(actor, row))
      .flatMap((row) =>
        events.filter((event) => !(event === 'UPDATE' && row.table === 'test_execution_logs')).map((event) => `${event} ${nameOf(row)}`),
      );
  const asOwner = (text: string, value: unknown): Promise<unknown> => database.asOwner((transaction) => transaction.query(text, [value]));

  const { heard, refused, until } = await listen(people);
  for (const table of publishedTables) {
    const { owner, row, touch } = matrix[table]!;
    for (const whose of owner === undefined ? [undefined] : (['user', 'other'] as const)) {
      const columns = owner === undefined ? row() : { ...row(), [owner]: userIds[whose!] };
      const stored = await database.asOwner((transaction) => insertRow(transaction, table, columns));
      const key = keys.find((name) => name in stored)!;
      told.push({ table, key, value: stored[key], whose });
      // Log rows never change.
      if (table !== 'test_execution_logs')
        await asOwner(`update ${table} set ${news[table] ?? `${touch} = ${touch}`} where ${key} = $1`, stored[key]);
    }
  }
  const names = (actor: Actor): string[] =>
    heard[actor].flatMap(({ event, value }) => told.filter((row) => row.value === value).map((row) => `${event} ${nameOf(row)}`));
  const complete = (events: readonly string[]) => (): boolean =>
    actors.every((actor) => refused.has(actor) || wanted(actor, events).every((one) => names(actor).includes(one)));
  // A row that is gone before it was read is not told of.
  await until(complete(['INSERT', 'UPDATE']));
  for (const { table, key, value } of told) await asOwner(`delete from ${table} where ${key} = $1`, value);
  // Everybody hears in order, and of their own rows last: what they should not have heard is here by then.
  await until(complete(['INSERT', 'UPDATE', 'DELETE']));

  const of = (what: (actor: Actor) => readonly string[]): News =>
    Object.fromEntries(actors.map((actor) => [actor, [...new Set(what(actor))].toSorted()])) as News;
  return {
    heard: of((actor) => (refused.has(actor) ? ['refused', ...names(actor)] : names(actor))),
    expected: of((actor) => (actor === 'anon' ? ['refused'] : wanted(actor, ['INSERT', 'UPDATE', 'DELETE']))),
  };
}

async function listen(people: People) {
  const heard: Record<Actor, { readonly event: string; readonly value: unknown }[]> = {
    anon: [],
    user: [],
    other: [],
    admin: [],
    service: [],
  };
  const refused = new Set<Actor>();
  let onNews: () => void = () => {};
  await Promise.all(
    actors.map(async (actor) => {
      const channel = people[actor].channel('everything').on('postgres_changes', { event: '*', schema: 'public' }, (change) => {
        const row = (change.eventType === 'DELETE' ? change.old : change.new) as Record<string, unknown>;
        heard[actor].push({ event: change.eventType, value: row[keys.find((name) => row[name] !== undefined)!] });
        onNews();
      });
      const answer = await new Promise<string>((resolve) => {
        channel.subscribe((status, error) => resolve(error?.message ?? status));
      });
      if (answer.startsWith('permission denied')) refused.add(actor);
      else if (answer !== 'SUBSCRIBED') throw new Error(`${actor} could not subscribe: ${answer}`);
    }),
  );
  /** Resolves when it is so, or when it has been waited for long enough. */
  const until = async (isSo: () => boolean): Promise<void> => {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patienceMs);
      onNews = () => {
        if (!isSo()) return;
        clearTimeout(timer);
        resolve();
      };
      onNews();
    });
  };
  return { heard, refused, until };
}
