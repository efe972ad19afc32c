import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { isAlive, readStateFile } from '../cli/backend/find-backend.ts';
import { report } from './check-report.ts';
import type { Figure } from './check-report.ts';
import { checks } from './terminal/checks.ts';
import type { TerminalContext } from './terminal/check.ts';

/*
 * What is demanded of the terminal, measured in pseudo-terminals with the program as it is shipped, each check
 * against a backend and a data directory of its own.
 *
 *   npm run check:terminal [-- --full] [-- --only 1,3]
 */

const BACKEND_END_MS = 5_000;
/** In the reduced form checks share the machine: most of them wait, most of the time. */
const SIDE_BY_SIDE = 2;

const { values } = parseArgs({ options: { full: { type: 'boolean', default: false }, only: { type: 'string' } } });
const root = join(import.meta.dirname, '../..');
const wanted = values.only?.split(',').map(Number) ?? Object.keys(checks).map(Number);
const unknown = wanted.filter((number) => checks[number] === undefined);
if (unknown.length > 0) throw new Error(`no check ${unknown.join(', ')}; there are ${Object.keys(checks).join(', ')}`);

execFileSync(process.execPath, [join(root, 'src/tools/build.ts')], { stdio: ['ignore', 'ignore', 'inherit'] });
const figures: Figure[] = [];
const leftOut: string[] = [];
const waiting = [...wanted];
await Promise.all(
  Array.from({ length: values.full ? 1 : SIDE_BY_SIDE }, async () => {
    for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) await play(number);
  }),
);
figures.sort((a, b) => Number.parseInt(a.name, 10) - Number.parseInt(b.name, 10));
report(`check:terminal, ${values.full ? 'in full' : 'reduced'}`, figures);
for (const what of leftOut) console.log(`LEFT OUT: ${what}`);

async function play(number: number): Promise<void> {
  const { check } = await checks[number]!();
  const home = mkdtempSync(join(tmpdir(), `stepscope-terminal-${number}-`));
  const endings: (() => void | Promise<void>)[] = [];
  const context: TerminalContext = {
    isFull: values.full,
    home,
    program: join(root, 'bin/stepscope.js'),
    env: environment(home),
    leaveOut: (what) => leftOut.push(`${number} ${check.name}: ${what}`),
    onEnd: (work) => endings.push(work),
  };
  const startedAt = performance.now();
  try {
    const findings = await check.run(context);
    figures.push(...findings.map((finding) => ({ ...finding, name: `${number} ${check.name}: ${finding.name}` })));
  } catch (error) {
    console.error(error);
    figures.push({
      name: `${number} ${check.name}`,
      measured: `broke off: ${String(error).split('\n')[0]}`,
      demanded: 'an end',
      isMet: false,
    });
  } finally {
    for (const end of endings.toReversed()) await end();
    await endBackend(join(home, 'data'));
    rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
  console.error(`${number} ${check.name}: ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
}

/** The program starts a backend that outlives it. */
async function endBackend(dataDir: string): Promise<void> {
  const backend = readStateFile(dataDir);
  if (backend === undefined || !isAlive(backend.pid)) return;
  process.kill(backend.pid, 'SIGTERM');
  for (let waitedMs = 0; isAlive(backend.pid) && waitedMs < BACKEND_END_MS; waitedMs += 50) await after(50);
  if (isAlive(backend.pid)) process.kill(backend.pid, 'SIGKILL');
}

/** Nothing of the caller's terminal or configuration, so that a figure is the same wherever it is measured. */
function environment(home: string): Record<string, string> {
  const folders = { HOME: home, STEPSCOPE_DATA_DIR: join(home, 'data'), XDG_CONFIG_HOME: join(home, 'config'), TMPDIR: join(home, 'tmp') };
  for (const folder of Object.values(folders)) mkdirSync(folder, { recursive: true });
  return { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8', TERM: 'xterm-256color', COLORTERM: 'truecolor', ...folders };
}
