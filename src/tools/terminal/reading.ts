import { setTimeout as after } from 'node:timers/promises';
import type { StyledText, TerminalScreen } from '../terminal-screen.ts';

/* What is read off a screen that shows the log of a feed, whose lines are numbered `#1`, `#2` and so on. */

const LOOK_MS = 10;
const PAGE_DOWN = '\u001b[6~';
/** What has not come after this long does not come; only a figure of time says how long it took before. */
export const PATIENCE_MS = 20_000;

/** The numbers of the lines that are shown, from top to bottom. */
export function shownLines(screen: Pick<TerminalScreen, 'text'>): readonly number[] {
  return logRows(screen).map((row) => Number(/#(\d+) /.exec(row)![1]));
}

/** The highest number of a line that is shown; 0 where none is. */
export function newestLine(screen: Pick<TerminalScreen, 'text'>): number {
  return Math.max(0, ...Array.from(screen.text().matchAll(/#(\d+) /g), ([, line]) => Number(line)));
}

/** The rows of the screen that are lines of the log. */
export function logRows(screen: Pick<TerminalScreen, 'text'>): readonly string[] {
  return screen
    .text()
    .split('\n')
    .filter((row) => /#\d+ /.test(row));
}

/** Where two screens first differ, in words; undefined where a person would see the same, in the same colours. */
export function differenceOf(screen: TerminalScreen, expected: TerminalScreen): string | undefined {
  const [rows, wanted] = [screen, expected].map((one) => one.styled().map(cellsOf));
  const row = wanted!.findIndex((cells, index) => cells.join() !== rows![index]?.join());
  if (row === -1) return rows!.length === wanted!.length ? undefined : `${rows!.length} rows instead of ${wanted!.length}`;
  const column = wanted![row]!.findIndex((cell, index) => cell !== rows![row]?.[index]);
  return `row ${row} from column ${column}: ${rows![row]?.slice(column, column + 3).join(' ')} instead of ${wanted![row]!.slice(column, column + 3).join(' ')}`;
}

/** What is seen in each cell: of a blank one no more than what lies behind it. */
function cellsOf(runs: readonly StyledText[]): readonly string[] {
  return runs.flatMap(({ text, foreground = '', background = '', bold, dim, inverse }) => {
    const behind = `${background}${inverse ? foreground : ''}`;
    const before = `${foreground}${bold ? ' bold' : ''}${dim ? ' dim' : ''}${inverse ? ' inverse' : ''}`;
    return Array.from(text, (character) => (character === ' ' ? `" "${behind}` : `"${character}"${before}${behind}`));
  });
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

/**
 * Reads the log from its first line to the line of this number, page by page, and says which lines never stood on the
 * screen. `seen` is what the screen's `onChunk` puts down of each of its states: a slow machine may draw two pages
 * before anybody looks.
 */
export async function missingLines(screen: TerminalScreen, last: number, seen: Set<number>): Promise<readonly number[]> {
  screen.press('g');
  await msUntil(() => shownLines(screen)[0] === 1, PATIENCE_MS);
  // What was seen before was the end.
  seen.clear();
  for (const line of shownLines(screen)) seen.add(line);
  while (!seen.has(last)) {
    await rest(screen);
    // The first page down may do no more than move the cursor, which stands in its row.
    const before = logRows(screen).join();
    screen.press(PAGE_DOWN);
    if ((await msUntil(() => logRows(screen).join() !== before, PATIENCE_MS)) === undefined) break;
  }
  return Array.from({ length: last }, (_, index) => index + 1).filter((line) => !seen.has(line));
}

/** Waits until a frame is complete. */
export async function rest(screen: TerminalScreen): Promise<void> {
  for (let bytes = -1; bytes !== screen.raw().length; await after(LOOK_MS)) bytes = screen.raw().length;
}
