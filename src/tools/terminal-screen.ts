import { closeSync, constants, openSync, writeSync } from 'node:fs';
import xterm from '@xterm/headless';
import { spawn, type IPty } from '@lydell/node-pty';
import { countWidthsByCodePoint } from './terminal/code-point-widths.ts';

export interface ScreenOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly columns: number;
  readonly rows: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string | undefined;
  /** Called after each chunk the program wrote, as it was read, with the screen as it leaves it. */
  readonly onChunk?: ((chunk: string) => void) | undefined;
}

/** How long {@link TerminalScreen.shows} waits for what it was told to expect. */
const PATIENCE_MS = 30_000;

/** One run of equal style in a row of the screen. */
export interface StyledText {
  readonly text: string;
  /** Cells it takes: two for a wide character. */
  readonly columns: number;
  readonly foreground: string | undefined;
  readonly background: string | undefined;
  readonly bold: boolean;
  readonly dim: boolean;
  readonly inverse: boolean;
}

/** A program in a real pseudo-terminal, and what a person would see of it, by way of a terminal emulator. */
export interface TerminalScreen {
  readonly pid: number;
  /** The rows as plain text, trailing blanks removed. */
  text(): string;
  styled(): readonly (readonly StyledText[])[];
  /** True while the alternate screen is shown. */
  isAlternate(): boolean;
  /** Every byte the program has written. */
  raw(): string;
  press(...keys: readonly string[]): void;
  /** Resolves once the screen matches; rejects with the screen it saw instead. */
  shows(expected: string | RegExp, patienceMs?: number): Promise<void>;
  hides(unexpected: string | RegExp, patienceMs?: number): Promise<void>;
  resize(columns: number, rows: number): void;
  /** Nobody reads what the program writes from now on, as with Ctrl-S or a closed lid; what the kernel buffers is full. */
  stall(): void;
  readOn(): void;
  kill(signal?: string): void;
  /** Resolves with status and signal when the program has ended. */
  readonly exited: Promise<{ readonly exitCode: number; readonly signal?: number | undefined }>;
}

export function openScreen(options: ScreenOptions): TerminalScreen {
  const terminal = new xterm.Terminal({ cols: options.columns, rows: options.rows, allowProposedApi: true, scrollback: 0 });
  countWidthsByCodePoint(terminal);
  const env = Object.fromEntries(Object.entries(options.env).filter(([, value]) => value !== undefined)) as Record<string, string>;
  const pty: IPty = spawn(options.command, [...options.args], {
    cols: options.columns,
    rows: options.rows,
    env: { TERM: 'xterm-256color', ...env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });

  let raw = '';
  const watchers = new Set<() => void>();
  pty.onData((data) => {
    raw += data;
    terminal.write(data, () => {
      options.onChunk?.(data);
      for (const watcher of watchers) watcher();
    });
  });
  const exited = new Promise<{ exitCode: number; signal?: number | undefined }>((resolve) => pty.onExit(resolve));
  void exited.then(() => watchers.forEach((watcher) => watcher()));

  const text = (): string => {
    const lines: string[] = [];
    for (let y = 0; y < terminal.rows; y++) lines.push(terminal.buffer.active.getLine(y)?.translateToString(true) ?? '');
    return lines.join('\n');
  };

  const until = (wanted: string, holds: () => boolean, patienceMs: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        clearTimeout(timer);
        watchers.delete(check);
        settle();
      };
      const check = (): void => {
        if (holds()) finish(resolve);
      };
      const timer = setTimeout(
        () => finish(() => reject(new Error(`expected the screen to ${wanted}, but it is:\n${text()}`))),
        patienceMs,
      );
      watchers.add(check);
      check();
    });
  const matches = (expected: string | RegExp): boolean =>
    typeof expected === 'string' ? text().includes(expected) : expected.test(text());

  return {
    pid: pty.pid,
    text,
    styled: () => Array.from({ length: terminal.rows }, (_, y) => styledRow(terminal, y)),
    isAlternate: () => terminal.buffer.active.type === 'alternate',
    raw: () => raw,
    press: (...keys) => keys.forEach((key) => pty.write(key)),
    shows: (expected, patienceMs = PATIENCE_MS) => until(`show ${expected}`, () => matches(expected), patienceMs),
    hides: (unexpected, patienceMs = PATIENCE_MS) => until(`no longer show ${unexpected}`, () => !matches(unexpected), patienceMs),
    resize(columns, rows) {
      pty.resize(columns, rows);
      terminal.resize(columns, rows);
    },
    stall() {
      pty.pause();
      fillTerminal(pty.pid);
    },
    readOn: () => pty.resume(),
    kill: (signal) => pty.kill(signal),
    exited,
  };
}

/** Writes what no terminal shows until the kernel takes no more: only then does whoever writes next notice that nobody reads. */
function fillTerminal(pid: number): void {
  const terminal = openSync(`/proc/${pid}/fd/0`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    for (;;) writeSync(terminal, Buffer.alloc(1_024));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  } finally {
    closeSync(terminal);
  }
}

function styledRow(terminal: xterm.Terminal, y: number): StyledText[] {
  const line = terminal.buffer.active.getLine(y);
  const runs: { -readonly [K in keyof StyledText]: StyledText[K] }[] = [];
  for (let x = 0; line && x < terminal.cols; x++) {
    const cell = line.getCell(x);
    if (!cell || cell.getWidth() === 0) continue;
    const style = {
      foreground: colourOf(cell.getFgColor(), cell.isFgRGB(), cell.isFgPalette()),
      background: colourOf(cell.getBgColor(), cell.isBgRGB(), cell.isBgPalette()),
      bold: cell.isBold() !== 0,
      dim: cell.isDim() !== 0,
      inverse: cell.isInverse() !== 0,
    };
    const last = runs.at(-1);
    const chars = cell.getChars() || ' ';
    const same = last && (Object.keys(style) as (keyof typeof style)[]).every((key) => last[key] === style[key]);
    if (same) {
      last.text += chars;
      last.columns += cell.getWidth();
    } else runs.push({ text: chars, columns: cell.getWidth(), ...style });
  }
  return runs;
}

/** The sixteen named colours as a dark terminal shows them; the rest of the palette by xterm's formula. */
const named =
  '#1d1f21 #cc6666 #b5bd68 #f0c674 #81a2be #b294bb #8abeb7 #c5c8c6 #707880 #d54e53 #b9ca4a #e7c547 #7aa6da #c397d8 #70c0b1 #eaeaea'.split(
    ' ',
  );

function colourOf(value: number, isRgb: boolean, isPalette: boolean): string | undefined {
  const hex = (n: number): string => n.toString(16).padStart(2, '0');
  if (isRgb) return `#${hex(value >> 16)}${hex((value >> 8) & 255)}${hex(value & 255)}`;
  if (!isPalette) return undefined;
  if (value < 16) return named[value];
  if (value >= 232) return `#${hex(8 + (value - 232) * 10).repeat(3)}`;
  const level = (n: number): string => hex(n === 0 ? 0 : 55 + n * 40);
  const index = value - 16;
  return `#${level(Math.floor(index / 36))}${level(Math.floor(index / 6) % 6)}${level(index % 6)}`;
}
