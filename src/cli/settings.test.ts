import { lstatSync, mkdirSync, mkdtempSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { changeConfigFile, readSettings } from './settings.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stepscope-settings-'));
});

function configFile(text: string): NodeJS.ProcessEnv {
  const path = join(folder, 'config.json');
  writeFileSync(path, text);
  return { STEPSCOPE_CONFIG: path };
}

describe('settings', () => {
  it('are taken from flags before the environment before the config file', () => {
    const env = configFile('{"theme":"light","dataDir":"/from/file","port":4000}');
    const theme = (value: string, origin: string) => ({ terminal: { values: { theme: value }, origins: { theme: origin } } });
    expect(readSettings({}, env)).toMatchObject({ ...theme('light', 'config file'), dataDir: '/from/file', port: 4000 });
    expect(readSettings({}, { ...env, STEPSCOPE_THEME: 'mono', STEPSCOPE_DATA_DIR: '/from/env', STEPSCOPE_PORT: '5000' })).toMatchObject({ ...theme('mono', 'STEPSCOPE_THEME'), dataDir: '/from/env', port: 5000 });
    expect(readSettings({ theme: 'dark', dataDir: '/from/flag' }, { ...env, STEPSCOPE_THEME: 'mono' })).toMatchObject({ ...theme('dark', '--theme'), dataDir: '/from/flag' });
  });

  it('name the theme that was meant, wherever the wrong one stands', () => {
    const wrong = { code: 'usage', hint: 'Did you mean `dark`?' };
    expect(() => readSettings({ theme: 'drk' }, {})).toThrow(expect.objectContaining({ ...wrong, message: '--theme: no theme "drk"' }));
    expect(() => readSettings({}, { STEPSCOPE_THEME: 'drk' })).toThrow(expect.objectContaining({ ...wrong, message: 'STEPSCOPE_THEME: no theme "drk"' }));
    // The terminal judges what the config file names; a command without a screen needs none of it.
    expect(readSettings({}, configFile('{"theme":"drk"}')).terminal.values.theme).toBe('drk');
  });

  it('name the keys that were meant, wherever the wrong ones stand', () => {
    const wrong = { code: 'usage', hint: 'Did you mean `lnav`?' };
    expect(() => readSettings({ keyPreset: 'lnva' }, {})).toThrow(expect.objectContaining({ ...wrong, message: '--key-preset: no keys "lnva"' }));
    expect(() => readSettings({}, { STEPSCOPE_KEY_PRESET: 'lnva' })).toThrow(expect.objectContaining({ ...wrong, message: 'STEPSCOPE_KEY_PRESET: no keys "lnva"' }));
    expect(readSettings({}, configFile('{"keys":{"preset":"lnva"}}')).terminal.values.preset).toBe('lnva');
    // Keys of `serve` are something else.
    expect(readSettings({}, { STEPSCOPE_KEYS: '@team-keys.json' }).terminal.values.preset).toBeUndefined();
  });

  it('find own themes beside the config file', () => {
    const env = { ...configFile('{}'), STEPSCOPE_THEME: 'mine' };
    expect(() => readSettings({}, env)).toThrow(expect.objectContaining({ message: 'STEPSCOPE_THEME: no theme "mine"' }));
    mkdirSync(join(folder, 'themes'));
    writeFileSync(join(folder, 'themes/mine.json'), '{"extends":"dark","tokens":{}}');
    expect(readSettings({}, env).terminal.values.theme).toBe('mine');
  });

  it('keep as many lines of a log as the environment or the config file says, within the limits', () => {
    const kept = (env: NodeJS.ProcessEnv) => readSettings({}, env).terminal.values.logLines;
    const env = configFile('{"logLines":20000}');
    expect([kept({}), kept(env), kept({ ...env, STEPSCOPE_LOG_LINES: '10000000' })]).toEqual([undefined, 20_000, 10_000_000]);
    for (const given of ['10', '20000000', 'many', '1.5']) expect(() => kept({ STEPSCOPE_LOG_LINES: given })).toThrow(`STEPSCOPE_LOG_LINES is "${given}"`);
    expect(() => kept(configFile('{"logLines":10}'))).toThrow('logLines');
  });

  it('name the entry of the config file that was meant', () => {
    expect(() => readSettings({}, configFile('{"thme":"dark"}'))).toThrow(expect.objectContaining({ code: 'usage', hint: 'Did you mean `theme`?' }));
    expect(() => readSettings({}, configFile('{"colors":"many"}'))).toThrow(expect.objectContaining({ code: 'usage', message: expect.stringContaining('colors') }));
    expect(() => readSettings({}, configFile('{} // mine'))).toThrow(expect.objectContaining({ hint: expect.stringContaining('Comments') }));
  });

  it('are read without what cannot be where the file is to be mended, and what cannot be is named', () => {
    const mending = (text: string) => readSettings({}, configFile(text), { withoutBackend: true, mendsConfig: true });
    const read = mending('{"thme":"dark","colors":"many","port":"x","ascii":true,"keys":{"preset":"emacs","bindings":{"run.export":["e"],"log.freeze":"x","run.pause":[1]}}}');
    expect(read).toMatchObject({ port: undefined, terminal: { values: { ascii: true, preset: 'emacs', bindings: { 'run.export': ['e'] } } } });
    for (const name of ['thme', 'colors', 'port', 'keys.bindings.log.freeze', 'keys.bindings.run.pause.0', 'Did you mean `theme`?']) expect(read.configProblems[0]).toContain(name);
    expect(mending('{"ascii":true}').configProblems).toEqual([]);
    expect(mending('{\n "theme": "mono",\n // mine\n}').configProblems).toEqual([expect.stringContaining('is not JSON: line 3: ')]);
    expect(mending('[]').configProblems).toEqual([expect.stringContaining('is no JSON object')]);
  });

  describe('are changed in the config file', () => {
    it('and what nobody knows stays there', () => {
      const { STEPSCOPE_CONFIG: path } = configFile('{"thme":"dark","colors":"many","keys":"emacs"}');
      changeConfigFile(path!, { colors: 'none' });
      expect(JSON.parse(readFileSync(path!, 'utf8'))).toEqual({ thme: 'dark', colors: 'none', keys: 'emacs' });
      changeConfigFile(path!, { preset: 'less' });
      expect(JSON.parse(readFileSync(path!, 'utf8'))).toEqual({ thme: 'dark', colors: 'none', keys: { preset: 'less' } });
    });

    it('and whatever else stands there stays, for its owner only, at the end of a link too', () => {
      const { STEPSCOPE_CONFIG: path } = configFile('{"port":4000,"keys":{"bindings":{"run.export":["ctrl-e"]}},"theme":"light"}');
      const link = join(folder, 'link.json');
      symlinkSync(path!, link);
      changeConfigFile(link, { theme: undefined, preset: 'less', ascii: true });
      expect(JSON.parse(readFileSync(path!, 'utf8'))).toEqual({ port: 4000, keys: { bindings: { 'run.export': ['ctrl-e'] }, preset: 'less' }, ascii: true });
      expect(readFileSync(path!, 'utf8')).toMatch(/^\{\n {2}"port": 4000,/);
      expect(lstatSync(link).isSymbolicLink()).toBe(true);
      expect(statSync(path!).mode & 0o777).toBe(0o600);
      changeConfigFile(path!, { preset: undefined, bindings: {} });
      expect(JSON.parse(readFileSync(path!, 'utf8'))).toEqual({ port: 4000, ascii: true });
    });

    it('which is made with its folder where there is none, and never replaced when it cannot be read', () => {
      const path = join(folder, 'new/config.json');
      changeConfigFile(path, { theme: 'mono' });
      expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ theme: 'mono' });
      writeFileSync(path, '{"theme": "mono", // mine');
      expect(() => changeConfigFile(path, { theme: 'dark' })).toThrow(expect.objectContaining({ code: 'usage' }));
      expect(readFileSync(path, 'utf8')).toContain('// mine');
    });
  });

  it('take the first place that names a backend, and a profile can only be narrowed to read-only', () => {
    const profile = { url: 'http://staging:8000', key: 'sb_publishable_staging', email: 'ada@example.com' };
    mkdirSync(join(folder, 'stepscope'));
    writeFileSync(join(folder, 'stepscope/profiles.json'), JSON.stringify({ version: 1, profiles: { staging: profile, looking: { ...profile, readOnly: true } } }));
    const read = (flags: object, env: NodeJS.ProcessEnv = {}) => readSettings(flags, { XDG_CONFIG_HOME: folder, ...env });
    const staging = { url: profile.url, key: profile.key, profile: 'staging' };

    expect(read({ profile: 'staging' }, { STEPSCOPE_URL: 'http://other', STEPSCOPE_KEY: 'k' })).toMatchObject({ remote: staging, readOnly: false });
    expect(read({}, { STEPSCOPE_PROFILE: 'staging' }).remote).toEqual(staging);
    expect(read({ url: 'http://other' }, { STEPSCOPE_PROFILE: 'staging', STEPSCOPE_KEY: 'k' }).remote).toEqual({ url: 'http://other', key: 'k' });
    expect(() => read({ url: 'http://other', profile: 'staging' })).toThrow(expect.objectContaining({ code: 'usage' }));
    expect(() => read({ profile: 'constructor' })).toThrow(expect.objectContaining({ code: 'not-found' }));

    expect(read({ profile: 'staging', readOnly: true }).readOnly).toBe(true);
    expect(read({ profile: 'looking' }, { STEPSCOPE_READ_ONLY: '0' }).readOnly).toBe(true);
    expect(read({}, { STEPSCOPE_READ_ONLY: '1' }).readOnly).toBe(true);
    expect(() => read({}, { STEPSCOPE_READ_ONLY: 'perhaps' })).toThrow(expect.objectContaining({ code: 'usage', message: expect.stringContaining('STEPSCOPE_READ_ONLY') }));
  });

  it('follow the XDG folders when nothing else is said', () => {
    expect(readSettings({}, { XDG_DATA_HOME: '/xdg/data', XDG_CONFIG_HOME: folder }).dataDir).toBe('/xdg/data/stepscope');
  });

  it('name the backend elsewhere with the key that the environment, a file or the config holds', () => {
    const secretFile = join(folder, 'key');
    writeFileSync(secretFile, 'from the file\n');
    const remote = (flags: object, env: NodeJS.ProcessEnv) => readSettings(flags, { XDG_CONFIG_HOME: folder, ...env }).remote;
    expect(remote({ url: 'http://host:1/', key: `@${secretFile}` }, {})).toEqual({ url: 'http://host:1', key: 'from the file' });
    expect(remote({}, { STEPSCOPE_URL: 'https://host', STEPSCOPE_KEY: 'k' })).toEqual({ url: 'https://host', key: 'k' });
    expect(remote({}, {})).toBeUndefined();
  });

  it.each([
    ['a config file that is not JSON', '{"theme":', /config\.json is not JSON/],
    ['a value of the wrong kind', '{"port":"many"}', /config\.json: port: /],
    ['a name that is not known', '{"them":"dark"}', /config\.json: .*them/],
  ])('are refused with the place for %s', (_what, text, words) => {
    const env = configFile(text);
    expect(() => readSettings({}, env)).toThrow(words);
  });

  it('are refused for a missing config file only when one was named', () => {
    expect(() => readSettings({}, { STEPSCOPE_CONFIG: join(folder, 'none.json') })).toThrow(/none\.json/);
    expect(() => readSettings({}, { XDG_CONFIG_HOME: folder })).not.toThrow();
  });

  it.each([
    [{ url: 'host:80' }, {}, /--url: "host:80"/],
    [{}, { STEPSCOPE_URL: 'nonsense' }, /STEPSCOPE_URL: "nonsense"/],
    [{ url: 'http://host' }, {}, /needs a key/],
    [{}, { STEPSCOPE_PORT: '70000' }, /STEPSCOPE_PORT: "70000"/],
  ])('are refused with the place they came from: %j %j', (flags, env, words) => {
    expect(() => readSettings(flags, { XDG_CONFIG_HOME: folder, ...env })).toThrow(words);
  });

  it('never take a literal secret', () => {
    expect(() => readSettings({ url: 'http://host', key: 'sb_secret_abc' }, { XDG_CONFIG_HOME: folder })).toThrow(/--key must not stand on the command line/);
    expect(() => readSettings({ url: 'http://host', key: 'sb_secret_abc' }, { XDG_CONFIG_HOME: folder })).not.toThrow(/sb_secret_abc/);
  });
});
