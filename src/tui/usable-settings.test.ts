import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SettingChange } from '../core/terminal-settings.ts';
import { readThemes } from './output/themes.ts';
import { settingsOf } from './settings.ts';
import { openTerminal } from './testing.tsx';
import { usableSettings } from './usable-settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'stepscope-themes-'));
const file = join(folder, 'mine.json');
writeFileSync(file, '{"extends":"dark","tokens":{"muted":{"color":"reddish"}}}');

function begin(values: SettingChange, origin = 'config file') {
  const origins = Object.fromEntries(Object.keys(values).map((name) => [name, origin]));
  return usableSettings(settingsOf({ TERM: 'xterm-256color' }, readThemes(folder), { values, origins, file: '/config.json' }), folder);
}

describe('settings that cannot be', () => {
  it('in the config file give way to the default, and the first screen says which and why', () => {
    const { settings, problem } = begin({ theme: 'mine' });
    expect(settings).toMatchObject({ values: { theme: 'dark' } });
    expect(problem).toContain(file);
    expect(problem).toContain('tokens.muted');
    expect(problem).toMatch(/The theme is dark until it is mended\.$/);
    expect(begin({ theme: 'drak' }).problem).toContain('Did you mean `dark`?');
    expect(openTerminal({ settings, problem }).screen().replaceAll(/\s+/g, ' ')).toContain('The theme is dark until it is mended.');
  });

  it('in the config file leave the keys that can be', () => {
    const own = { 'run.export': ['ctrl-e'] };
    const wrongPreset = begin({ preset: 'emacs', bindings: own });
    expect(wrongPreset.settings.values).toMatchObject({ preset: 'vim', bindings: own });
    expect(wrongPreset.problem).toContain('Config file, keys.preset: there are no keys called "emacs".');
    const wrongAction = begin({ preset: 'less', bindings: { 'run.exprt': ['e'] } });
    expect(wrongAction.settings.values).toMatchObject({ preset: 'less', bindings: {} });
    expect(wrongAction.problem).toContain('there is no action "run.exprt"');
  });

  it('of this start alone are refused', () => {
    expect(() => begin({ theme: 'mine' }, '--theme')).toThrow('tokens.muted');
    expect(() => begin({ preset: 'emacs' }, '--key-preset')).toThrow('emacs');
    expect(begin({ theme: 'light', preset: 'less' }, '--theme').problem).toBeUndefined();
  });
});
