import { randomUUID } from 'node:crypto';
import type { Claims, Database, Transaction } from '../database.ts';
import type { JsonObject } from '../../protocol/json.ts';

/** Who may come to the database. `user` owns some rows, `other` owns none. */
export const actors = ['anon', 'user', 'other', 'admin', 'service'] as const;
export type Actor = (typeof actors)[number];

export const userIds = {
  user: '0199aaaa-0000-7000-8000-000000000001',
  other: '0199aaaa-0000-7000-8000-000000000002',
  admin: '0199aaaa-0000-7000-8000-000000000003',
} as const;

export const claimsOf: Readonly<Record<Actor, Claims>> = {
  anon: { role: 'anon' },
  user: { role: 'authenticated', sub: userIds.user, email: 'user@example.com' },
  other: { role: 'authenticated', sub: userIds.other, email: 'other@example.com' },
  admin: { role: 'authenticated', sub: userIds.admin, email: 'admin@example.com' },
  service: { role: 'service_role' },
};

/** Gives the admin the role. The same twice is fine. */
export async function makeAdmin(database: Database): Promise<void> {
  await database.asOwner((transaction) =>
    transaction.query(`insert into user_roles (user_id, role) values ($1, 'admin') on conflict do nothing`, [userIds.admin]),
  );
}

/** Inserts a row of the given columns; the rest gets its defaults. Answers with what was stored. */
export async function insertRow(transaction: Transaction, table: string, row: JsonObject): Promise<JsonObject> {
  const columns = Object.keys(row);
  const places = columns.map((_, index) => `$${index + 1}`);
  const { rows } = await transaction.query<JsonObject>(
    `insert into ${table} (${columns.map((name) => `"${name}"`).join(', ')}) values (${places.join(', ')}) returning *`,
    Object.values(row),
  );
  return rows[0]!;
}

/** A new run of its own for one test. Answers with its id. */
export async function newRun(database: Database, columns: JsonObject = {}): Promise<string> {
  const id = `run-${randomUUID()}`;
  await database.asUser(claimsOf.service, (transaction) => insertRow(transaction, 'test_execution_runs', { test_run_id: id, ...columns }));
  return id;
}

/** Calls an SQL function that answers with one value. */
export async function callFunction<T>(database: Database, claims: Claims, call: string, parameters: readonly unknown[] = []): Promise<T> {
  const { rows } = await database.asUser(claims, (transaction) => transaction.query<{ answer: T }>(`select ${call} as answer`, parameters));
  return rows[0]!.answer;
}
