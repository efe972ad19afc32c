import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { claimsOf, makeAdmin } from './contract/actors.ts';
import type { Actor } from './contract/actors.ts';
import type { Database } from './database.ts';
import { migrate } from './migrate.ts';
import { openPostgres } from './postgres/open-postgres.ts';
import { testPostgres } from './testing.ts';

/*
 * A hosted project asks policies on `realtime.messages` who may hear and say something in a private channel. Here stands
 * as much of its schema as they look at.
 */
const hosted = `do $do$ begin
  create schema realtime;
  create table realtime.messages (topic text not null, extension text not null, payload jsonb);
  alter table realtime.messages enable row level security;
  create function realtime.topic() returns text language sql stable as $$ select nullif(current_setting('realtime.topic', true), '') $$;
end $do$`;

describe('the policies of private channels in a hosted project', { timeout: 60_000 }, () => {
  const name = `s_${crypto.randomUUID().replaceAll('-', '')}`;
  let admin: postgres.Sql;
  let database: Database;

  beforeAll(async () => {
    const server = await testPostgres();
    admin = postgres(server.url, { max: 1, onnotice: () => {} });
    await admin.unsafe(`create database ${name}`);
    const url = new URL(server.url);
    url.pathname = `/${name}`;
    database = await openPostgres({ url: url.href });
    await database.asOwner((transaction) => transaction.query(hosted));
    await migrate(database);
    await database.asOwner((transaction) => transaction.query('grant usage on schema realtime to anon, authenticated'));
    await database.asOwner((transaction) => transaction.query('grant select, insert on realtime.messages to anon, authenticated'));
    await makeAdmin(database);
  }, 60_000);
  afterAll(async () => {
    await database.close();
    await admin.unsafe(`drop database if exists ${name} with (force)`);
    await admin.end();
  });

  const may = async (actor: Actor, topic: string): Promise<readonly [says: boolean, hears: boolean]> => {
    const attempt = (sql: string): Promise<boolean> =>
      database
        .asUser(claimsOf[actor], async (transaction) => {
          await transaction.query(`select set_config('realtime.topic', $1, true)`, [topic]);
          return (await transaction.query(sql, [topic])).rows.length > 0;
        })
        .catch(() => false);
    const says = await attempt(`insert into realtime.messages (topic, extension) values ($1, 'presence') returning topic`);
    return [says, await attempt('select from realtime.messages where topic = $1')];
  };

  it.each<[Actor, string, boolean]>([
    ['admin', 'session:1', true],
    ['admin', 'orders:1', false],
    ['user', 'session:1', false],
    ['other', 'session:1', false],
    ['anon', 'session:1', false],
  ])('let %s into %s: %s', async (actor, topic, expected) => {
    expect(await may(actor, topic)).toEqual([expected, expected]);
  });
});
