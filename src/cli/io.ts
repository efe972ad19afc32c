import { styleText } from 'node:util';
import { asciiGlyphs, speaksUnicode, unicodeGlyphs } from '../tui/output/glyphs.ts';
import type { Glyphs } from '../tui/output/glyphs.ts';

/** Where a command prints, and how. Results go to `out`, everything said to a person beside them to `err`. */
export interface Io {
  out(line: string): void;
  err(line: string): void;
  /** Paints for a person's terminal; the plain text where there is none, or with `NO_COLOR`. */
  paint(style: Style, text: string): string;
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

export function processIo(options: { readonly json?: boolean | undefined; readonly ascii?: boolean | undefined }): Io {
  const json = options.json ?? false;
  const color = !json && wantsColor();
  return {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    paint: (style, text) => (color ? styleText(styles[style], text, { validateStream: false }) : text),
    json,
    glyphs: (options.ascii ?? !speaksUnicode(process.env)) ? asciiGlyphs : unicodeGlyphs,
    columns: process.stdout.columns ?? 80,
    readerGone: readerGone.signal,
  };
}

/** https://no-color.org: set and not empty means no. `FORCE_COLOR` speaks for a pipe into a pager. */
function wantsColor(): boolean {
  if (process.env['NO_COLOR']) return false;
  if (process.env['FORCE_COLOR']) return process.env['FORCE_COLOR'] !== '0';
  return process.stdout.isTTY && process.env['TERM'] !== 'dumb';
}
