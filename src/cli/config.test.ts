import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildProgram, installation } from './testing.ts';

describe('config', { timeout: 60_000 }, () => {
  const here = installation({ STEPSCOPE_THEME: 'mono' });
  beforeAll(buildProgram, 120_000);
  afterAll(here.remove);

  it('changes settings for every later start, says what goes before them, and refuses what cannot be', async () => {
    const path = (await here.run('config', 'path')).out.trim();
    expect(path).toBe(join(here.env['XDG_CONFIG_HOME']!, 'stepscope/config.json'));
    expect(await here.run('config', 'set', 'theme', 'light')).toMatchObject({ status: 0, out: '', err: `theme is light from the next start on, in ${path}. STEPSCOPE_THEME goes before it.\n` });
    expect(await here.run('config', 'bind', 'log.nextError', 'Ctrl-n')).toMatchObject({ status: 0 });
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ theme: 'light', keys: { bindings: { 'log.nextError': ['ctrl-n'] } } });

    const [listed, got, wrongName, wrongValue, wrongKey] = await Promise.all([
      here.run('config', '--json', '--ascii'), here.run('config', 'get', 'theme'), here.run('config', 'set', 'thme', 'light'), here.run('config', 'set', 'preset', 'lnva'), here.run('config', 'bind', 'run.export', 'p'),
    ]);
    expect(listed.json).toEqual(expect.arrayContaining([
      { name: 'theme', value: 'mono', from: 'STEPSCOPE_THEME' }, { name: 'ascii', value: true, from: '--ascii' }, { name: 'preset', value: 'vim', from: 'default' },
      { name: 'bindings', value: { 'log.nextError': ['ctrl-n'] }, from: 'config file' },
    ]));
    expect(got.out).toBe('mono\n');
    expect(wrongName).toMatchObject({ status: 2, err: expect.stringContaining('Did you mean `theme`?') });
    expect(wrongValue).toMatchObject({ status: 2, err: expect.stringContaining('Did you mean `lnav`?') });
    expect(wrongKey).toMatchObject({ status: 2, err: expect.stringContaining('p is run.pause in a run') });

    await here.run('config', 'set', 'theme', 'default');
    await here.run('config', 'bind', 'log.nextError');
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({});
  });

  it('mends a config file with something wrong in it, and leaves one that it cannot read untouched', async () => {
    const path = (await here.run('config', 'path')).out.trim();
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '{"thme":"dark","keys":{"preset":"emacs","bindings":{"run.exprt":["e"]}}}');
    const warning = 'Did you mean `theme`?';
    expect(await here.run('config', 'bind', 'log.nextError', 'Ctrl-n')).toMatchObject({ status: 0, err: expect.stringContaining(warning) });
    expect(await here.run('config', 'set', 'preset', 'less')).toMatchObject({ status: 0, err: expect.stringContaining(warning) });
    expect(await here.run('config', 'unbind', 'run.exprt')).toMatchObject({ status: 0, err: expect.stringContaining('run.exprt is as in the preset') });
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ thme: 'dark', keys: { preset: 'less', bindings: { 'log.nextError': ['ctrl-n'] } } });
    expect(await here.run('config', 'unbind', 'run.exprt')).toMatchObject({ status: 2, err: expect.stringContaining('run.exprt has no keys of your own') });

    writeFileSync(path, '{\n  "theme": "light", // mine\n}');
    const [where, got, set] = await Promise.all([here.run('config', 'path'), here.run('config', 'get', 'timeFormat'), here.run('config', 'set', 'preset', 'vim')]);
    expect(where).toMatchObject({ status: 0, out: `${path}\n` });
    expect(got).toMatchObject({ status: 0, out: 'elapsed\n', err: expect.stringContaining('is not JSON: line 2') });
    expect(set).toMatchObject({ status: 2, err: expect.stringContaining('It stays untouched') });
    expect(readFileSync(path, 'utf8')).toContain('// mine');
    rmSync(path);
  });

  it('refuses a theme of a person that is wrong, with file, place and what was meant', async () => {
    const file = join(dirname((await here.run('config', 'path')).out.trim()), 'themes/mine.json');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, '{"extends":"dark","tokens":{"muteed":{}}}');
    expect(await here.run('config', 'set', 'theme', 'mine')).toMatchObject({ status: 2, err: `error: theme ${file}, tokens.muteed: no such token\nDid you mean \`muted\`?\n` });
  });
});
