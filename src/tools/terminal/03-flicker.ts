import { setTimeout as after } from 'node:timers/promises';
import type { TerminalScreen } from '../terminal-screen.ts';
import type { Finding, TerminalCheck, TerminalContext } from './check.ts';
import { openBackend, startFeed } from './feed.ts';
import type { Feed } from './feed.ts';
import { differenceOf, msUntil, PATIENCE_MS, rest } from './reading.ts';
import { openProgram, sizes, sizeText } from './screens.ts';
import type { Size } from './screens.ts';

/*
 * What the eye would notice: rows that go blank between two frames in which they are filled, the whole screen being
 * cleared, and what a storm of resizes leaves behind.
 */

const RATES = [10, 200, 0] as const;
const KEY_MS = 120;
/** Without a chunk for this long a frame is complete: what is written at once is read within a millisecond or two. */
const FRAME_REST_MS = 5;
const RESIZES = 50;
const RESIZE_MS = 20;
const SETTLE_MS = 1_500;
const LINES_BEFORE = 100;
/** Through panes, help, pages and back to the tail. */
const keys = [
  'k',
  'k',
  'j',
  '?',
  '\u001b',
  '1',
  'j',
  'j',
  '3',
  '5',
  '2',
  '\u001b[5~',
  '\u001b[5~',
  '\u001b[6~',
  'G',
  'z',
  'z',
  'w',
  'w',
  'T',
  'T',
  'G',
] as const;
// oxlint-disable-next-line no-control-regex -- what clears a screen begins with it
const clears = /\u001b\[[23]J|\u001bc/g;

export const check: TerminalCheck = {
  number: 3,
  name: 'flicker',
  async run(context) {
    await openBackend(context);
    const feed = await startFeed(context);
    feed.order({ write: LINES_BEFORE });
    const drawing = await Promise.all(Object.values(sizes).map((size) => watched(context, feed, size, context.isFull ? 60 : 5)));
    await feed.end();
    return [...drawing.flat(), ...(await storm(context, feed))];
  },
};

/** What the screen looked like at some time. */
export interface Look {
  readonly atMs: number;
  readonly rows: readonly string[];
}

async function watched(context: TerminalContext, feed: Feed, size: Size, seconds: number): Promise<readonly Finding[]> {
  const looks: Look[] = [];
  const look = (): void => void looks.push({ atMs: performance.now(), rows: screen.text().split('\n') });
  const screen: TerminalScreen = openProgram(context, { size, args: ['attach', feed.runId], onChunk: look });
  await screen.shows(/#\d+ /);
  screen.press('2');
  await screen.shows(`#${LINES_BEFORE} `);
  const firstFrame = screen.raw().length;

  const startedAt = performance.now();
  let pressed = 0;
  for (const [index, rate] of RATES.entries()) {
    feed.order({ rate });
    const until = startedAt + ((index + 1) / RATES.length) * seconds * 1_000;
    for (; performance.now() < until; pressed += 1) {
      screen.press(keys[pressed % keys.length]!);
      await after(KEY_MS);
      // Two keys that are taken at once make two frames at once, and of these the first may well be blank.
      await rest(screen);
    }
  }
  const { frames, blanks } = blanksBetween(looks);
  const cleared = screen.raw().slice(firstFrame).match(clears)?.length ?? 0;
  return [
    {
      name: `${sizeText(size)}: rows blank between frames that fill them, ${frames} frames, ${looks.length} states, ${pressed} keys`,
      measured: [blanks.length, ...blanks.slice(0, 2)].join(', '),
      demanded: '0',
      isMet: blanks.length === 0,
      // Where the kernel cuts a frame in two is its own affair: now and then between a row's scrolling in and its text.
      isTime: true,
    },
    { name: `${sizeText(size)}: clears of the whole screen after the first frame`, measured: `${cleared}`, demanded: '0', isMet: cleared === 0 },
  ];
}

/** The rows that were blank in some state between two successive frames that both fill them. */
export function blanksBetween(looks: readonly Look[]): { readonly frames: number; readonly blanks: readonly string[] } {
  const isFilled = (look: Look | undefined, row: number): boolean => (look?.rows[row] ?? '').trim() !== '';
  const blanks: string[] = [];
  let frames = 0;
  let frame: Look | undefined;
  let between: Look[] = [];
  for (const [index, look] of looks.entries()) {
    const next = looks[index + 1];
    if (next !== undefined && next.atMs - look.atMs < FRAME_REST_MS) {
      between.push(look);
      continue;
    }
    for (const [row, text] of look.rows.entries())
      if (isFilled(look, row) && isFilled(frame, row) && !between.every((one) => isFilled(one, row)))
        blanks.push(`row ${row}: "${text.trim()}"`);
    frames += 1;
    [frame, between] = [look, []];
  }
  return { frames, blanks };
}

/** Fifty resizes as fast as a window is dragged; then the screen is that of a program that has seen none. */
async function storm(context: TerminalContext, { runId }: Feed): Promise<readonly Finding[]> {
  const last: Size = { columns: 100, rows: 30 };
  const args = ['attach', runId];
  const resized = openProgram(context, { size: sizes.small, args });
  const fresh = openProgram(context, { size: last, args });
  for (const screen of [resized, fresh]) {
    await screen.shows(/#\d+ /);
    screen.press('2');
  }
  await after(SETTLE_MS);
  const before = resized.raw().length;
  for (let count = 1; count < RESIZES; count += 1) {
    resized.resize(40 + ((count * 37) % 161), 10 + ((count * 17) % 51));
    await after(RESIZE_MS);
  }
  resized.resize(last.columns, last.rows);
  const ms = await msUntil(() => differenceOf(resized, fresh) === undefined, PATIENCE_MS);
  const settled = Buffer.byteLength(resized.raw().slice(before));

  await after(SETTLE_MS / 3);
  // The same size once more, as multiplexers send it, is no news.
  const quiet = resized.raw().length;
  process.kill(resized.pid, 'SIGWINCH');
  await after(SETTLE_MS / 3);
  const again = Buffer.byteLength(resized.raw().slice(quiet));
  return [
    {
      name: `screen after ${RESIZES} resizes, ${(settled / 1_000).toFixed(0)} KB`,
      measured: ms === undefined ? (differenceOf(resized, fresh) ?? 'late') : `right after ${ms.toFixed(0)} ms`,
      demanded: 'that of a fresh program',
      isMet: ms !== undefined,
    },
    { name: 'bytes for SIGWINCH without another size', measured: `${again}`, demanded: '0', isMet: again === 0 },
  ];
}
