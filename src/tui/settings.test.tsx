import { describe, expect, it } from 'vitest';
import { readThemes, type KnownTheme } from './output/themes.ts';
import { lookOf, settingInForce, settingsOf, type Settings } from './settings.ts';
import { heldRun, keys, listed, openTerminal, runRow } from './testing.tsx';

const given = (values: object = {}, origins: object = {}) => ({ values, origins, file: '/home/ada/.config/stepscope/config.json' });
const settings = (values: object = {}, origins: object = {}, themes: readonly KnownTheme[] = readThemes()): Settings => settingsOf({ TERM: 'xterm-256color' }, themes, given(values, origins));
const list = (own: Settings = settings()) => openTerminal({ settings: own }, listed, { type: 'listed', rows: { runs: [runRow()] } });
const saved = (terminal: ReturnType<typeof list>) => terminal.effects.filter((one) => one.type === 'saveSettings').map((one) => one.change);

describe('the settings screen', () => {
  it('shows every value and where it comes from', () => {
    const terminal = list(settings({ theme: 'light', ascii: false, bindings: { 'run.export': ['ctrl-e'] } }, { theme: '--theme', bindings: 'config file' }));
    terminal.press(':', `settings\r`);
    const screen = terminal.screen();
    expect(screen).toMatch(/theme +light +--theme/);
    expect(screen).toMatch(/preset +vim +default/);
    expect(screen).toMatch(/run\.export +ctrl-e +config file/);
    expect(screen).toContain('/home/ada/.config/stepscope/config.json');
  });

  it('names NO_COLOR where it goes before what was chosen', () => {
    const own = settingsOf({ TERM: 'xterm-256color', NO_COLOR: '1' }, readThemes(), given({ theme: 'light' }, { theme: 'config file' }));
    const terminal = list(own);
    terminal.press(':', `settings\r`);
    expect(terminal.screen()).toMatch(/theme +mono +NO_COLOR/);
    expect(terminal.screen()).toMatch(/colors +none +NO_COLOR/);
    // Who asks for colours by name gets them.
    expect(settingInForce({ ...own, values: { ...own.values, colors: '256' } }, 'theme')).toEqual({ value: 'light', from: 'config file' });
  });

  it('shows a theme while it is chosen, puts the old one back on Esc, and keeps it on Enter', () => {
    const terminal = list();
    terminal.press(':', 'settings\r', '\r');
    expect(terminal.screen()).toContain('Choose: theme');
    terminal.press('j');
    expect(terminal.state().settings.values.theme).toBe('high-contrast');
    terminal.press(keys.esc);
    expect(terminal.state().settings.values.theme).toBe('dark');
    expect(saved(terminal)).toEqual([]);
    terminal.press('\r', 'j', '\r');
    expect(terminal.state()).toMatchObject({ overlays: [], settings: { values: { theme: 'high-contrast' }, origins: { theme: 'config file' } } });
    expect(saved(terminal)).toEqual([{ theme: 'high-contrast' }]);
  });

  it('turns a yes into a no and back to the default, and draws accordingly at once', () => {
    const terminal = list();
    terminal.press(':', 'settings\r', 'j', 'j', 'j', '\r', '\r');
    expect(terminal.state()).toMatchObject({ settings: { values: { ascii: true } }, glyphs: { ascii: true } });
    terminal.press('d', '\r');
    expect(terminal.state()).toMatchObject({ settings: { values: { ascii: false } }, glyphs: { ascii: false } });
    expect(saved(terminal)).toEqual([{ ascii: true }, { ascii: undefined }]);
  });

  it('takes any number within its range, and offers some', () => {
    const terminal = list();
    terminal.press(':', 'set logLines 25000\r');
    expect(terminal.screen()).toContain('log lines: 25000 from the next start on');
    terminal.press(':', 'set logLines 999\r');
    expect(terminal.screen()).toContain('logLines cannot be "999". It can be a whole number from 1000 to 10000000');
    terminal.press(':', 'set logLines default\r', ':', 'settings\r', 'jjjjjjjj', '\r');
    expect(terminal.screen()).toContain('Choose: log lines');
    terminal.press('j', '\r');
    expect(saved(terminal)).toEqual([{ logLines: 25_000 }, {}, { logLines: 10_000_000 }]);
  });

  it('says that a flag goes before what is kept', () => {
    const terminal = list(settings({ theme: 'light' }, { theme: '--theme' }));
    terminal.press(':', 'set theme dark\r');
    expect(terminal.effects.find((one) => one.type === 'saveSettings')?.text).toContain('--theme goes before it at the next start.');
  });
});

describe('keys of a person', () => {
  it('are changed by name, work at once, and stand in footer and help', () => {
    const terminal = list();
    terminal.press(':', 'bind runs.start Ctrl-n\r');
    expect(saved(terminal)).toEqual([{ bindings: { 'runs.start': ['ctrl-n'] } }]);
    expect(terminal.screen()).toContain('runs.start is on Ctrl-n.');
    terminal.later(10_000);
    expect(terminal.screen().split('\n').at(-1)).toContain('Ctrl-n new run');
    terminal.press('\u000e');
    expect(terminal.effects.at(-1)).toMatchObject({ type: 'start' });
    terminal.press('n');
    expect(terminal.screen()).toContain('n means nothing here');
    terminal.press('\u001b[15~');
    expect(terminal.screen()).toContain('F5 means nothing here');
    terminal.press('?', 'new');
    expect(terminal.screen()).toMatch(/Ctrl-n +new run/);
    terminal.press(keys.esc, ':', 'unbind runs.start\r');
    expect(saved(terminal).at(-1)).toEqual({ bindings: {} });
  });

  it('follow a preset as soon as it is chosen', () => {
    const terminal = openTerminal({ settings: settings() }, ...heldRun());
    terminal.press(':', 'preset less\r', '*');
    expect(terminal.effects.at(-1)).toMatchObject({ type: 'addBreakpoint' });
    terminal.press(':', 'preset emacs\r');
    expect(terminal.screen()).toContain('Preset cannot be "emacs"');
  });

  it('stand in every sentence that names one, and an action without one is named as it is typed', () => {
    const own = settings({ preset: 'k9s', bindings: { 'app.leave': [], 'breakpoints.add': ['ctrl-n'] } });
    const terminal = openTerminal({ settings: own }, ...heldRun());
    terminal.press('n');
    expect(terminal.screen()).toContain('n does nothing now: nothing was searched for yet; press f first.');
    terminal.press('B');
    expect(terminal.screen()).toContain('None. Ctrl-n adds one; in a run, b on a step');
    terminal.press(keys.esc, keys.esc, keys.esc);
    expect(terminal.screen()).toContain('This is the top. :app.leave leaves');
  });

  it('do not hide an action from the help that has none, or none here', () => {
    const terminal = openTerminal({ settings: settings({ bindings: { 'run.pause': [] } }) }, ...heldRun());
    expect(terminal.screen().split('\n').at(-1)).not.toContain('resume');
    terminal.press('?', 'pause before the next');
    expect(terminal.screen()).toMatch(/› - +resume +Pause before the next step/);
    terminal.press('\r');
    expect(terminal.effects.at(-1)).toMatchObject({ type: 'command', verb: 'continue' });
    // In JSON, c folds all; continuing is still there by its name.
    terminal.press('3', '?', 'run on to the next breakpoint');
    expect(terminal.screen()).toMatch(/› - +continue/);
  });

  it('are asked for from the help, with those the entry has now', () => {
    const terminal = list();
    terminal.press('?', 'new run', '\u0012');
    expect(terminal.state().overlays.at(-1)).toMatchObject({ purpose: 'command', text: 'bind runs.start n' });
  });
});

describe('themes', () => {
  const broken: KnownTheme = { name: 'mine', file: '/themes/mine.json', theme: undefined, problem: 'theme /themes/mine.json, tokens.muteed: no such token. Did you mean `muted`?' };

  it('are read anew by :theme, and a bad one is refused with file and place', () => {
    const terminal = list();
    terminal.press(':', 'theme mine\r');
    expect(terminal.effects.at(-1)).toEqual({ type: 'readThemes', choose: 'mine' });
    terminal.send({ type: 'themesRead', themes: [...readThemes(), broken], choose: 'mine' });
    expect(terminal.screen().replaceAll(/\s+/g, ' ')).toContain('Theme /themes/mine.json, tokens.muteed: no such token');
    expect(terminal.state().settings.values.theme).toBe('dark');
    terminal.send({ type: 'themesRead', themes: [...readThemes(), { ...broken, problem: undefined, theme: lookOf(settings()).theme }], choose: 'mine' });
    expect(terminal.state().settings.values.theme).toBe('mine');
  });

  it('give way to one without colours where the terminal has none, whatever was chosen', () => {
    expect(lookOf(settingsOf({ NO_COLOR: '1', TERM: 'xterm' }, readThemes(), given({ theme: 'light' })))).toMatchObject({ depth: 0, theme: { name: 'mono' } });
    expect(lookOf(settings({ colors: 'none' }))).toMatchObject({ depth: 0, theme: { name: 'mono' } });
    expect(lookOf(settings({ colors: 'full' }))).toMatchObject({ depth: 24, theme: { name: 'dark' } });
  });
});
