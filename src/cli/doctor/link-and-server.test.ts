import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { createServer, request } from 'node:http';
import type { Server } from 'node:http';
import { chmodSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findRedis, openFragileRedis, withoutRedis } from '../../server/fanout/testing-redis.ts';
import { startTestBackend } from '../../server/testing.ts';
import type { TestBackend } from '../../server/testing.ts';
import { beginSession } from '../../client/supabase.ts';
import { changeProfile } from '../profiles.ts';
import { readSettings } from '../settings.ts';
import { machineChecks } from './machine-checks.ts';
import { openClinic } from './testing.ts';
import type { Clinic } from './testing.ts';

/** Listens on a free port of this machine. */
async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('doctor, about the way to a backend and the server', { timeout: 60_000 }, () => {
  let backend: TestBackend;
  let clinic: Clinic;
  const servers: Server[] = [];
  beforeAll(async () => {
    backend = await startTestBackend();
    clinic = openClinic({ STEPSCOPE_SECRET_KEY: backend.keys.secretKey, PASSWORD: backend.admin.password });
  }, 60_000);
  afterEach(() => void servers.splice(0).map((server) => server.close()));
  afterAll(async () => {
    clinic.close();
    await backend.stop();
  });
  const here = () => ({ url: backend.url, key: 'env:STEPSCOPE_SECRET_KEY' });
  const sql = async (text: string) => await backend.database.asOwner(async (transaction) => await transaction.query(text));
  const serving = async (server: Server): Promise<string> => {
    servers.push(server);
    return await listen(server);
  };

  it('tells a silent address, another program and a wrong key apart', async () => {
    const gone = createServer();
    const url = await listen(gone);
    await new Promise((resolve) => gone.close(resolve));
    expect((await clinic.doctor({ ...here(), url })).problems).toMatchObject([
      {
        name: 'address',
        what: expect.stringMatching(/nobody answers at .*ECONNREFUSED/),
        command: `stepscope serve --port ${new URL(url).port}`,
      },
      { name: 'socket', what: expect.stringContaining('ECONNREFUSED') },
    ]);

    const other = await serving(createServer((_, answer) => answer.writeHead(404).end('not here')));
    expect((await clinic.doctor({ ...here(), url: other })).of('address')).toMatchObject([
      { result: 'problem', what: expect.stringContaining('something else answers') },
    ]);

    process.env['WRONG_KEY'] = 'sb_publishable_wrong';
    const wrong = await clinic.doctor({ url: backend.url, key: 'env:WRONG_KEY' });
    expect(wrong.of('key')).toMatchObject([{ result: 'problem', command: 'stepscope status --show-keys' }]);
    expect(wrong.of('socket')).toMatchObject([{ result: 'problem', what: expect.stringContaining('HTTP 401') }]);
  });

  it('sees a clock that is off, and a proxy that passes no socket on', async () => {
    const target = new URL(backend.url);
    const proxy = await serving(
      createServer((incoming, outgoing) => {
        const { connection: _, upgrade: _upgrade, ...headers } = incoming.headers;
        const passed = request(
          { port: target.port, path: incoming.url, method: incoming.method, headers: { ...headers, host: target.host } },
          (answer) => {
            const date = new Date(Date.now() - 10 * 60_000).toUTCString();
            answer.pipe(outgoing.writeHead(answer.statusCode ?? 502, { ...answer.headers, date }));
          },
        );
        incoming.pipe(passed);
      }),
    );
    const { of } = await clinic.doctor({ ...here(), url: proxy, only: 'clock,socket' });
    expect(of('clock')).toMatchObject([
      { result: 'problem', what: expect.stringMatching(/^10m 0\ds ahead of the server/), command: 'sudo timedatectl set-ntp true' },
    ]);
    expect(of('socket')).toMatchObject([
      { result: 'problem', what: expect.stringMatching(/HTTP \d+ instead of an upgrade/), hint: expect.stringContaining('proxy') },
    ]);
  });

  it('refreshes a token that ran out, and names a session that has ended with the command to sign in', async () => {
    const { email, password } = backend.admin;
    const key = backend.keys.publishableKey;
    const session = await beginSession({ url: backend.url, key, email, password });
    const signed = (issuedAtS: number, expiresAtS: number): string => {
      const claims = { email, role: 'authenticated', sub: session.userId, aud: 'authenticated', iat: issuedAtS, exp: expiresAtS };
      const text = [{ alg: 'HS256', typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
      return `${text}.${createHmac('sha256', backend.keys.jwtSecret).update(text).digest('base64url')}`;
    };
    const keep = async (changes: Partial<typeof session>): Promise<void> =>
      await changeProfile(process.env, 'staging', () => ({
        url: backend.url,
        key,
        email,
        readOnly: false,
        session: { ...session, ...changes },
      }));
    const nowS = Math.floor(Date.now() / 1000);
    const flags = { profile: 'staging', only: 'token,role' };

    await keep({ accessToken: signed(nowS - 60, nowS + 2), expiresAt: nowS + 2 });
    expect((await clinic.doctor(flags)).problems).toEqual([]);
    await keep({ accessToken: signed(nowS + 3600, nowS + 7200), expiresAt: nowS + 7200 });
    expect((await clinic.doctor(flags)).of('token')).toMatchObject([
      { result: 'problem', what: expect.stringContaining('this clock is behind') },
    ]);

    await keep({ accessToken: signed(nowS - 3600, nowS - 1800), expiresAt: nowS - 1800, refreshToken: 'spent' });
    const ended = await clinic.doctor(flags);
    expect(ended.problems).toMatchObject([{ name: 'backend', what: 'the session of profile staging has ended' }]);
    const [, login] = /`(stepscope login [^`]*)`/.exec(ended.problems[0]?.hint ?? '') ?? [];
    await clinic.apply({ ...ended.problems[0]!, command: `${login} --password env:PASSWORD` }, backend.database);
    expect((await clinic.doctor(flags)).status).toBe(0);
  });

  it('names a trigger that is gone, measures that nothing arrives, and puts it back', async () => {
    await sql('drop trigger announce_insert on test_execution_logs; alter table breakpoints disable trigger announce_insert');
    const lost = await clinic.doctor({ ...here(), only: 'triggers,delivery' });
    expect(lost.problems).toMatchObject([
      {
        name: 'triggers',
        what: 'announce_insert of breakpoints is switched off: its changes do not arrive live',
        sql: 'alter table public.breakpoints enable trigger announce_insert;',
      },
      {
        name: 'triggers',
        what: 'announce_insert of test_execution_logs is missing: its changes do not arrive live',
        sql: expect.stringContaining('CREATE TRIGGER announce_insert'),
      },
      { name: 'delivery', what: 'a line of log was written, and it did not arrive' },
    ]);
    await clinic.apply(lost.problems[0], backend.database);
    expect((await clinic.doctor({ ...here(), only: 'triggers,delivery' })).problems).toEqual([]);
  });

  it('tells a schema that is too old, too new or another one', async () => {
    const schema = async () => (await clinic.doctor({ ...here(), only: 'schema' })).of('schema');
    const migrations = 'stepscope.stepscope_migrations';
    await sql(`insert into ${migrations} (version, name, checksum) values (9999, 'future', '')`);
    expect(await schema()).toMatchObject([
      {
        result: 'problem',
        what: expect.stringMatching(/^is 9999, and this stepscope knows \d+/),
        command: 'npm install --global stepscope@latest',
      },
    ]);
    await sql(`delete from ${migrations} where version = 9999; update ${migrations} set checksum = 'x' || checksum where version = 3`);
    expect(await schema()).toMatchObject([{ result: 'problem', what: expect.stringContaining('3 control had another text') }]);
    await sql(
      `update ${migrations} set checksum = substr(checksum, 2) where version = 3; create table kept as select * from ${migrations} where version = 5; delete from ${migrations} where version = 5`,
    );
    expect(await schema()).toMatchObject([
      {
        result: 'problem',
        what: 'is too old: 1 migration missing (5 functions)',
        command: 'stepscope migrate --database-url env:DATABASE_URL',
      },
    ]);
    await sql(
      `insert into ${migrations} select * from kept; drop table kept; alter function public.diagnose(text[], text, text) rename to diagnosed`,
    );
    const older = await clinic.doctor({ ...here(), only: 'schema,triggers' });
    expect(older.findings).toMatchObject([
      { name: 'schema', result: 'problem', what: expect.stringMatching(/^is older than \d+/) },
      { name: 'triggers', result: 'warning', what: 'not known: the schema is too old to tell' },
    ]);
    await sql('alter function public.diagnosed(text[], text, text) rename to diagnose');
    expect(await schema()).toMatchObject([{ result: 'ok' }]);
  });

  it('names buckets that are missing and an audit log that was changed', async () => {
    await sql(`delete from storage.buckets where id = 'uploads'`);
    const { of } = await clinic.doctor({ ...here(), only: 'buckets,audit log' });
    expect(of('buckets')).toMatchObject([{ result: 'warning', what: expect.stringContaining('no bucket uploads') }]);
    expect(of('audit log')).toMatchObject([{ result: 'ok', what: expect.stringContaining('chain of hashes is whole') }]);
    await clinic.apply(of('buckets')[0], backend.database);
    await sql(
      `alter table audit_log disable trigger user; update audit_log set action = 'nothing' where id = 1; alter table audit_log enable trigger user`,
    );
    const after = await clinic.doctor({ ...here(), only: 'buckets,audit log' });
    expect(after.problems).toMatchObject([{ name: 'audit log', what: 'was tampered with at row 1: this row was changed' }]);
    expect(after.of('buckets')).toMatchObject([{ result: 'ok' }]);
  });

  it('says that Redis does not answer any more', async ({ skip }) => {
    const address = await findRedis();
    if (address === undefined) return skip(withoutRedis);
    const redis = await openFragileRedis(address);
    const beside = await startTestBackend({ server: { redisUrl: redis.url } });
    process.env['BESIDE_KEY'] = beside.keys.secretKey;
    const fanout = async () => (await clinic.doctor({ url: beside.url, key: 'env:BESIDE_KEY', only: 'fan-out' })).of('fan-out');
    try {
      expect(await fanout()).toMatchObject([{ result: 'ok', what: 'by Redis, alone' }]);
      await redis.cut();
      await expect
        .poll(fanout, { timeout: 10_000, interval: 50 })
        .toMatchObject([
          { result: 'problem', what: expect.stringContaining('Redis does not answer'), command: 'redis-cli -u "$REDIS_URL" ping' },
        ]);
    } finally {
      await beside.stop();
      await redis.close();
    }
  });

  it('says that only one of two servers was given Redis', async ({ skip }) => {
    const redisUrl = await findRedis();
    if (redisUrl === undefined) return skip(withoutRedis);
    const first = await startTestBackend({ engine: 'postgres', server: { redisUrl } });
    const second = await first.addServer({});
    process.env['BESIDE_KEY'] = first.keys.secretKey;
    try {
      for (const { url } of [first, second]) {
        const fanout = async () => (await clinic.doctor({ url, key: 'env:BESIDE_KEY', only: 'fan-out' })).of('fan-out');
        await expect
          .poll(fanout, { timeout: 10_000, interval: 50 })
          .toMatchObject([{ result: 'warning', what: expect.stringContaining('1 of 1 other server does not use the same Redis as this one') }]);
      }
    } finally {
      await second.stop();
      await first.stop();
    }
  });

  it('looks after the data directory and who holds it', async () => {
    const local = async () => await clinic.doctor({ ...here(), only: 'data directory,holder' });
    await local();
    const keys = join(clinic.dataDir, 'keys.json');
    writeFileSync(keys, '{}');
    chmodSync(keys, 0o644);
    // A process that lives, and is no backend.
    writeFileSync(join(clinic.dataDir, 'database.pid'), `${process.ppid}\n`);
    expect((await local()).of('holder')).toMatchObject([{ result: 'warning', what: expect.stringContaining('does not listen yet') }]);
    const { publishableKey, secretKey } = backend.keys;
    const state = {
      version: 1,
      url: 'http://127.0.0.1:1',
      pid: process.ppid,
      startedAt: '',
      engine: 'pglite',
      mode: 'serve',
      stepscope: '',
      schemaVersion: 1,
      publishableKey,
      secretKey,
      localUser: backend.admin,
    };
    writeFileSync(join(clinic.dataDir, 'backend.json'), JSON.stringify(state), { mode: 0o600 });
    const { problems } = await local();
    expect(problems).toMatchObject([
      { name: 'data directory', what: `others can read keys.json in ${clinic.dataDir}`, command: `chmod -R go= ${clinic.dataDir}` },
      { name: 'holder', what: `process ${process.ppid} holds it, and does not answer within 2 s`, command: `kill ${process.ppid}` },
    ]);
  });

  it('does not put an empty database in the place of a server on Postgres that died', async () => {
    const died = spawnSync('true').pid;
    const { publishableKey, secretKey } = backend.keys;
    const state = { version: 1, url: 'http://127.0.0.1:1', startedAt: '', stepscope: '', schemaVersion: 1, publishableKey, secretKey };
    writeFileSync(
      join(clinic.dataDir, 'backend.json'),
      JSON.stringify({ ...state, pid: died, engine: 'postgres', mode: 'serve', localUser: backend.admin }),
      { mode: 0o600 },
    );
    const { findings } = await clinic.doctor({ only: 'triggers' });
    expect(findings).toMatchObject([
      { name: 'backend', result: 'problem', what: expect.stringContaining(`process ${died}, is gone`) },
      { name: 'triggers', result: 'warning', what: 'not looked at, because the server is away' },
    ]);
  });

  it('knows whose port it is when the backend is frozen', async () => {
    const port = new URL(await serving(createServer(() => undefined))).port;
    const { publishableKey, secretKey } = backend.keys;
    const state = {
      version: 1,
      url: `http://127.0.0.1:${port}`,
      startedAt: '',
      stepscope: '',
      schemaVersion: 1,
      publishableKey,
      secretKey,
    };
    writeFileSync(
      join(clinic.dataDir, 'backend.json'),
      JSON.stringify({ ...state, pid: process.ppid, engine: 'pglite', mode: 'serve', localUser: backend.admin }),
      { mode: 0o600 },
    );
    writeFileSync(join(clinic.dataDir, 'last-port.json'), port, { mode: 0o600 });
    const [check] = machineChecks(readSettings({})).filter(({ name }) => name === 'port');
    expect(await check!.look(new AbortController().signal)).toMatchObject({
      what: expect.stringContaining(`held by process ${process.ppid}`),
    });
  });
});
