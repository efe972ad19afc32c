import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import type { TerminalScreen } from '../terminal-screen.ts';
import type { Finding, TerminalCheck, TerminalContext } from './check.ts';
import { openBackend } from './feed.ts';
import { PATIENCE_MS } from './reading.ts';
import { has, openCommand, sizes } from './screens.ts';

/*
 * However the program ends, and whenever it is stopped: the terminal is as it was, a bug says so where it can be
 * read, and the shell hears that it was no success.
 */

/** Ways to end, with the status each has, and whether somebody must be told why. */
const ENDINGS = [
  { way: 'a throw in render', status: 70, isTold: true },
  { way: 'a throw in a timer', status: 70, isTold: true },
  { way: 'a rejection nobody hears', status: 70, isTold: true },
  { way: 'process.exit', status: 3, isTold: false },
  { way: 'SIGTERM', status: 143, isTold: false },
  { way: 'SIGHUP', status: 129, isTold: false },
  { way: 'SIGINT', status: 130, isTold: false },
  { way: 'SIGQUIT', status: 131, isTold: false },
] as const;
/** Modes that are on in a terminal nobody has touched. All others are off. */
const ON_BY_DEFAULT = new Set(['7', '25']);
const FIRST_SCREEN = /No runs yet|no run/i;
const PROMPT = 'ready> ';

export const check: TerminalCheck = {
  number: 6,
  name: 'manners',
  async run(context) {
    await openBackend(context);
    const findings: Finding[] = [];
    for (const ending of ENDINGS) findings.push(await ended(context, ending));
    return [...findings, await leftByKey(context), ...(await stopped(context))];
  },
};

/** The program in a shell that tells its status and how the terminal stands, and restores nothing itself. */
function openInShell(context: TerminalContext, way: string): TerminalScreen {
  const tell = `echo "status $?"; stty -a | tr ' ;' '\\n\\n' | grep -x -e icanon -e -icanon -e echo -e -echo -e isig -e -isig | tr '\\n' ' '; echo told; sleep 60`;
  const env = { ...context.env, NODE_OPTIONS: `--import=${join(import.meta.dirname, 'fault.ts')}`, STEPSCOPE_FAULT: way };
  return openCommand(context, { size: sizes.small, args: ['sh', '-c', `'${process.execPath}' '${context.program}' attach; ${tell}`], env });
}

async function ended(context: TerminalContext, { way, status, isTold }: (typeof ENDINGS)[number]): Promise<Finding> {
  const screen = openInShell(context, way);
  await screen.shows(FIRST_SCREEN);
  const pid = Number(execFileSync('ps', ['-o', 'pid=', '--ppid', String(screen.pid)], { encoding: 'utf8' }).trim().split('\n')[0]);
  process.kill(pid, way.startsWith('SIG') ? (way as NodeJS.Signals) : 'SIGUSR2');
  if (way === 'a throw in render') {
    // Something new to draw.
    await after(100);
    screen.press('?');
  }
  await screen.shows('told', PATIENCE_MS).catch(() => {});
  const wrong = [...whatIsLeft(screen), ...(screen.text().includes(`status ${status}`) ? [] : [`not status ${status}: ${/status \d+/.exec(screen.text())?.[0]}`]), ...(!isTold || screen.text().includes('made to fail by a check') ? [] : ['no message'])];
  screen.kill('SIGKILL');
  return { name: way, measured: wrong.join(', ') || `restored, status ${status}${isTold ? ', said why' : ''}`, demanded: 'restored, status not 0', isMet: wrong.length === 0 };
}

async function leftByKey(context: TerminalContext): Promise<Finding> {
  const screen = openInShell(context, '');
  await screen.shows(FIRST_SCREEN);
  screen.press('q');
  await screen.shows('told', PATIENCE_MS).catch(() => {});
  const wrong = [...whatIsLeft(screen), ...(screen.text().includes('status 0') ? [] : ['not status 0'])];
  return { name: 'q', measured: wrong.join(', ') || 'restored, status 0', demanded: 'restored, status 0', isMet: wrong.length === 0 };
}

/** What is not as it was before. */
function whatIsLeft(screen: TerminalScreen): readonly string[] {
  const words = screen.text().split(/\s+/);
  return [...['icanon', 'echo', 'isig'].filter((mode) => !words.includes(mode)).map((mode) => `-${mode}`), ...modesLeft(screen)];
}

function modesLeft(screen: TerminalScreen): readonly string[] {
  const modes = new Map<string, boolean>();
  // oxlint-disable-next-line no-control-regex -- modes are set and reset by it
  for (const [, numbers, final] of screen.raw().matchAll(/\u001B\[\?([\d;]+)([hl])/g)) for (const mode of numbers!.split(';')) modes.set(mode, final === 'h');
  const left = [...modes].filter(([mode, isOn]) => isOn !== ON_BY_DEFAULT.has(mode)).map(([mode, isOn]) => `mode ${mode} ${isOn ? 'on' : 'off'}`);
  return screen.isAlternate() ? ['on the alternate screen', ...left] : left;
}

/** Ctrl-Z gives the terminal back to the shell, and `fg` shows the screen as it was. */
async function stopped(context: TerminalContext): Promise<readonly Finding[]> {
  if (!has('bash')) {
    context.leaveOut('bash is not installed: nothing was stopped and continued');
    return [];
  }
  const screen = openCommand(context, { size: sizes.small, args: ['bash', '--norc', '--noprofile', '-i'], env: { ...context.env, PS1: PROMPT } });
  await screen.shows(PROMPT);
  screen.press(`'${process.execPath}' '${context.program}' attach\r`);
  await screen.shows(FIRST_SCREEN);
  await after(200);
  const before = screen.text();
  screen.press('\u001A');
  await screen.shows(/Stopped[\s\S]*ready> /, PATIENCE_MS).catch(() => {});
  // What is on is what the shell has switched on for itself.
  const left = modesLeft(screen).filter((mode) => mode !== 'mode 2004 on');
  screen.press('fg\r');
  await screen.shows(FIRST_SCREEN, PATIENCE_MS).catch(() => {});
  await after(200);
  const isSame = screen.isAlternate() && withoutTimes(screen.text()) === withoutTimes(before);
  screen.press('q');
  await screen.shows(/ready> $/, PATIENCE_MS).catch(() => {});
  return [
    { name: 'Ctrl-Z', measured: left.join(', ') || 'restored', demanded: 'restored', isMet: left.length === 0 },
    { name: 'fg', measured: isSame ? 'the same screen' : 'another screen', demanded: 'the same screen', isMet: isSame },
  ];
}

function withoutTimes(screen: string): string {
  return screen.replaceAll(/\d+ (?:ms|s)\b|now/g, '');
}
