import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { TerminalScreen } from '../terminal-screen.ts';
import type { Finding, TerminalCheck, TerminalContext } from './check.ts';
import { openProgram, sizes } from './screens.ts';

/*
 * What a person came for, on the least terminal there is: 80×24, no colour, ASCII, no mouse. Every key is counted, and
 * every screen is read back before the next key.
 */

const KEYSTROKES = 25;
const down = '\u001B[B';
const end = '\u001B[F';
const backspace = '\u007F';
const save = '\u0018';
const escape = '\u001B';

/** What is pressed and what the screen then says; `typed` is the value that a person types between, and no keystroke. */
interface Stroke {
  readonly keys: readonly string[];
  readonly typed?: string;
  readonly shows: string | RegExp;
  /** What this is for; the strokes up to the next one that says so belong to it. */
  readonly what?: string;
}

const strokes: readonly Stroke[] = [
  { what: 'pause before step 7', keys: Array.from({ length: 6 }, () => '}'), shows: /^ *> *\. *7 /m },
  { keys: ['C'], shows: /held before 7/ },
  { what: 'read the diff', keys: ['d'], shows: /7 is held; this is what 6 changed\.[\s\S]*\+ \/job .*queued/ },
  { what: 'edit one input', keys: ['i'], shows: 'Inputs of 7' },
  { keys: [down, down, down, down, end, backspace, backspace, backspace, backspace], typed: '512,', shows: '"width": 512,' },
  { keys: [save], shows: 'EDITED' },
  { what: 'rerun from 7', keys: ['r'], shows: /for the first time: 8e/ },
  { keys: ['\r'], shows: /rerun of [0-9a-f]{6}[\s\S]*COMPLETED|COMPLETED[\s\S]*rerun of [0-9a-f]{6}/ },
  { what: 'compare', keys: ['D'], shows: /First divergence: 7/ },
  { what: 'export', keys: [escape], shows: /1 steps 2 log/ },
  { keys: ['x'], shows: 'The whole run is in' },
];

export const check: TerminalCheck = {
  number: 8,
  name: 'loop',
  async run(context) {
    const run = await heldRun(context);
    const screen = openProgram(context, {
      size: sizes.small,
      args: ['attach', '--ascii', run],
      env: { ...context.env, NO_COLOR: '1' },
      cwd: context.home,
    });
    await screen.shows(/held before 1/);
    screen.press('1');
    await screen.shows(/1 +Load Model/);
    const findings: Finding[] = [];
    let counted = 1;
    for (const [index, stroke] of strokes.entries()) {
      if (stroke.what !== undefined) findings.push({ name: stroke.what, measured: '', demanded: '', isMet: true });
      await pressed(screen, stroke);
      counted += stroke.keys.length;
      const last = strokes[index + 1] === undefined || strokes[index + 1]!.what !== undefined;
      if (last) findings[findings.length - 1] = { ...findings.at(-1)!, measured: `${counted} keystrokes so far` };
    }
    const files = readdirSync(context.home).filter((name) => /trace|ndjson|json/.test(name));
    // oxlint-disable-next-line no-control-regex -- colours begin with it, and ASCII ends below 0x7F
    const foreign = /\u001B\[(?:\d+;)*(?:3[0-8]|4[0-8]|9\d|10\d)(?:;[\d;]*)?m|[^\u0000-\u007F]/.exec(screen.raw());
    return [
      ...findings,
      { name: 'the whole loop', measured: `${counted} keystrokes`, demanded: `≤ ${KEYSTROKES} and what is typed`, isMet: counted <= KEYSTROKES },
      { name: 'files that were written', measured: files.join(' ') || 'none', demanded: 'one', isMet: files.length === 1 },
      { name: 'colours, and characters beyond ASCII', measured: foreign === null ? 'none' : JSON.stringify(foreign[0]), demanded: 'none', isMet: foreign === null },
    ];
  },
};

async function pressed(screen: TerminalScreen, { keys, typed, shows }: Stroke): Promise<void> {
  for (const key of keys) screen.press(key);
  if (typed !== undefined) screen.press(typed);
  await screen.shows(shows, 20_000);
}

/** A run that somebody else started, held before its first step. */
async function heldRun({ program, env, onEnd }: TerminalContext): Promise<string> {
  const words = ['run', 'generate-content', '--input', 'prompt=a lighthouse', '--input', 'width=768', '--mode', 'step'];
  const child = spawn(process.execPath, [program, ...words], { env: { ...env, STEPSCOPE_SIMULATE: 'latency=0.05' }, stdio: ['ignore', 'pipe', 'pipe'] });
  onEnd(async () => {
    child.kill('SIGKILL');
    await once(child, 'close');
  });
  for (const stream of [child.stderr, child.stdout]) stream.setEncoding('utf8');
  return await new Promise<string>((resolve, reject) => {
    for (const input of [child.stderr, child.stdout]) {
      createInterface({ input }).on('line', (line) => {
        const id = /[Hh]eld before 1 .*resume ([0-9a-f-]{36})/.exec(line)?.[1];
        if (id !== undefined) resolve(id);
      });
    }
    child.once('close', () => reject(new Error('the run to attach to ended')));
  });
}
