import { describe, expect, it } from 'vitest';
import { UserError } from '../../protocol/error.ts';
import { colorDepth, createPaint } from './paint.ts';
import { span } from './line.ts';
import { loadTheme, themeNames } from './themes.ts';

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
    expect(themeNames()).toEqual(['dark', 'high-contrast', 'light', 'mono']);
    for (const name of themeNames()) expect(loadTheme(name).name).toBe(name);
  });

  it.each([['dark', ['#000000', '#1e1e1e']], ['light', ['#ffffff', '#f6f8fa']]] as const)('%s can be read: text has a contrast of 4.5 to every usual background', (name, backgrounds) => {
    for (const [token, style] of Object.entries(loadTheme(name).tokens)) {
      if (style.color === undefined) continue;
      for (const background of style.background ? [style.background] : backgrounds) {
        expect(contrast(style.color, background), `${token} on ${background}`).toBeGreaterThanOrEqual(token === 'faint' ? 2.5 : 4.5);
      }
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
});
