import { setTimeout as after } from 'node:timers/promises';
import type { TerminalCheck } from './check.ts';
import { openBackend, startFeed } from './feed.ts';
import { msUntil, PATIENCE_MS, shownLines } from './reading.ts';
import { openProgram, sizes } from './screens.ts';

/*
 * Somebody reads further up while lines pour in and the oldest are let go: what is read stays where it is, and what
 * is new is counted.
 */

const LINES_A_SECOND = 200;
/** Lines that are kept: so few that the oldest are let go from the first moment on, so many that what is read stays. */
const KEPT_LINES = { full: 15_000, reduced: 1_000 } as const;
const PAGE_UP = '\u001b[5~';
const LOOK_MS = 20;

export const check: TerminalCheck = {
  number: 4,
  name: 'reading',
  async run(context) {
    await openBackend(context);
    const feed = await startFeed(context);
    const kept = KEPT_LINES[context.isFull ? 'full' : 'reduced'];
    feed.order({ write: kept });
    const env = { ...context.env, STEPSCOPE_LOG_LINES: `${kept}` };
    const screen = openProgram(context, { size: sizes.small, args: ['attach', feed.runId], env });
    await screen.shows(/#\d+ /);
    screen.press('2');
    await screen.shows(`#${kept} `);
    screen.press(PAGE_UP, PAGE_UP);
    await screen.hides(`#${kept} `);
    await after(LOOK_MS);
    const top = shownLines(screen)[0];
    if (top === undefined) throw new Error(`no line of the log is shown:\n${screen.text()}`);

    feed.order({ rate: LINES_A_SECOND });
    const seconds = context.isFull ? 60 : 4;
    const tops = new Set<number | undefined>();
    let announced = false;
    for (const startedAt = performance.now(); performance.now() - startedAt < seconds * 1_000; await after(LOOK_MS)) {
      tops.add(shownLines(screen)[0]);
      announced ||= /let go|evicted|no longer kept|oldest/i.test(screen.text());
    }
    feed.order({ rate: 0 });
    await after(LOOK_MS * 5);
    const fresh = feed.written() - kept;
    const isExact = await msUntil(() => told(screen.text()) === fresh, PATIENCE_MS);
    const moved = [...tops].filter((line) => line !== top);
    return [
      {
        name: `line at the top, #${top}, while ${fresh} came`,
        measured:
          moved.length === 0
            ? 'stayed'
            : `became ${moved
                .slice(0, 3)
                .map((line) => `#${line}`)
                .join(', ')}`,
        demanded: 'stayed',
        isMet: moved.length === 0,
      },
      { name: 'lines told to be new', measured: `+${told(screen.text()) ?? 'none'}`, demanded: `+${fresh}`, isMet: isExact !== undefined },
      { name: 'lines let go are announced', measured: announced ? 'yes' : 'no', demanded: 'yes', isMet: announced },
    ];
  },
};

/** What the title of the log says has come since, as in `+1,234 new`; the word gives way where room is short. */
function told(text: string): number | undefined {
  const [, count] = /\+([\d,]+)(?= |$)/m.exec(text) ?? [];
  return count === undefined ? undefined : Number(count.replaceAll(',', ''));
}
