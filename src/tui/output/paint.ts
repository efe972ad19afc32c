import { graphemes } from '../graphemes.ts';
import { clipLine, lineWidth, widthOf, type Line, type Span } from './line.ts';
import { drawable } from './drawable.ts';
import type { Theme, TokenStyle } from './theme.ts';

/** Bits of colour the terminal takes; 0 is none at all, as `NO_COLOR` asks for. */
export type ColorDepth = 0 | 4 | 8 | 24;

/** Turns lines into strings for Ink: exactly `cells` wide, inert, in the colours of one theme. */
export type Paint = (of: Line, cells: number) => string;

const names = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];

/** Whether the environment asks for no colours at all. */
export function isColorForbidden(environment: Readonly<Record<string, string | undefined>>): boolean {
  return Boolean(environment['NO_COLOR']);
}

/** What the environment says about colours. */
export function colorDepth(environment: Readonly<Record<string, string | undefined>>): ColorDepth {
  if (isColorForbidden(environment)) return 0;
  const term = environment['TERM'] ?? '';
  if (term === 'dumb' || term === '') return 0;
  if (/truecolor|24bit/i.test(environment['COLORTERM'] ?? '')) return 24;
  return /256|kitty|alacritty|ghostty|direct/.test(term) ? 8 : 4;
}

/** `ascii` draws with ASCII alone: our own signs have their likes, and a character from outside that is not ASCII shows as `?`. */
export function createPaint(theme: Theme, depth: ColorDepth, ascii = false): Paint {
  const mark = ascii ? '~' : '…';
  const codes = new Map<string, string>();
  const codeOf = (one: Span): string => {
    const key = `${one.token ?? ''}|${one.bold ? 'b' : ''}|${one.inverse ? 'i' : ''}`;
    let code = codes.get(key);
    if (code === undefined) {
      const style: TokenStyle = one.token ? theme.tokens[one.token] : theme.tokens.text;
      code = sgr({ ...style, bold: style.bold || one.bold, inverse: one.inverse ? !style.inverse : style.inverse }, depth);
      codes.set(key, code);
    }
    return code;
  };

  return (of, cells) => {
    const cut = clipLine(of, cells, mark);
    let out = '';
    for (const one of cut) {
      if (one.text === '') continue;
      // Colours of pictures are too many to be remembered.
      const code = one.color ? sgr({ color: one.color.foreground, background: one.color.background }, depth) : codeOf(one);
      const text = ascii ? asciiOf(drawable(one.text)) : drawable(one.text);
      out += code === '' ? text : `\u001b[${code}m${text}\u001b[0m`;
    }
    return out + ' '.repeat(Math.max(0, cells - lineWidth(cut)));
  };
}

const likes: Readonly<Record<string, string>> = { '…': '~', '↑': '^', '↓': 'v', '←': '<', '→': '>', '×': 'x', '–': '-', '·': '.', '█': '#', '▓': '#', '▒': '#', '░': '.' };

/** Text of the same width in ASCII. */
function asciiOf(text: string): string {
  return text.replaceAll(/[^\u0020-\u007e]+/g, (some) => graphemes(some).map((one) => likes[one] ?? '?'.repeat(widthOf(one))).join(''));
}

function sgr(style: TokenStyle, depth: ColorDepth): string {
  const codes: string[] = [];
  if (style.bold) codes.push('1');
  if (style.dim) codes.push('2');
  if (style.italic) codes.push('3');
  if (style.underline) codes.push('4');
  if (style.inverse) codes.push('7');
  // Without colours a background, which marks a badge or the selection, becomes reverse video.
  if (depth === 0 && style.background && !style.inverse) codes.push('7');
  if (depth > 0 && style.color) codes.push(colorCode(style.color, depth, 30));
  if (depth > 0 && style.background) codes.push(colorCode(style.background, depth, 40));
  return codes.join(';');
}

function colorCode(color: string, depth: ColorDepth, base: 30 | 40): string {
  if (!color.startsWith('#')) {
    const bright = color.endsWith('Bright');
    return String(base + (bright ? 60 : 0) + names.indexOf(color.replace('Bright', '').toLowerCase()));
  }
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16)) as [number, number, number];
  if (depth === 24) return `${base + 8};2;${red};${green};${blue}`;
  if (depth === 8) return `${base + 8};5;${paletteIndex(red, green, blue)}`;
  return String(nearestBasic(red, green, blue) + base);
}

/** Nearest of the 216 colours and 24 greys of the 256-colour palette. */
function paletteIndex(red: number, green: number, blue: number): number {
  if (Math.max(red, green, blue) - Math.min(red, green, blue) < 10) {
    if (red < 8) return 16;
    return red > 238 ? 231 : Math.round((red - 8) / 10) + 232;
  }
  const level = (value: number) => (value < 48 ? 0 : value < 115 ? 1 : Math.floor((value - 35) / 40));
  return 16 + 36 * level(red) + 6 * level(green) + level(blue);
}

/** Offset from the base code of the nearest of the sixteen colours every terminal has. */
function nearestBasic(red: number, green: number, blue: number): number {
  const brightest = Math.max(red, green, blue);
  if (brightest - Math.min(red, green, blue) < 40) return brightest < 70 ? 0 : brightest < 140 ? 60 : brightest < 215 ? 7 : 67;
  const bit = (value: number) => (value > brightest * 0.6 ? 1 : 0);
  return bit(red) + 2 * bit(green) + 4 * bit(blue) + (brightest > 200 ? 60 : 0);
}
