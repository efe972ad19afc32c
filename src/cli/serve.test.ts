import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestDatabase } from '../storage/testing.ts';
import { openTestDatabase } from '../storage/testing.ts';
import { buildProgram, installation } from './testing.ts';

describe('serving and preparing a database of one’s own', { timeout: 120_000 }, () => {
  let opened: TestDatabase;
  const places: ReturnType<typeof installation>[] = [];
  const place = (env: NodeJS.ProcessEnv = {}) => {
    const made = installation({ DB: opened.url, ...env });
    places.push(made);
    return made;
  };
  beforeAll(async () => {
    buildProgram();
    opened = await openTestDatabase('postgres');
  }, 120_000);
  afterAll(async () => {
    await Promise.all(places.map((one) => one.remove()));
    await opened.close();
  });
  const serve = ['serve', '--port', '0', '--no-runner', '--json'];

  it('needs keys that were made for it where other machines can come', async () => {
    const here = place();
    expect(await here.run('serve', '--host', '0.0.0.0', '--port', '0')).toMatchObject({
      status: 2,
      err: expect.stringContaining('stepscope keys ./keys.json && stepscope serve --host 0.0.0.0 --keys @./keys.json'),
    });
    const file = join(here.dataDir, '../keys.json');
    expect(await here.run('keys', file)).toMatchObject({ status: 0, out: '' });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const before = readFileSync(file, 'utf8');
    expect(await here.run('keys', file)).toMatchObject({ status: 1, err: expect.stringContaining('is there already') });
    expect(readFileSync(file, 'utf8')).toBe(before);

    const server = here.start(...serve, '--host', '0.0.0.0', '--keys', `@${file}`);
    await server.says(/"url"/);
    const { json } = await here.run('status', '--json', '--show-keys');
    const [first, ...others] = (JSON.parse((await server.says(/^\{.*\}$/m))[0]) as { addresses: string[] }).addresses;
    expect(first).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    for (const address of others) expect((await fetch(`${address}/healthz`)).status).toBe(200);
    expect(json[0]).toMatchObject({
      identity: 'local@stepscope',
      publishableKey: (JSON.parse(before) as { publishableKey: string }).publishableKey,
    });
    server.kill('SIGINT');
    expect((await server.outcome).status).toBe(0);
    const broken = await here
      .run(...serve, '--keys', 'env:BROKEN')
      .then(() => place({ BROKEN: '{"secretKey":"hush"' }).run(...serve, '--keys', 'env:BROKEN'));
    expect(broken).toMatchObject({ status: 2, err: expect.not.stringContaining('hush') });
  });

  it('lets two servers share a database with the same keys, and refuses one with others', async () => {
    const [first, second, stranger] = [place(), place(), place()];
    const file = join(first.dataDir, '../keys.json');
    await first.start(...serve, '--database-url', 'env:DB').says(/"url"/);
    expect(await stranger.run(...serve, '--database-url', 'env:DB')).toMatchObject({
      status: 1,
      err: expect.stringMatching(/the database is served with other keys since \d{4}.*\n.*stepscope keys FILE --current/),
    });

    expect((await first.run('keys', file, '--current')).status).toBe(0);
    await second.start(...serve, '--database-url', 'env:DB', '--keys', `@${file}`).says(/"url"/);
    // Each knows its own local user, and neither has taken it from the other.
    const states = await Promise.all([first.run('status', '--json'), second.run('status', '--json')]);
    expect(states.map(({ status, json }) => [status, json[0]?.['identity']])).toEqual([
      [0, 'local@stepscope'],
      [0, 'local@stepscope'],
    ]);

    await stranger.start(...serve, '--database-url', 'env:DB', '--replace-keys').says(/"url"/);
    expect(await place().run(...serve, '--database-url', 'env:DB', '--keys', `@${file}`)).toMatchObject({ status: 1 });
  });

  it('does not take an embedded database for the one in DATABASE_URL without a word', async () => {
    const here = place({ DATABASE_URL: opened.url! });
    for (const words of [['list'], ['add', 'ada@example.com'], ['promote', 'ada@example.com']]) {
      expect(await here.run('user', ...words)).toMatchObject({ status: 3, out: '', err: expect.stringContaining('Start `stepscope serve`') });
    }
    expect(await here.run('runs')).toMatchObject({ status: 0, err: expect.stringContaining(`the embedded database in ${here.dataDir}`) });
    await here.start(...serve, '--replace-keys').says(/"url"/);
    expect(await here.run('user', 'list', '--json')).toMatchObject({ status: 0, err: '' });
  });

  it('says where a database stands, prints SQL, and is refused in words', async () => {
    const here = place();
    const plan = await here.run('migrate', '--database-url', 'env:DB', '--dry-run', '--json');
    expect(plan.status).toBe(0);
    expect(new Set(plan.json.map(({ state }) => state))).toEqual(new Set(['applied']));
    expect(await here.run('migrate', '--database-url', 'env:DB')).toMatchObject({
      status: 0,
      out: '',
      err: 'Nothing to do: the database is up to date.\n',
    });
    expect(await here.run('migrate', '--print')).toMatchObject({
      status: 0,
      out: expect.stringMatching(/^-- stepscope: migrations 1, .*\ndo \$stepscope\$$/ms),
    });
    expect(await here.run('migrate')).toMatchObject({ status: 2, err: expect.stringContaining('--database-url env:NAME') });
    expect(await here.run('migrate', '--database-url', opened.url!)).toMatchObject({
      status: 2,
      err: expect.stringContaining('must not stand on the command line'),
    });
    expect(await place({ DB: 'postgres://nobody@127.0.0.1:1/x' }).run('migrate', '--database-url', 'env:DB')).toMatchObject({ status: 3 });
    for (const command of ['migrate', 'serve']) {
      const wrong = await place({ DATABASE_URL: 'http://me:hush@127.0.0.1:1/x' }).run(command);
      expect(wrong).toMatchObject({ status: 2, err: expect.stringContaining('not one of Postgres: it begins with http://\n') });
      expect(wrong.err).not.toContain('hush');
    }

    await opened.database.asOwner((transaction) =>
      transaction.query(`update stepscope.stepscope_migrations set checksum = 'other' where version = 2`),
    );
    expect(await here.run('migrate', '--database-url', 'env:DB', '--dry-run')).toMatchObject({
      status: 1,
      out: expect.stringContaining('changed  0002 runs'),
    });
    expect(await here.run('migrate', '--database-url', 'env:DB')).toMatchObject({
      status: 1,
      err: expect.stringContaining('migration 2 (runs) was applied with another text'),
    });
  });
});
