import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import xterm from '@xterm/headless';
import { hostileTexts } from '../../tui/testing/hostile-texts.ts';
import type { TerminalScreen } from '../terminal-screen.ts';
import type { Finding, TerminalCheck, TerminalContext } from './check.ts';
import { countWidthsByCodePoint } from './code-point-widths.ts';
import { openBackend } from './feed.ts';
import { openProgram, type Size } from './screens.ts';

/*
 * Text that tries to do something to whoever shows it, in every place of a run where text can stand: the screen keeps
 * its rows and borders, the terminal is told nothing that we did not say, and what goes into a pipe is as harmless.
 */

const COUNT = Object.keys(hostileTexts).length;
/** Every view of a run, a line and a value in full, help and a question over them. */
const STROKES = ['1', '2', ' ', 'k', '\r', '\u001B', 'w', '3', 'e', '4', '5', '6', '7', '8', '9', '2', 'G', 'm', '\u001B', '1', 'j', 'j', '3', '1', 'j', 'j', 'j', '3', '%', '\u001B', 'v', '\u001B', '?', '\u001B'] as const;
/** Longer than the program waits for the rest of a sequence. */
const ESCAPE_MS = 200;
const SIZES: readonly Size[] = [{ columns: 80, rows: 24 }, { columns: 160, rows: 50 }];
/** Control characters, C1 bytes and what turns the direction of text. */
// oxlint-disable-next-line no-control-regex -- these are what must not be there
const ACTIVE = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/u;

export const check: TerminalCheck = {
  number: 9,
  name: 'text',
  async run(context) {
    await openBackend(context);
    const run = await writeHostileRun(context);
    const seen: Finding[] = [];
    for (const size of SIZES) seen.push(...(await lookedAt(context, run, size)));
    return [...seen, ...(await piped(context, run))];
  },
};

async function writeHostileRun({ env, onEnd }: TerminalContext): Promise<string> {
  const child = fork(fileURLToPath(new URL('./hostile-writer.ts', import.meta.url)), { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  onEnd(() => void child.kill('SIGKILL'));
  const [[{ runId }]] = (await Promise.all([once(child, 'message'), once(child, 'exit')])) as unknown as [[{ readonly runId: string }]];
  return runId;
}

async function lookedAt(context: TerminalContext, run: string, size: Size): Promise<readonly Finding[]> {
  const screen = openProgram(context, { size, args: ['attach', run] });
  await screen.shows(/completed/i);
  const wrong: string[] = [];
  for (const stroke of STROKES) {
    const before = screen.raw().length;
    screen.press(stroke);
    // What comes right after ESC would belong to it.
    if (stroke === '\u001B') await after(ESCAPE_MS);
    await drawnAfter(screen, before);
    const problem = whatIsWrong(screen, size);
    if (problem !== undefined) wrong.push(`after ${JSON.stringify(stroke)}: ${problem}`);
  }
  screen.press('2', 'g');
  await screen.shows('#1 ');
  const where = `${size.columns}×${size.rows}`;
  const heard = await heardByTerminal(screen, size);
  const lines = Number(/(\d+) lines?/.exec(screen.text())?.[1]);
  return [
    { name: `${where}: views whose rows and borders stay`, measured: wrong.length === 0 ? `${STROKES.length}` : wrong.slice(0, 3).join('; '), demanded: `${STROKES.length}`, isMet: wrong.length === 0 },
    { name: `${where}: what the terminal was told beside text`, measured: heard.join(', ') || 'nothing', demanded: 'nothing', isMet: heard.length === 0 },
    { name: `${where}: lines that are counted`, measured: `${lines}`, demanded: `${COUNT} and those of the tracker`, isMet: lines >= COUNT },
  ];
}

/** The answer to a key comes at once; keys that change nothing have none. */
async function drawnAfter(screen: TerminalScreen, before: number): Promise<void> {
  for (let waitedMs = 0, last = before; waitedMs < 1_000; waitedMs += 40) {
    await after(40);
    const now = screen.raw().length;
    if (now !== before && now === last) return;
    if (waitedMs >= 400 && now === before) return;
    last = now;
  }
}

/** The header on the first row, the keys on the last one, and one border from top to bottom. */
function whatIsWrong(screen: TerminalScreen, size: Size): string | undefined {
  const rows = screen.text().split('\n');
  if (!screen.isAlternate()) return 'the alternate screen was left';
  if (rows.length !== size.rows) return `${rows.length} rows`;
  if (rows[0]!.trim() === '') return 'no header';
  if (!/\S/.test(rows.at(-1)!)) return 'no footer';
  const borders = new Set(screen.styled().flatMap((row) => bordersOf(row)));
  if (borders.size > 1) return `a border in columns ${[...borders].join(', ')}`;
  const active = ACTIVE.exec(screen.text().replaceAll('\n', ''));
  return active ? `U+${active[0].codePointAt(0)!.toString(16)} on the screen` : undefined;
}

/** Columns of the border in a row. */
function bordersOf(row: readonly { readonly text: string; readonly columns: number }[]): readonly number[] {
  let at = 0;
  return row.flatMap(({ text: run, columns }) => {
    const start = at;
    at += columns;
    // A border is a run of its own style; in one with wide characters its column would be a guess.
    return columns === run.length ? [...run.matchAll(/│/g)].map(({ index }) => start + index) : [];
  });
}

/** Plays all bytes to a terminal that listens: titles, links, the clipboard, a cleared screen after the first frame, overlong rows. */
async function heardByTerminal(screen: TerminalScreen, { columns, rows }: Size): Promise<readonly string[]> {
  const heard = new Set<string>();
  const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 0 });
  countWidthsByCodePoint(terminal);
  for (const code of [0, 1, 2, 4, 7, 8, 9, 10, 11, 50, 52, 777, 1337]) {
    terminal.parser.registerOscHandler(code, (data) => {
      heard.add(`OSC ${code} ${data.slice(0, 20)}`);
      return true;
    });
  }
  terminal.parser.registerDcsHandler({ intermediates: '$', final: 'q' }, () => (heard.add('DCS'), true));
  for (const { final, prefix } of [{ final: 'c' }, { final: 'n' }, { prefix: '?', final: 'n' }]) {
    terminal.parser.registerCsiHandler({ final, ...(prefix === undefined ? {} : { prefix }) }, () => (heard.add(`a query, CSI ${prefix ?? ''}${final}`), true));
  }
  terminal.onBell(() => heard.add('a bell'));
  const raw = screen.raw();
  // oxlint-disable-next-line no-control-regex -- what a cleared screen begins with
  const clears = [...raw.matchAll(/\u001B\[2J/g)].filter(({ index }) => index > 10_000);
  if (clears.length > 0) heard.add(`${clears.length} full clears`);
  const c1 = /[\u0080-\u009F\u202A-\u202E\u2066-\u2069]/u.exec(raw);
  if (c1) heard.add(`U+${c1[0].codePointAt(0)!.toString(16)}`);
  await new Promise<void>((resolve) => terminal.write(raw, resolve));
  for (let row = 0; row < rows; row += 1) if (terminal.buffer.active.getLine(row)?.isWrapped) heard.add(`row ${row + 1} runs over`);
  return [...heard];
}

/** What goes into a pipe is inert too, and one line a log line. */
async function piped({ program, env }: TerminalContext, run: string): Promise<readonly Finding[]> {
  const calls = [['tail', run], ['tail', run, '--json'], ['show', run], ['show', run, '--step', '1'], ['runs'], ['export', run, '--format', 'log']];
  const outputs = await Promise.all(calls.map(async (words) => {
    const child = spawn(process.execPath, [program, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { words: words.filter((word) => word !== run).join(' '), out: out + err };
  }));
  const wrong = outputs.flatMap(({ words, out }) => {
    const active = ACTIVE.exec(out);
    return active === null && out.length > 0 ? [] : [`${words}: ${active === null ? 'nothing' : `U+${active[0].codePointAt(0)!.toString(16)}`}`];
  });
  const lines = outputs[0]!.out.split('\n').length - 1;
  const values = outputs[1]!.out.split('\n').length - 1;
  return [
    { name: 'piped output that is inert', measured: wrong.length === 0 ? `${calls.length} commands` : wrong.join('; '), demanded: `${calls.length} commands`, isMet: wrong.length === 0 },
    { name: 'tail: one line a line of the log', measured: `${lines}`, demanded: `${values}`, isMet: lines === values && lines >= COUNT },
  ];
}
