import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { openScreen, type TerminalScreen } from '../tools/terminal-screen.ts';

const root = join(import.meta.dirname, '../..');
// Bundled as the program is, with the themes where the bundle looks for them, and out of the way of builds.
const home = join(root, 'node_modules', `.stepscope-tui-${process.pid}`);
const fixture = join(home, 'dist/fixture.js');
let screen: TerminalScreen | undefined;

/** Opens the fixture in a shell, which keeps the terminal when the program has ended. */
function open(way: string, size = { columns: 80, rows: 24 }, env: Record<string, string> = {}, before = '', after = ''): TerminalScreen {
  const command = `report() { echo "status $?"; stty -a | tr ' ;' '\\n\\n' | grep -x -e icanon -e -icanon -e echo -e -echo | tr '\\n' ' '; }; ${before}'${process.execPath}' '${fixture}' '${way}'; report; ${after} sleep 60`;
  screen = openScreen({ command: 'sh', args: ['-c', command], ...size, env: { PATH: process.env['PATH'], LANG: 'C.UTF-8', HOME: process.env['HOME'], ...env } });
  return screen;
}

beforeAll(async () => {
  mkdirSync(home, { recursive: true });
  symlinkSync(join(root, 'themes'), join(home, 'themes'));
  await build({ entryPoints: [fileURLToPath(new URL('./testing/fixture-program.ts', import.meta.url))], bundle: true, platform: 'node', format: 'esm', packages: 'external', jsx: 'automatic', outfile: fixture, define: { 'process.env.NODE_ENV': '"production"' }, logLevel: 'error' });
});
afterEach(() => screen?.kill('SIGKILL'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** The terminal as the shell had it: primary screen, cursor shown, cooked, bracketed paste off. */
function expectRestored(terminal: TerminalScreen): void {
  expect(terminal.isAlternate()).toBe(false);
  expect(terminal.text()).toContain('icanon');
  expect(terminal.text()).not.toContain('-icanon');
  expect(terminal.text()).not.toContain('-echo');
  const raw = terminal.raw();
  expect(raw.lastIndexOf('\u001b[?2004l')).toBeGreaterThan(raw.lastIndexOf('\u001b[?2004h'));
  expect(raw.lastIndexOf('\u001b[?25h')).toBeGreaterThan(raw.lastIndexOf('\u001b[?25l'));
}

/** The program itself, below its shell. */
function childOf(terminal: TerminalScreen): number {
  const child = Number(execFileSync('ps', ['-o', 'pid=', '--ppid', String(terminal.pid)], { encoding: 'utf8' }));
  expect(child).toBeGreaterThan(1);
  return child;
}

describe('in a real terminal', { timeout: 60_000 }, () => {
  it('stands a first frame before there is a backend, and leaves on q', async () => {
    const terminal = open('waiting');
    await terminal.shows('opening the backend');
    expect(terminal.isAlternate()).toBe(true);
    terminal.press('q');
    await terminal.shows('status 0');
    await terminal.shows(/echo /);
    expectRestored(terminal);
  });

  it('draws its first frame from the corner, whatever was typed ahead and wherever the cursor was', async () => {
    const terminal = open('waiting', undefined, {}, `printf 'a prompt $ '; sleep 0.3; `);
    await terminal.shows('a prompt');
    terminal.press('jjjj');
    await terminal.shows('opening the backend');
    expect(terminal.text()).toMatch(/^ stepscope/);
    // Echo is off before the screen changes: what is typed between the two would be drawn into the frame.
    expect(terminal.raw().indexOf('\u001b[?2004h')).toBeLessThan(terminal.raw().indexOf('\u001b[?1049h'));
  });

  it('shows a failed connection as a screen, not as a crash', async () => {
    const terminal = open('unreachable');
    await terminal.shows('nobody answers at http://127.0.0.1:9');
    await terminal.shows('stepscope serve');
    terminal.press('r');
    await terminal.shows('nobody answers');
    terminal.press('\u0003', '\u0003');
    await terminal.shows('status 0');
  });

  it.each(['throws in an effect', 'throws in a timer', 'rejects unheard', 'throws in render'])('gives the terminal back when it %s, with the message and status 70', async (way) => {
    const terminal = open(way);
    await terminal.shows('status 70');
    await terminal.shows(/echo /);
    expectRestored(terminal);
    expect(terminal.text()).toContain('TypeError');
  });

  it.each(['TERM', 'HUP', 'INT', 'QUIT'])('gives the terminal back on SIG%s', async (signal) => {
    const terminal = open('waiting');
    await terminal.shows('opening the backend');
    process.kill(childOf(terminal), `SIG${signal}`);
    await terminal.shows(/status 1\d\d/);
    await terminal.shows(/echo /);
    expectRestored(terminal);
  });

  it('gives the terminal back on Ctrl-z and on SIGTSTP, and draws everything again on fg', async () => {
    // Job control, as a shell has it for a person.
    const terminal = open('waiting', undefined, {}, 'set -m; ', 'read word; fg; report; read word; fg;');
    for (const [times, stop] of ['key', 'SIGTSTP'].entries()) {
      await terminal.shows('opening the backend');
      expect(terminal.isAlternate()).toBe(true);
      if (stop === 'key') terminal.press('\u001a');
      else process.kill(childOf(terminal), stop);
      // What the shell said after the last stop still stands there.
      await terminal.shows(new RegExp(`(?:status 1\\d\\d\\s+icanon echo[^]*){${times + 1}}`));
      expectRestored(terminal);
      terminal.press('\r');
    }
    await terminal.shows('opening the backend');
    terminal.press('q');
    await terminal.hides('opening the backend');
    expectRestored(terminal);
  });

  it('fills a terminal that was resized while it was stopped', async () => {
    const terminal = open('unreachable', { columns: 80, rows: 24 }, {}, 'set -m; ', 'read word; fg;');
    await terminal.shows('nobody answers');
    terminal.press('\u001a');
    await terminal.shows(/status 1\d\d/);
    terminal.resize(100, 30);
    terminal.press('\r');
    await vi.waitFor(() => expect(terminal.text().split('\n')[29]).toContain('try again'), { timeout: 5_000 });
    terminal.press('q');
    await terminal.hides('nobody answers');
  });

  it('ends on a signal though the terminal stands still, and is not held up by it', async () => {
    const terminal = open('waiting');
    await terminal.shows('opening the backend');
    const child = childOf(terminal);
    terminal.stall();
    terminal.press('?');
    process.kill(child, 'SIGTERM');
    await vi.waitFor(() => expect(() => process.kill(child, 0)).toThrow(), { timeout: 10_000 });
  });

  it('fills a resized terminal exactly, and says in one line when it is too small', async () => {
    const terminal = open('unreachable', { columns: 80, rows: 24 });
    await terminal.shows('nobody answers');
    terminal.resize(120, 40);
    await vi.waitFor(() => expect(terminal.text().split('\n')[39]).toContain('try again'), { timeout: 5_000 });
    terminal.resize(20, 5);
    await terminal.shows('20×5, needs 40×8');
    await terminal.hides('nobody');
    terminal.resize(80, 24);
    await terminal.shows('nobody answers');
  });

  it('writes no colour when none is wanted', async () => {
    const terminal = open('unreachable', { columns: 80, rows: 24 }, { NO_COLOR: '1' });
    await terminal.shows('nobody answers');
    // oxlint-disable-next-line no-control-regex -- the colours of terminals begin with it
    expect(terminal.raw()).not.toMatch(/\u001b\[(?:\d+;)*[34]\d(?:;[\d;]*)?m/);
  });

  it('says of a terminal that cannot draw what to do instead, and leaves it alone', async () => {
    const terminal = open('waiting', undefined, { TERM: 'dumb' });
    await terminal.shows('this terminal cannot draw a screen');
    expect(terminal.raw()).not.toContain('\u001b[?');
  });

  it('writes nothing while nothing changes', async () => {
    const terminal = open('unreachable');
    await terminal.shows('nobody answers');
    terminal.press('?');
    await terminal.shows('Help');
    const before = terminal.raw().length;
    // A key that leads to the same frame: what it is answered with is all that came since.
    terminal.press('\u001b', '?');
    await terminal.shows('Help');
    expect(terminal.raw().length - before).toBeLessThan(6_000);
  });
});
