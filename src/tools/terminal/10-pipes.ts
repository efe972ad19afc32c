import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { Finding, TerminalCheck, TerminalContext } from './check.ts';
import { openBackend, startFeed } from './feed.ts';
import { openProgram } from './screens.ts';

/*
 * The program among other programs: lines to a reader that has enough, JSON, the same filter on both sides, no
 * colours where none are wanted, and a read-only connection that refuses each control in words.
 */

const LINES = 200;
const FILTER = 'level>=error';
/** A reader that has enough ends the program within this. */
const END_LIMIT_MS = 5_000;
/** Keys that change something, on the screen of a run and in the list of runs. */
const CONTROLS = { run: ['p', 's', 'S', 'c', 'C', 'X', 'i', 'r', 'R', 'b', 'W', 'm'], list: ['n', 'N', 'm'] } as const;
const REFUSED_CALLS = [['pause'], ['cancel'], ['comment', 'words'], ['bookmark', '--name', 'x']] as const;
const FULL_SCREEN = { columns: 160, rows: 60 } as const;

interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
  readonly ms: number;
}

export const check: TerminalCheck = {
  number: 10,
  name: 'pipes',
  async run(context) {
    await openBackend(context);
    const feed = await startFeed(context);
    feed.order({ write: LINES });
    const run = feed.runId;
    await openProgram(context, { size: FULL_SCREEN, args: ['attach', run] }).shows(new RegExp(`#${LINES} `));
    const findings = await firstLines(context, run, []);
    feed.order({ rate: 20 });
    findings.push(...(await firstLines(context, run, ['-f'])), ...(await refusals(context, run)));
    feed.order({ rate: 0 });
    await feed.end();
    return [...findings, ...(await firstLines(context, run, ['-f'])), ...(await filtered(context, run)), ...(await plain(context, run))];
  },
};

/** Standard input is closed, and the reader wants three lines. */
async function firstLines(context: TerminalContext, run: string, more: readonly string[]): Promise<Finding[]> {
  const words = ['tail', run, ...more, '--filter', 'level>=warn'];
  const { status, out, err, ms } = await shell(context, `{ ${call(context, words)} <&-; echo "status $?" >&2; } | head -3`);
  const name = `tail ${[...more, "--filter 'level>=warn'"].join(' ')} | head -3`;
  const lines = out.split('\n').slice(0, -1);
  return [
    { name, measured: `${lines.length} lines, ${err.trim()}`, demanded: '3 lines, status 0', isMet: status === 0 && lines.length === 3 && err === 'status 0\n' && lines.every((line) => / (warn|error|critical) /.test(line)) },
    { name: `${name}: ends after`, measured: `${ms.toFixed(0)} ms`, demanded: `≤ ${END_LIMIT_MS} ms`, isMet: ms <= END_LIMIT_MS, isTime: true },
  ];
}

/** What a filter selects there and here, and whether its JSON is one value a line. */
async function filtered(context: TerminalContext, run: string): Promise<Finding[]> {
  const { out } = await shell(context, call(context, ['tail', run, '--json', '--filter', FILTER]));
  const messages = out.split('\n').slice(0, -1).map((line) => messageOf(line));
  const wanted = messages.map((message) => /^#\d+/.exec(message ?? '')?.[0] ?? 'not JSON');
  const screen = openProgram(context, { size: { ...FULL_SCREEN, rows: wanted.length + 20 }, args: ['attach', run] });
  await screen.shows(/#\d+ /);
  screen.press('2', 'z', 'f', FILTER, '\r');
  await screen.shows(new RegExp(` ${wanted.length} lines of `));
  const shown = [...screen.text().matchAll(/ (#\d+) /g)].map(([, number]) => number!);
  return [
    { name: 'tail --json: lines that are one JSON value', measured: `${messages.filter((message) => message !== undefined).length}`, demanded: `${messages.length}`, isMet: messages.length > 3 && !messages.includes(undefined) },
    { name: `${FILTER} in the terminal and in tail`, measured: shown.join() === wanted.join() ? `the same ${shown.length} lines` : `${shown.length} lines and ${wanted.length}`, demanded: 'the same lines', isMet: shown.join() === wanted.join() },
  ];
}

/** No colour when none is wanted or nobody sees it, and nothing but text where there is no terminal. */
async function plain(context: TerminalContext, run: string): Promise<Finding[]> {
  const piped = await shell(context, call(context, ['tail', run]));
  const sober = openProgram(context, { size: FULL_SCREEN, args: ['attach', run], env: { ...context.env, NO_COLOR: '1' } });
  await sober.shows(/#\d+ /);
  sober.press('2');
  await sober.shows(/#\d+ /);
  // oxlint-disable-next-line no-control-regex -- colours of terminals begin with it
  const colours = sober.raw().match(/\u001B\[(?:\d+;)*(?:3[0-8]|4[0-8]|9\d|10\d)(?:;[\d;]*)?m/g) ?? [];
  const blind = await shell(context, `${call(context, ['attach', run])} </dev/null | cat; exit 0`);
  return [
    { name: 'tail in a pipe: escape sequences', measured: `${piped.out.split('\u001B').length - 1}`, demanded: '0', isMet: piped.status === 0 && !piped.out.includes('\u001B') },
    { name: 'NO_COLOR: colours on the screen', measured: `${colours.length}`, demanded: '0', isMet: colours.length === 0 },
    { name: 'attach without a terminal', measured: firstLine(blind.err) || 'says nothing', demanded: 'words', isMet: blind.err.length > 0 && !blind.out.includes('\u001B') },
  ];
}

/** A connection that reads only: each control says that it is one. */
async function refusals(context: TerminalContext, run: string): Promise<Finding[]> {
  const screen = openProgram(context, { size: { columns: 120, rows: 40 }, args: ['attach', '--read-only', run] });
  await screen.shows(/#\d+ /);
  screen.press('1');
  const silent: string[] = [];
  const press = async (keys: readonly string[]): Promise<void> => {
    for (const key of keys) {
      screen.press(key);
      await screen.shows(new RegExp(`${key} does nothing now: .*read-only`), 3_000).catch(() => silent.push(key));
    }
  };
  await press(CONTROLS.run);
  screen.press('q');
  await screen.shows(/1 run|RUN/);
  await press(CONTROLS.list);
  const calls = await Promise.all(REFUSED_CALLS.map(async ([word, ...rest]) => {
    const { status, err } = await shell(context, call(context, [word, run, ...rest, '--read-only']));
    return status === 3 && err.includes('read-only') ? [] : [`${word}: ${status} ${firstLine(err)}`];
  }));
  const wrong = calls.flat();
  const keys = CONTROLS.run.length + CONTROLS.list.length;
  return [
    { name: '--read-only: keys that are refused in words', measured: silent.length === 0 ? `${keys}` : `not ${silent.join(' ')}`, demanded: `${keys}`, isMet: silent.length === 0 },
    { name: '--read-only: commands that are refused in words', measured: wrong.length === 0 ? `${REFUSED_CALLS.length}` : `not ${wrong.join('; ')}`, demanded: `${REFUSED_CALLS.length}`, isMet: wrong.length === 0 },
  ];
}

function messageOf(line: string): string | undefined {
  try {
    return (JSON.parse(line) as { readonly message: string }).message;
  } catch {
    return undefined;
  }
}

function firstLine(words: string): string {
  return words.split('\n')[0]!;
}

function call({ program }: TerminalContext, words: readonly string[]): string {
  return [process.execPath, program, ...words].map((word) => `'${word}'`).join(' ');
}

async function shell({ env, onEnd }: TerminalContext, script: string): Promise<Ended> {
  const startedAt = performance.now();
  const child = spawn('sh', ['-c', script], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  onEnd(() => void child.kill('SIGKILL'));
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close') as Promise<[number | null]>]);
  return { status, out, err, ms: performance.now() - startedAt };
}
