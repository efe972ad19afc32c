import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { reportFigures, type Figure } from './bench-table.ts';
import type { TerminalContext } from './terminal/check.ts';
import { buildProgram, withContext } from './terminal/context.ts';
import { has, openCommand, openProgram, sizes } from './terminal/screens.ts';
import type { TerminalScreen } from './terminal-screen.ts';

const LINES = { full: 5_000_000, reduced: 500_000 };
/** Where the errors begin, as a share of all lines, and each how manyth of them is one. */
const FIRST_ERROR_AT = 0.8;
const ERROR_EVERY = 100;
/** One line in so many has the words that are looked for. */
const WORDS_EVERY = 50_000;
const WORDS = 'upstream gave up';
const BATCH_LINES = 10_000;
const PATIENCE_MS = 30_000;
/** How often a program is asked for the end while it reads. */
const ASK_MS = 250;

/** What a file took, in milliseconds, and the most memory it took, in MB. */
interface Times {
  readonly first: number;
  readonly end: number;
  readonly memory: number;
}

/**
 * A log of JSON lines (5,000,000 and 1 GB, a tenth of them without `isFull`) that is opened, read to its end and filtered,
 * beside lnav, less, rg or grep, and jq on the same file. Demands are about the whole: of a tenth most is the start of Node.
 */
export async function benchLogView(isFull: boolean): Promise<boolean> {
  buildProgram();
  const leaveOut = (what: string): void => console.log(`  LEFT OUT: ${what}`);
  return reportFigures(await withContext('bench-log-view', { isFull, leaveOut }, measure));
}

async function measure(context: TerminalContext): Promise<readonly Figure[]> {
  const count = context.isFull ? LINES.full : LINES.reduced;
  const file = join(context.home, 'large.jsonl');
  writeLog(file, count);
  const ours = await stepscope(context, file, count);
  const lnav = has('lnav') ? await lnavTimes(context, file, count) : undefined;
  if (!lnav) context.leaveOut('lnav is not installed: nothing is demanded');
  const less = has('less') ? await lessEnd(context, file, count) : undefined;
  const search = has('rg') ? 'rg' : has('grep') ? 'grep' : undefined;
  const found = search && (await timed([search, '-c', '-i', '-F', WORDS, file]));
  const jq = has('jq') ? await timed(['jq', '-c', 'select(.level == "error")', file]) : undefined;

  const told = (what: string, value: number | undefined, unit = 'ms'): readonly Figure[] => (value === undefined ? [] : [{ what, value, unit }]);
  const ratio = (what: string, own: number, peer: number | undefined, most: number | undefined): readonly Figure[] =>
    peer === undefined ? [] : [{ what, value: own / peer, unit: 'x', bound: most === undefined || !context.isFull ? undefined : { kind: 'at most', value: most } }];
  return [
    ...told('size of the log', statSync(file).size / 1e6, 'MB'),
    ...told('first screen', ours.first), ...told('lnav: first screen', lnav?.first), ...ratio('first screen / lnav', ours.first, lnav?.first, 0.5),
    ...told('all read, its end shown', ours.end), ...told('lnav: its end shown', lnav?.end), ...told('less +G: its end shown', less), ...ratio('end / lnav', ours.end, lnav?.end, 0.3),
    ...told('filter by level', ours.level), ...told('lnav -n: filter by level', lnav?.level), ...told('jq: select by level', jq),
    ...ratio('filter by level / lnav', ours.level, lnav?.level, 0.1), ...ratio('filter by level / jq', ours.level, jq, undefined),
    ...told('filter by words', ours.words), ...told('lnav -n: filter by words', lnav?.words), ...told(`${search} -c`, found),
    ...ratio('filter by words / lnav', ours.words, lnav?.words, 0.1), ...ratio(`filter by words / ${search}`, ours.words, found, search === 'rg' ? 5 : undefined),
    ...told('from the first line to the next error', ours.nextError),
    ...told('memory at its most', ours.memory, 'MB'), ...told('lnav: memory at its most', lnav?.memory, 'MB'), ...ratio('memory / lnav', ours.memory, lnav?.memory, 1),
  ];
}

async function stepscope(context: TerminalContext, file: string, count: number): Promise<Times & Readonly<Record<'level' | 'words' | 'nextError', number>>> {
  const all = count.toLocaleString('en-US');
  const startedAt = performance.now();
  const screen = openProgram(context, { size: sizes.large, args: ['open', file] });
  await screen.shows(/request \d+ of/, PATIENCE_MS);
  const first = performance.now() - startedAt;
  screen.press('2');
  await atEnd(screen, count, () => screen.press('G'));
  const end = performance.now() - startedAt;
  const filter = async (text: string, hits: number): Promise<number> => {
    screen.press('f');
    await screen.shows(/[Ff]ilter/);
    screen.press('\u0015');
    const beganAt = performance.now();
    screen.press(`${text}\r`);
    await screen.shows(new RegExp(`${hits.toLocaleString('en-US')}[^\\n]* of ${all}`), PATIENCE_MS);
    return performance.now() - beganAt;
  };
  const level = await filter('level>=error', errorsOf(count));
  const words = await filter(`"${WORDS}"`, Math.floor(count / WORDS_EVERY));
  screen.press('f');
  await screen.shows(/[Ff]ilter/);
  screen.press('\u0015\r');
  // Until all lines are looked at without the filter: errors further on are not known before.
  await screen.shows(new RegExp(`(?<!of )${all} lines`), PATIENCE_MS);
  screen.press('g');
  await screen.shows(/request 1 of/, PATIENCE_MS);
  const beganAt = performance.now();
  screen.press('e');
  await screen.shows(`request ${firstError(count)} of`, PATIENCE_MS);
  const nextError = performance.now() - beganAt;
  const memory = peakMegabytes(screen.pid);
  screen.kill('SIGTERM');
  await screen.exited;
  return { first, end, level, words, nextError, memory };
}

async function lnavTimes(context: TerminalContext, file: string, count: number): Promise<Times & Readonly<Record<'level' | 'words', number>>> {
  const startedAt = performance.now();
  const screen = openCommand(context, { size: sizes.large, args: ['lnav', file] });
  await screen.shows(/request \d+ of/, PATIENCE_MS);
  const first = performance.now() - startedAt;
  await atEnd(screen, count, () => screen.press('G'));
  const end = performance.now() - startedAt;
  const memory = peakMegabytes(screen.pid);
  screen.kill('SIGKILL');
  await screen.exited;
  const filtered = (pattern: string): Promise<number> => timed(['lnav', '-n', '-c', `:filter-in ${pattern}`, file], context.env);
  return { first, end, memory, level: await filtered('"level":"error"'), words: await filtered(WORDS) };
}

async function lessEnd(context: TerminalContext, file: string, count: number): Promise<number> {
  const startedAt = performance.now();
  const screen = openCommand(context, { size: sizes.large, args: ['less', '+G', file], env: { ...context.env, LESSHISTFILE: '-' } });
  await atEnd(screen, count, () => undefined);
  screen.kill('SIGKILL');
  return performance.now() - startedAt;
}

/** Waits for the last line, asking for it again and again: it is not known before all is read. */
async function atEnd(screen: TerminalScreen, count: number, ask: () => void): Promise<void> {
  const asking = setInterval(ask, ASK_MS);
  try {
    ask();
    await screen.shows(`request ${count} of`, PATIENCE_MS);
  } finally {
    clearInterval(asking);
  }
}

/** How long a command takes whose output nobody reads; what it finds is its own affair. */
async function timed([command = '', ...args]: readonly string[], env: Readonly<Record<string, string | undefined>> = process.env): Promise<number> {
  const startedAt = performance.now();
  const child = spawn(command, args, { stdio: 'ignore', env });
  await new Promise((resolve, reject) => child.once('exit', resolve).once('error', reject));
  return performance.now() - startedAt;
}

const firstError = (count: number): number => Math.ceil((count * FIRST_ERROR_AT) / ERROR_EVERY) * ERROR_EVERY;
const errorsOf = (count: number): number => (count - firstError(count)) / ERROR_EVERY + 1;

/** Lines as a service logs them, of some 200 bytes. */
function writeLog(file: string, count: number): void {
  const descriptor = openSync(file, 'wx', 0o600);
  const start = Date.parse('2026-03-01T12:00:00Z');
  const from = firstError(count);
  for (let at = 1; at <= count; at += BATCH_LINES) {
    const lines = Array.from({ length: Math.min(BATCH_LINES, count - at + 1) }, (_, index) => {
      const number = at + index;
      const level = number >= from && number % ERROR_EVERY === 0 ? 'error' : number % 7 === 0 ? 'debug' : 'info';
      const said = number % WORDS_EVERY === 0 ? WORDS : 'was answered';
      return `{"time":"${new Date(start + number).toISOString()}","level":"${level}","logger":"api","message":"request ${number} of a customer ${said}","request_id":"req-${number}","path":"/v1/images/${number % 977}","status":200,"duration_ms":${number % 613}}`;
    });
    writeSync(descriptor, `${lines.join('\n')}\n`);
  }
  closeSync(descriptor);
}

/** Linux alone tells. */
function peakMegabytes(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? NaN) / 1_024;
}
