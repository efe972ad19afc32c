import { setTimeout as after } from 'node:timers/promises';
import type { TerminalScreen } from '../terminal-screen.ts';

/* What is read off a screen that shows the log of a feed, whose lines are numbered `#1`, `#2` and so on. */

const LOOK_MS = 10;
const PAGE_DOWN = '\u001b[6~';
/** A page that has not come after this long does not come. */
const PAGE_MS = 2_000;

/** The numbers of the lines that are shown, from top to bottom. */
export function shownLines(screen: Pick<TerminalScreen, 'text'>): readonly number[] {
  return logRows(screen).map((row) => Number(/#(\d+) /.exec(row)![1]));
}

/** The rows of the screen that are lines of the log. */
export function logRows(screen: Pick<TerminalScreen, 'text'>): readonly string[] {
  return screen
    .text()
    .split('\n')
    .filter((row) => /#\d+ /.test(row));
}

/** How long it took until something held; undefined when it did not within the time given. */
export async function msUntil(holds: () => boolean, limitMs: number): Promise<number | undefined> {
  const startedAt = performance.now();
  for (;;) {
    const passed = performance.now() - startedAt;
    if (holds()) return passed;
    if (passed > limitMs) return undefined;
    await after(LOOK_MS);
  }
}

/** Reads the log from its first line to the line of this number, page by page, and says which lines never stood on the screen. */
export async function missingLines(screen: TerminalScreen, last: number): Promise<readonly number[]> {
  const seen = new Set<number>();
  const look = (): boolean => {
    for (const line of shownLines(screen)) seen.add(line);
    return shownLines(screen).at(-1) === last;
  };
  screen.press('g');
  await msUntil(() => shownLines(screen)[0] === 1, PAGE_MS);
  for (let isLast = look(); !isLast; isLast = look()) {
    const before = screen.text();
    screen.press(PAGE_DOWN);
    if ((await msUntil(() => screen.text() !== before, PAGE_MS)) === undefined) break;
  }
  return Array.from({ length: last }, (_, index) => index + 1).filter((line) => !seen.has(line));
}
