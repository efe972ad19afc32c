import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lookOf, settingsOf } from '../settings.ts';
import { UserError } from '../../protocol/error.ts';
import { colorDepth, createPaint } from './paint.ts';
import { span } from './line.ts';
import { ThemeFile } from './theme.ts';
import { loadTheme, readThemes, themeNames } from './themes.ts';

/** The sixteen colours as terminals usually show them. */
const basic: Readonly<Record<string, string>> = {
  black: '#000000', red: '#cd0000', white: '#e5e5e5', whiteBright: '#ffffff', redBright: '#ff5555', greenBright: '#55ff55', yellowBright: '#ffff55', cyanBright: '#55ffff', magentaBright: '#ff55ff',
};
const hex = (color: string): string => basic[color] ?? color;

/** As the Web Content Accessibility Guidelines measure it. */
function contrast(one: string, other: string): number {
  const luminance = (color: string) => {
    const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16) / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
  };
  const [dark, light] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (light! + 0.05) / (dark! + 0.05);
}

describe('themes', () => {
  it('are files that all fit', () => {
    expect(themeNames()).toEqual(['color-safe', 'dark', 'high-contrast', 'light', 'mono']);
    for (const name of themeNames()) {
      // As they stand in their files: a start takes them unchecked.
      const file = JSON.parse(readFileSync(join(import.meta.dirname, `../../../themes/${name}.json`), 'utf8')) as unknown;
      expect(ThemeFile.safeParse(file).error).toBeUndefined();
      expect(loadTheme(name).name).toBe(name);
    }
  });

  it.each([['dark', ['#000000', '#1e1e1e']], ['color-safe', ['#000000', '#1e1e1e']], ['high-contrast', ['#000000']], ['light', ['#ffffff', '#f6f8fa']]] as const)('%s can be read: text has a contrast of 4.5 to every usual background', (name, backgrounds) => {
    for (const [token, style] of Object.entries(loadTheme(name).tokens)) {
      if (style.color === undefined) continue;
      for (const background of style.background ? [style.background] : backgrounds) {
        expect(contrast(hex(style.color), hex(background)), `${token} on ${background}`).toBeGreaterThanOrEqual(token === 'faint' ? 2.5 : 4.5);
      }
    }
  });

  it('tell what ended well from what failed and what waits by brightness too, where colours are safe', () => {
    const { tokens } = loadTheme('color-safe');
    for (const [one, other] of [['completed', 'failed'], ['added', 'removed'], ['warn', 'error']] as const) {
      // Blue against orange: the one difference that every kind of colour vision sees.
      const blueness = (color: string) => Number.parseInt(color.slice(5, 7), 16) - Number.parseInt(color.slice(1, 3), 16);
      expect(Math.abs(blueness(tokens[one].color!) - blueness(tokens[other].color!)) > 100 || contrast(tokens[one].color!, tokens[other].color!) > 1.3, `${one} and ${other}`).toBe(true);
    }
  });

  it('name the closest one for a name that is not there', () => {
    expect(() => loadTheme('drak')).toThrow(UserError);
    try {
      loadTheme('drak');
    } catch (error) {
      expect((error as UserError).hint).toContain('Did you mean `dark`?');
    }
  });

  describe('of a person', () => {
    const own = mkdtempSync(join(tmpdir(), 'stepscope-themes-'));
    const write = (name: string, theme: unknown) => writeFileSync(join(own, `${name}.json`), typeof theme === 'string' ? theme : JSON.stringify(theme));
    const refusal = (name: string): { message: string; hint: string | undefined } => {
      try {
        loadTheme(name, own);
      } catch (error) {
        return { message: (error as UserError).message.replace(`${own}/`, ''), hint: (error as UserError).hint };
      }
      throw new Error(`${name} was taken`);
    };

    it('say only what differs from the one they extend, and go before one of the same name', () => {
      write('mine', { extends: 'light', tokens: { failed: { color: '#b00000', bold: true } } });
      write('dark', { extends: 'dark', about: 'Mine.', tokens: { text: { color: '#ffffff' } } });
      expect(loadTheme('mine', own).tokens.failed).toEqual({ color: '#b00000', bold: true });
      expect(loadTheme('mine', own).tokens.completed).toEqual(loadTheme('light').tokens.completed);
      expect(loadTheme('dark', own)).toMatchObject({ about: 'Mine.', tokens: { text: { color: '#ffffff' }, failed: loadTheme('dark').tokens.failed } });
      expect(themeNames(own)).toContain('mine');
    });

    it.each([
      ['no-json', '{ // a comment', 'theme no-json.json is not JSON', 'Comments'],
      ['bad-token', { extends: 'dark', tokens: { muteed: {} } }, 'theme bad-token.json, tokens.muteed: no such token', 'Did you mean `muted`?'],
      ['bad-color', { extends: 'dark', tokens: { text: { color: 'rde' } } }, 'theme bad-color.json, tokens.text.color: a colour is #rrggbb', ''],
      ['bad-style', { extends: 'dark', tokens: { text: { colour: 'red' } } }, 'theme bad-style.json, tokens.text.colour: nothing is called that there', 'Did you mean `color`?'],
      ['bad-base', { extends: 'drak', tokens: {} }, 'theme bad-base, extends: no theme "drak"', 'Did you mean `dark`?'],
      ['half', { tokens: { text: {} } }, 'theme half.json, tokens: muted, faint, accent and', '"extends": "dark"'],
      ['circle', { extends: 'circle2', tokens: {} }, 'theme circle.json, extends: circle extends circle2 extends circle, which never ends', ''],
    ])('%s is refused with file, place and what was meant', (name, theme, message, hint) => {
      write(name, theme);
      if (name === 'circle') write('circle2', { extends: 'circle', tokens: {} });
      const refused = refusal(name);
      expect(refused.message).toContain(message);
      expect(refused.hint ?? '').toContain(hint);
      expect(readThemes(own).find((one) => one.name === name)).toMatchObject({ theme: undefined, problem: expect.stringContaining(message.split(',')[1] ?? 'not JSON') });
    });
  });

  it('give no colour where none is wanted, and mark badges by reverse video instead', () => {
    expect(colorDepth({ NO_COLOR: '1', TERM: 'xterm-256color' })).toBe(0);
    expect(colorDepth({ TERM: 'dumb' })).toBe(0);
    expect(colorDepth({ TERM: 'xterm' })).toBe(4);
    expect(colorDepth({ TERM: 'tmux-256color' })).toBe(8);
    expect(colorDepth({ TERM: 'xterm', COLORTERM: 'truecolor' })).toBe(24);
    expect(createPaint(loadTheme('dark'), 0)([span('TEST MODE', 'badgeTest')], 9)).toBe('\u001b[1;7mTEST MODE\u001b[0m');
    expect(createPaint(loadTheme('dark'), 24)([span('x', 'completed')], 1)).toBe('\u001b[38;2;63;185;80mx\u001b[0m');
    expect(createPaint(loadTheme('dark'), 8)([span('x', 'completed')], 1)).toMatch(/38;5;\d+m/);
    expect(createPaint(loadTheme('dark'), 4)([span('x', 'failed')], 1)).toMatch(/\[1;(3|9)1m/);
  });

  it('are said in sixteen colours over a poor link', () => {
    const settings = settingsOf({ TERM: 'xterm', COLORTERM: 'truecolor' }, readThemes());
    expect(lookOf(settings).depth).toBe(24);
    expect(lookOf({ ...settings, values: { ...settings.values, lowBandwidth: true } }).depth).toBe(4);
    expect(lookOf({ ...settings, values: { ...settings.values, lowBandwidth: true, colors: 'none' } }).depth).toBe(0);
  });
});
