import { randomBytes } from 'node:crypto';
import { styleText } from 'node:util';
import { printable } from '../core/format.ts';
import { asciiGlyphs, speaksUnicode, unicodeGlyphs } from '../tui/output/glyphs.ts';
import type { Glyphs } from '../tui/output/glyphs.ts';

/**
 * Where a command prints, and how. Results go to `out`, everything said to a person beside them to `err`. Whatever the
 * text is made of, a terminal obeys nothing in it but the colours of `paint`.
 */
export interface Io {
  out(line: string): void;
  err(line: string): void;
  /** Paints for a person's terminal; the plain text where there is none, or with `NO_COLOR`. */
  paint(style: Style, text: string): string;
  /** A command of ours with the options that lead to the backend of this call again: `show 1a2b` → `stepscope show 1a2b --profile staging`. */
  command(words: string): string;
  readonly json: boolean;
  readonly glyphs: Glyphs;
  readonly columns: number;
  /** Aborts when the reader of standard output is gone (`| head`). */
  readonly readerGone: AbortSignal;
}

export type Style = 'good' | 'bad' | 'warn' | 'active' | 'muted' | 'strong';

const styles = {
  good: 'green',
  bad: 'red',
  warn: 'yellow',
  active: 'cyan',
  muted: 'dim',
  strong: 'bold',
} as const satisfies Record<Style, Parameters<typeof styleText>[0]>;

const readerGone = new AbortController();

/**
 * Makes a closed standard output end the program quietly instead of with a crash: commands that follow
 * something watch `readerGone` and stop.
 */
export function surviveClosedPipes(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    readerGone.abort();
  });
  // Nobody reads our messages any more: that must not hide the results.
  process.stderr.on('error', () => {});
}

export interface IoOptions {
  readonly json?: boolean | undefined;
  readonly ascii?: boolean | undefined;
  readonly command?: Io['command'] | undefined;
}

export function processIo(options: IoOptions): Io {
  const json = options.json ?? false;
  const color = !json && wantsColor();
  return {
    out: (line) => void process.stdout.write(`${json ? escaped(line) : inert(line)}\n`),
    err: (line) => void process.stderr.write(`${inert(line)}\n`),
    paint: (style, text) => (color ? painted(style, text) : text),
    command: options.command ?? ((words) => `stepscope ${words}`),
    json,
    glyphs: (options.ascii ?? !speaksUnicode(process.env)) ? asciiGlyphs : unicodeGlyphs,
    columns: process.stdout.columns ?? 80,
    readerGone: readerGone.signal,
  };
}

let madeMark: string | undefined;

/** Stands before the codes of our own colours until they are written: text from outside cannot know it, and so cannot colour. */
function ours(): string {
  return (madeMark ??= `\u001B${randomBytes(8).toString('hex')}`);
}

function painted(style: Style, text: string): string {
  const [open = '', close = ''] = styleText(styles[style], '\n', { validateStream: false }).split('\n');
  return `${open.replace('\u001B', ours())}${text}${close.replace('\u001B', ours())}`;
}

/** Lines in which nothing but our own colours is obeyed by a terminal. */
function inert(lines: string): string {
  return lines
    .split(ours())
    .map((part) => printable(part, { multiline: true }))
    .join('\u001B');
}

/** JSON that means the same and has nothing a terminal obeys: `JSON.stringify` leaves what lies above 0x7F as it is, C1 bytes and what turns the direction of text. */
function escaped(json: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what must not be there
  return json.replaceAll(/[\u007F-\u009F\u061C\u200E\u200F\u2028\u2029\u202A-\u202E\u2066-\u2069]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** https://no-color.org: set and not empty means no. `FORCE_COLOR` speaks for a pipe into a pager. */
function wantsColor(): boolean {
  if (process.env['NO_COLOR']) return false;
  if (process.env['FORCE_COLOR']) return process.env['FORCE_COLOR'] !== '0';
  return process.stdout.isTTY && process.env['TERM'] !== 'dumb';
}
