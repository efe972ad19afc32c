import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readStateFile } from './backend/find-backend.ts';
import { buildProgram, installation } from './testing.ts';

describe('users', { timeout: 120_000 }, () => {
  const here = installation({ ADA_PASSWORD: 'difference engine' });
  let server: { readonly url: string; readonly publishableKey: string; readonly secretKey: string };
  beforeAll(async () => {
    buildProgram();
    const serve = here.start('serve', '--port', '0', '--no-runner', '--json');
    await serve.says(/"url"/);
    server = readStateFile(here.dataDir)!;
  }, 120_000);
  afterAll(here.remove);

  const signIn = async (email: string, password: string) => {
    const client = createClient(server.url, server.publishableKey, { auth: { persistSession: false, autoRefreshToken: false } });
    const { error } = await client.auth.signInWithPassword({ email, password });
    return error?.code ?? ((await client.rpc('is_admin_user')).data as boolean);
  };

  it('are added with a password that is printed once, or one that is named, listed and removed', async () => {
    const bob = await here.run('user', 'add', 'Bob@example.com');
    expect(bob).toMatchObject({ status: 0, out: expect.stringMatching(/^\S{24}\n$/), err: expect.stringContaining('Added bob@example.com.') });
    expect(await signIn('bob@example.com', bob.out.trim())).toBe(false);

    const ada = await here.run('user', 'add', 'ada@example.com', '--admin', '--password', 'env:ADA_PASSWORD');
    expect(ada).toMatchObject({ status: 0, out: '', err: 'Added ada@example.com, an administrator.\n' });
    expect(await signIn('ada@example.com', 'difference engine')).toBe(true);

    const list = await here.run('user', 'list', '--json');
    expect(list.json.map(({ email, roles }) => [email, roles])).toEqual([
      ['local@stepscope', ['admin']],
      ['bob@example.com', []],
      ['ada@example.com', ['admin']],
    ]);
    expect((await here.run('user', 'list')).out).toMatch(/^EMAIL +ROLES[^]*\nbob@example\.com +– /);

    const role = async (email: string, password: string) => {
      const child = installation({ STEPSCOPE_EMAIL: email, STEPSCOPE_PASSWORD: password, STEPSCOPE_URL: server.url, STEPSCOPE_KEY: server.publishableKey });
      const { json } = await child.run('doctor', '--json');
      await child.remove();
      return json.find(({ name }) => name === 'role');
    };
    expect(await role('ada@example.com', 'difference engine')).toMatchObject({ result: 'ok' });
    expect(await role('bob@example.com', bob.out.trim())).toMatchObject({ result: 'problem', command: `stepscope user promote bob@example.com --url ${server.url} --key env:STEPSCOPE_SECRET_KEY` });
    expect(await here.run('user', 'promote', 'bob@example.com')).toMatchObject({ status: 0, err: 'bob@example.com is an administrator.\n' });
    expect(await role('bob@example.com', bob.out.trim())).toMatchObject({ result: 'ok' });

    expect(await here.run('user', 'rm', 'bob@example.com')).toMatchObject({ status: 0, err: 'Removed bob@example.com.\n' });
    expect(await signIn('bob@example.com', bob.out.trim())).toBe('invalid_credentials');
  });

  it('are refused in words', async () => {
    const refused = await Promise.all([
      here.run('user', 'add', 'local@stepscope', '--password', 'literal'),
      here.run('user', 'add', 'nobody'),
      here.run('user', 'promote', 'nobody@example.com'),
      here.run('user', 'rm', 'nobody@example.com'),
      here.run('user', 'rm', 'local@stepscope'),
    ]);
    expect(refused).toMatchObject([
      { status: 2, err: expect.stringContaining('must not stand on the command line') },
      { status: 2, err: expect.stringContaining('an email address is needed') },
      { status: 2, err: expect.stringContaining('nobody has the address') },
      { status: 2, err: expect.stringContaining('nobody has the address') },
      { status: 2 },
    ]);
    const twice = [await here.run('user', 'add', 'twice@example.com'), await here.run('user', 'add', 'twice@example.com')];
    expect(twice.map(({ status }) => status)).toEqual([0, 1]);
    expect(twice[1]!.err).toContain('already been registered');
    expect(twice[1]!.err).toContain('`stepscope user promote twice@example.com` makes them an administrator');
    const keyFile = join(here.dataDir, 'publishable-key');
    writeFileSync(keyFile, server.publishableKey);
    expect(await here.run('user', 'list', '--url', server.url, '--key', `@${keyFile}`)).toMatchObject({ status: 3, err: expect.stringContaining('Users are managed with a secret key') });
  });
});
