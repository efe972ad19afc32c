import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { sampleRun } from '../../client/trace/testing.ts';
import { traceText } from '../../client/trace/write-trace.ts';
import type { LogRow } from '../../protocol/rows.ts';
import type { TraceRow } from '../../protocol/trace.ts';
import { percentile } from '../check-report.ts';
import type { TerminalScreen } from '../terminal-screen.ts';
import type { Finding, TerminalCheck, TerminalContext } from './check.ts';
import { openBackend } from './feed.ts';
import { PATIENCE_MS } from './reading.ts';
import { openProgram, sizes } from './screens.ts';

/*
 * A run whose log nobody can read through: it is there at once, it fits into memory, and whoever types is never made
 * to wait, neither while it is read nor while a filter goes through it.
 */

const FIRST_FRAME_LIMIT_MS = 200;
const FIRST_SCREEN_LIMIT_MS = 1_000;
const NEXT_ERROR_LIMIT_MS = 100;
const ECHO_LIMIT_MS = 50;
const MEMORY_LIMIT_MB = 350;
const STARTS = 3;
/** Where the first error stands, as a share of all lines: whoever looks for it has most of them to pass. */
const FIRST_ERROR_AT = 0.8;
const BATCH_ROWS = 5_000;
const LOAD_LIMIT_MS = 120_000;
/** What is typed while something else goes on. */
const WORDS = 'show the run with the most lines';
const FILTER = 'level>=error context=server "line"';

export const check: TerminalCheck = {
  number: 7,
  name: 'scale',
  async run(context) {
    const count = context.isFull ? 1_000_000 : 50_000;
    const file = join(context.home, 'large.ndjson');
    await pipeline(Readable.from(traceText(largeRun(count), { exportedAt: '2026-01-02T03:04:05Z', runId: 'large' })), createWriteStream(file));
    const findings = [await firstFrame(context)];
    const lines = `${count.toLocaleString('en-US')} lines`;

    const startedAt = performance.now();
    const screen = openProgram(context, { size: sizes.small, args: ['open', file] });
    await screen.shows(/1 (?:steps )?2 log/);
    findings.push(time(`${lines}: first screen`, performance.now() - startedAt, FIRST_SCREEN_LIMIT_MS));
    screen.press('2');
    await screen.shows(/line \d+ of/);
    findings.push(time(`${lines}: first lines of the log`, performance.now() - startedAt));
    findings.push(await typing(`${lines}, while they are read`, screen, ':', WORDS, '\u001B'));
    await screen.shows(new RegExp(`${count.toLocaleString('en-US')}(?! of)`), LOAD_LIMIT_MS);
    findings.push(time(`${lines}: all read`, performance.now() - startedAt));

    screen.press('2', 'g');
    await screen.shows(/^›.* line 1 of/m);
    findings.push(await nextError(screen, Math.ceil(count * FIRST_ERROR_AT)));
    screen.press('g');
    await screen.shows(/^›.* line 1 of/m);
    findings.push(await typing(`${lines}, while a filter goes through them`, screen, 'f', FILTER, '\r'));
    const errors = count - Math.ceil(count * FIRST_ERROR_AT) + 1;
    await screen.shows(new RegExp(`${errors.toLocaleString('en-US')}[^\\n]* of ${count.toLocaleString('en-US')}`), LOAD_LIMIT_MS);
    const megabytes = peakMegabytes(screen.pid);
    return [...findings, { name: `${lines}: memory at its most`, measured: `${megabytes.toFixed(0)} MB`, demanded: `≤ ${MEMORY_LIMIT_MB} MB`, isMet: megabytes <= MEMORY_LIMIT_MB }];
  },
};

/** From the start of the program to its first row on the screen, with a backend that runs. */
async function firstFrame(context: TerminalContext): Promise<Finding> {
  await openBackend(context);
  const times: number[] = [];
  for (let start = 0; start < STARTS; start += 1) {
    const startedAt = performance.now();
    const screen = openProgram(context, { size: sizes.small, args: ['attach'] });
    await screen.shows(/\S/);
    times.push(performance.now() - startedAt);
    screen.kill('SIGKILL');
  }
  return time(`first frame, the median of ${STARTS} starts`, percentile(times, 0.5), FIRST_FRAME_LIMIT_MS);
}

/** From a key to the cursor on the first error. */
async function nextError(screen: TerminalScreen, line: number): Promise<Finding> {
  const startedAt = performance.now();
  screen.press('e');
  await screen.shows(new RegExp(`^›.*ERROR.* line ${line} of`, 'm'));
  return time('from the first line to the next error', performance.now() - startedAt, NEXT_ERROR_LIMIT_MS);
}

/** Each character up to when it stands on the screen. */
async function typing(name: string, screen: TerminalScreen, opened: string, words: string, closed: string): Promise<Finding> {
  screen.press(opened);
  await screen.shows(/^ ?[:f][^\n]*$|[Ff]ilter/m);
  const times: number[] = [];
  for (let length = 1; length <= words.length; length += 1) {
    const startedAt = performance.now();
    screen.press(words[length - 1]!);
    await screen.shows(words.slice(0, length), PATIENCE_MS);
    times.push(performance.now() - startedAt);
  }
  screen.press(closed);
  await screen.hides(new RegExp(`^[^\\n]*${closed === '\r' ? '::none::' : words}`, 'm'));
  const longest = Math.max(...times);
  return { name: `${name}: echo of ${words.length} keys`, measured: `p50 ${percentile(times, 0.5).toFixed(0)} ms, longest ${longest.toFixed(0)} ms`, demanded: `≤ ${ECHO_LIMIT_MS} ms`, isMet: longest <= ECHO_LIMIT_MS, isTime: true };
}

function time(name: string, ms: number, limitMs?: number): Finding {
  return { name, measured: `${ms.toFixed(0)} ms`, demanded: limitMs === undefined ? '' : `≤ ${limitMs} ms`, isMet: limitMs === undefined || ms <= limitMs, isTime: true };
}

/** Linux alone tells. */
function peakMegabytes(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? NaN) / 1_024;
}

/** The sample run, with so many lines in place of its own; the last fifth of them are errors. */
async function* largeRun(count: number): AsyncGenerator<readonly TraceRow[]> {
  const rows = sampleRun('large');
  const at = rows.findIndex(({ table }) => table === 'test_execution_logs');
  const line = rows[at]!.row as unknown as LogRow;
  const others = rows.filter(({ table }) => table !== 'test_execution_logs');
  yield others.slice(0, at);
  const firstError = Math.ceil(count * FIRST_ERROR_AT);
  for (let from = 1; from <= count; from += BATCH_ROWS) {
    yield Array.from({ length: Math.min(BATCH_ROWS, count - from + 1) }, (_, index): TraceRow => {
      const number = from + index;
      const row: LogRow = {
        ...line,
        id: `0199dddd-0000-7000-8000-${String(number).padStart(12, '0')}`,
        seq: 100 + number,
        log_level: number >= firstError ? 'error' : number % 7 === 0 ? 'debug' : 'info',
        message: `line ${number} of a log that is longer than anybody reads`,
      };
      return { table: 'test_execution_logs', row: row as unknown as TraceRow['row'] };
    });
  }
  yield others.slice(at);
}
