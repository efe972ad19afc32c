import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openScreen } from '../tools/terminal-screen.ts';
import { readStateFile } from './backend/find-backend.ts';
import { buildProgram, installation, program } from './testing.ts';

interface ProfilesFile {
  readonly profiles: Record<string, { readonly session: { accessToken: string; refreshToken: string; expiresAt: number } }>;
}

describe('a profile', { timeout: 120_000 }, () => {
  const password = 'difference engine';
  const server = installation({ ADA_PASSWORD: password });
  let state: NonNullable<ReturnType<typeof readStateFile>>;
  let here: ReturnType<typeof installation>;
  let folder: string;
  const file = (): string => join(folder, 'profiles.json');
  const profiles = (): ProfilesFile => JSON.parse(readFileSync(file(), 'utf8')) as ProfilesFile;
  const changeSession = (change: Partial<ProfilesFile['profiles'][string]['session']>, name = 'staging'): void => {
    const stored = profiles();
    Object.assign(stored.profiles[name]!.session, change);
    writeFileSync(file(), JSON.stringify(stored));
  };

  beforeAll(async () => {
    buildProgram();
    await server.start('serve', '--port', '0', '--json').says(/"url"/);
    state = readStateFile(server.dataDir)!;
    await server.run('user', 'add', 'ada@example.com', '--admin', '--password', 'env:ADA_PASSWORD');
    here = installation({ STEPSCOPE_KEY: state.publishableKey, ADA_PASSWORD: password });
    folder = join(here.env['XDG_CONFIG_HOME']!, 'stepscope');
  }, 120_000);
  afterAll(async () => {
    await here.remove();
    await server.remove();
  });

  it('is made by signing in on a terminal, where the password does not appear and is kept nowhere', async () => {
    const args = [program, 'login', '--profile', 'staging', '--url', state.url, '--email', 'ada@example.com'];
    const screen = openScreen({ command: process.execPath, args, columns: 80, rows: 24, env: here.env });
    await screen.shows('Password of ada@example.com:');
    screen.press('difference engime\u007F\u007Fne\r');
    await screen.shows('Use it with --profile staging, or STEPSCOPE_PROFILE=staging.');
    expect(screen.raw()).not.toContain('engi');
    screen.kill();

    expect([statSync(folder).mode & 0o777, statSync(file()).mode & 0o777]).toEqual([0o700, 0o600]);
    expect(readFileSync(file(), 'utf8')).not.toContain(password);
    const { session } = profiles().profiles['staging']!;
    const said = await Promise.all([
      here.run('profiles'),
      here.run('profiles', '--json'),
      here.run('status', '--profile', 'staging', '--json', '--show-keys'),
    ]);
    expect(said.map(({ status }) => status)).toEqual([0, 0, 0]);
    expect(said[2].json[0]).toMatchObject({ identity: 'ada@example.com', profile: 'staging' });
    for (const { out, err } of said)
      for (const secret of [session.refreshToken, session.accessToken, state.publishableKey]) expect(out + err).not.toContain(secret);
  });

  it('is made by who is asked for the address and the password, one after the other', async () => {
    const args = [program, 'login', '--profile', 'asked', '--url', state.url];
    const screen = openScreen({ command: process.execPath, args, columns: 80, rows: 24, env: here.env });
    await screen.shows('Address:');
    screen.press('ada@example.com\r');
    await screen.shows('Password of ada@example.com:');
    screen.press(`${password}\r`);
    await screen.shows('Use it with --profile asked');
    expect(await screen.exited).toMatchObject({ exitCode: 0 });
    expect(screen.raw()).not.toContain('engine');

    const left = openScreen({ command: process.execPath, args, columns: 80, rows: 24, env: here.env });
    await left.shows('Password of ada@example.com:');
    left.press('diff\u0003');
    await left.shows('nobody was signed in');
    expect(await left.exited).toMatchObject({ exitCode: 2 });
    expect(await here.run('logout', '--profile', 'asked')).toMatchObject({ status: 0 });
  });

  it('goes on when its token is over, for several commands at once', async () => {
    const { refreshToken } = profiles().profiles['staging']!.session;
    changeSession({ expiresAt: 0 });
    const runs = await Promise.all([1, 2, 3].map(() => here.run('runs', '--profile', 'staging')));
    expect(runs.map(({ status, err }) => [status, err])).toEqual(runs.map(() => [0, expect.any(String)]));
    expect(profiles().profiles['staging']!.session.refreshToken).not.toBe(refreshToken);
    expect((await here.run('runs', '--profile', 'staging')).status).toBe(0);
  });

  it('that is read-only changes nothing, on the command line and on the screen', async () => {
    const refused = await here.run('break', 'add', 'generate-content', '7', '--profile', 'staging', '--read-only');
    expect(refused).toMatchObject({ status: 3, err: expect.stringContaining('the connection is read-only') });
    const made = await here.run(
      'login',
      '--profile',
      'looking',
      '--url',
      state.url,
      '--email',
      'ada@example.com',
      '--password',
      'env:ADA_PASSWORD',
      '--read-only',
    );
    expect(made).toMatchObject({ status: 0, err: expect.stringContaining('as ada@example.com, read-only') });
    expect(await here.run('break', 'add', 'generate-content', '7', '--profile', 'looking')).toMatchObject({ status: 3 });

    const screen = openScreen({
      command: process.execPath,
      args: [program, 'attach', '--profile', 'looking'],
      columns: 80,
      rows: 24,
      env: here.env,
    });
    await screen.shows(/READ-ONLY.*live/);
    await screen.shows('runs that others start appear here');
    screen.press('n');
    await screen.shows('the connection is read-only');
    screen.kill();
  });

  it('is in every command that is printed for it', async () => {
    const failed = await here.run('run', 'generate-content', '--input', 'prompt=a lighthouse', '--simulate', 'fail,latency=0', '--profile', 'staging');
    expect(failed).toMatchObject({ status: 1, out: expect.stringContaining('--profile staging` or `stepscope tail ') });
    const printed = [...failed.out.matchAll(/`stepscope ([^`]+)`/g)].map(([, words]) => words!.replaceAll("'", '').split(' '));
    expect(printed).toHaveLength(2);
    for (const { status } of await Promise.all(printed.map((words) => here.run(...words)))) expect(status).toBe(0);
    expect((await here.run('pipelines', 'generate', '--profile', 'staging')).status).toBe(2);
    expect((await here.run('show', 'nothing', '--profile', 'staging')).err).toContain('`stepscope runs --profile staging`');
  });

  it('of somebody without a role is refused with the command that gives it', async () => {
    await server.run('user', 'add', 'bob@example.com', '--password', 'env:ADA_PASSWORD');
    const login = ['login', '--profile', 'bob', '--url', state.url, '--email', 'bob@example.com', '--password', 'env:ADA_PASSWORD'];
    expect(await here.run(...login)).toMatchObject({ status: 0 });
    const promote = `\`stepscope user promote bob@example.com --url ${state.url} --key env:STEPSCOPE_SECRET_KEY\``;
    const commands = [['run', 'generate-content'], ['runs'], ['pipelines'], ['break', 'add', 'generate-content', '7']];
    for (const refused of await Promise.all(commands.map((words) => here.run(...words, '--profile', 'bob')))) {
      expect(refused).toMatchObject({ status: 3, err: expect.stringContaining(`bob@example.com has no role`) });
      expect(refused.err).toContain(promote);
    }
    expect(await here.run('logout', '--profile', 'bob')).toMatchObject({ status: 0 });
  });

  it('whose session was ended says so with the command that mends it, and on the screen goes on afterwards', async () => {
    changeSession({ expiresAt: 0, refreshToken: 'revoked' });
    const words = {
      status: 3,
      err: expect.stringMatching(/the session of profile staging has ended\n.*`stepscope login --profile staging`/),
    };
    expect(await here.run('runs', '--profile', 'staging')).toMatchObject(words);
    const screen = openScreen({
      command: process.execPath,
      args: [program, 'attach', '--profile', 'staging'],
      columns: 80,
      rows: 24,
      env: here.env,
    });
    await screen.shows('The backend does not let us in.');
    await screen.shows('stepscope login --profile staging');
    expect(await here.run('login', '--profile', 'staging', '--password', 'env:ADA_PASSWORD')).toMatchObject({ status: 0 });
    screen.press('r');
    await screen.shows('live');
    screen.kill();
  });

  it('is named with the closest when it does not exist, and is gone after signing out, at the backend too', async () => {
    expect(await here.run('runs', '--profile', 'stagign')).toMatchObject({
      status: 2,
      err: expect.stringContaining('Did you mean `staging`?'),
    });
    expect(await here.run('runs', '--profile', 'staging', '--url', state.url)).toMatchObject({ status: 2 });
    const { refreshToken } = profiles().profiles['staging']!.session;
    expect(await here.run('logout', '--profile', 'staging')).toMatchObject({ status: 0, err: 'Signed out of staging.\n' });
    expect(Object.keys(profiles().profiles)).toEqual(['looking']);
    const answer = await fetch(`${state.url}/auth/v1/token?grant_type=refresh_token`, {
      method: 'POST',
      headers: { apikey: state.publishableKey, 'content-type': 'application/json' },
      body: JSON.stringify({ refresh_token: refreshToken }),
    });
    expect(answer.status).toBe(400);
  });

  it('is refused in words for a wrong password, a secret key, and no terminal to ask on', async () => {
    const login = (...args: string[]) => here.run('login', '--url', state.url, '--email', 'ada@example.com', ...args);
    const wrong = installation({ STEPSCOPE_KEY: state.secretKey, WRONG: 'wrong' });
    expect(await login()).toMatchObject({ status: 2, err: expect.stringContaining('no terminal to ask on') });
    expect(await login('--password', password)).toMatchObject({
      status: 2,
      err: expect.stringContaining('must not stand on the command line'),
    });
    expect(await wrong.run('login', '--url', state.url, '--email', 'a@b.c', '--password', 'env:WRONG')).toMatchObject({
      status: 2,
      err: expect.stringContaining('publishable key'),
    });
    expect(await login('--password', 'env:STEPSCOPE_KEY')).toMatchObject({
      status: 3,
      err: expect.stringContaining('refuses ada@example.com'),
    });
    await wrong.remove();
  });

  it('of a server whose keys were replaced says which command takes the new one', async () => {
    const keys = join(server.dataDir, '../other-keys.json');
    await server.run('keys', keys);
    process.kill(state.pid, 'SIGTERM');
    await expect.poll(async () => (await server.run('status')).status, { timeout: 20_000 }).toBe(3);
    await server.start('serve', '--port', new URL(state.url).port, '--keys', `@${keys}`, '--json').says(/"url"/);
    const refused = {
      status: 3,
      err: expect.stringMatching(/Invalid API key\n.*`stepscope login --profile looking --key env:NAME`/),
    };
    expect(await here.run('runs', '--profile', 'looking')).toMatchObject(refused);
    changeSession({ expiresAt: 0 }, 'looking');
    expect(await here.run('runs', '--profile', 'looking')).toMatchObject(refused);
    expect(await here.run('login', '--profile', 'looking', '--password', 'env:ADA_PASSWORD')).toMatchObject(refused);
    const { publishableKey } = JSON.parse(readFileSync(keys, 'utf8')) as { publishableKey: string };
    const keyFile = join(here.dataDir, '../new-key');
    writeFileSync(keyFile, publishableKey);
    const login = ['login', '--profile', 'looking', '--key', `@${keyFile}`, '--password', 'env:ADA_PASSWORD'];
    expect(await here.run(...login)).toMatchObject({ status: 0 });
    expect(await here.run('runs', '--profile', 'looking')).toMatchObject({ status: 0 });
  });
});
