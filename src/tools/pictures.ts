import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readStateFile } from '../cli/backend/find-backend.ts';
import { recordingAsSvg, screenAsSvg, type Frame } from './svg.ts';
import { openScreen, type TerminalScreen } from './terminal-screen.ts';

/*
 * Pictures of the program at work, each from a run of its own in a real terminal with an empty data directory.
 */

const root = join(import.meta.dirname, '../..');
const key = { up: '\u001b[A', down: '\u001b[B', right: '\u001b[C', left: '\u001b[D', end: '\u001b[F', enter: '\r', save: '\u0018', erase: '\u007f' } as const;

/** What is pressed, and what the screen shows once it has been obeyed. */
type Stroke = readonly [keys: string, shows: string | RegExp];

/** A run held before a step, with what the step before it changed. */
export async function takePicture(): Promise<string> {
  return await withProgram({ columns: 110, rows: 32 }, async (screen, press) => {
    await press(
      ['N', 'New run'],
      [key.up + key.up + key.right, 'step by step'],
      [key.enter, 'held before 1'],
      ['1', /1 +Load Model/],
      ['j'.repeat(23), /› +· 13 /],
      ['C', 'held before 13'],
      ['kd', /contentType[\s\S]*› ✔ 12 [\s\S]*Stored/],
    );
    return screenAsSvg(screen.styled(), 110, 'stepscope: a run held before step 13, with what step 12 changed');
  });
}

/** An input is changed, the run goes on from there as a new one, and both are put side by side. */
export async function recordForkAndComparison(): Promise<string> {
  const size = { columns: 100, rows: 30 };
  return await withProgram(size, async (screen, press) => {
    const frames: Frame[] = [];
    const keep = (seconds: number, caption: string): void => void frames.push({ rows: screen.styled(), seconds, caption });
    await press(['n', /COMPLETED[\s\S]*15\/15/], ['1', /› ✔ 15/], ['g' + 'j'.repeat(6), /› ✔ 7 /]);
    keep(2.5, 'A run has ended. Its image should have been narrower.');
    await press(['i', 'Inputs of 7']);
    keep(2, 'i opens the inputs that step 7 was given.');
    await press([key.down.repeat(4) + key.end + key.left + key.erase.repeat(3) + '640', '"width": 640']);
    keep(2, 'They are edited in place, and checked against the schema of the step.');
    await press([key.save, 'DRAFT'], ['r', /width 640[\s\S]*1 request/]);
    keep(4, 'r says what a rerun from here reuses, executes, costs and does again outside.');
    await press(['y', '›let them happen'], [key.enter, /rerun of \w+ from 7/]);
    keep(1.5, 'It is a new run: what was before step 7 is reused.');
    await press(['', /COMPLETED[\s\S]*15\/15/]);
    keep(2, 'It has ended as well.');
    await press(['D', /First divergence: 7[\s\S]*768 → 640[\s\S]*12 /]);
    keep(4, 'D puts both side by side, from where they part.');
    await press([key.enter, '7 Prepare API Payload compared']);
    keep(4, 'Enter shows what is different in the step.');
    return recordingAsSvg(frames, size.columns, 'stepscope: an input is edited, the run forked from there, and both compared');
  });
}

async function withProgram(
  size: { readonly columns: number; readonly rows: number },
  show: (screen: TerminalScreen, press: (...strokes: readonly Stroke[]) => Promise<void>) => Promise<string>,
): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), 'stepscope-picture-'));
  const dataDir = join(home, 'data');
  const env = { ...process.env, NO_COLOR: undefined, COLORTERM: 'truecolor', STEPSCOPE_DATA_DIR: dataDir, XDG_CONFIG_HOME: join(home, 'config') };
  const screen = openScreen({ command: process.execPath, args: [join(root, 'bin/stepscope.js')], ...size, env });
  try {
    await screen.shows('No runs yet');
    return await show(screen, async (...strokes) => {
      for (const [keys, shows] of strokes) {
        screen.press(keys);
        await screen.shows(shows);
      }
    });
  } finally {
    screen.kill('SIGKILL');
    const backend = readStateFile(dataDir);
    if (backend) process.kill(backend.pid);
    rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
