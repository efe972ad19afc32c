import { setTimeout as after } from 'node:timers/promises';
import { percentile } from '../check-report.ts';
import type { TerminalScreen } from '../terminal-screen.ts';
import type { Finding, TerminalCheck } from './check.ts';
import { openBackend, startFeed } from './feed.ts';
import { PATIENCE_MS } from './reading.ts';
import { openProgram, sizes } from './screens.ts';

/*
 * What is typed is what happens: keys that come in one lump are as many keys, a sequence that comes in two pieces is
 * one, what is pasted is no command, and none is lost or late while lines keep coming.
 */

/** The two halves of a sequence come this far apart on a bad link. */
const SPLIT_MS = 60;
const DRAWN_LIMIT_MS = 60;
const DRAWN_SHARE = 0.95;
const LOAD_LINES_A_SECOND = 50;
const KEYS = 500;
/** Longer than the program waits for the rest of a sequence. */
const SETTLE_MS = 300;

export const check: TerminalCheck = {
  number: 5,
  name: 'keys',
  async run(context) {
    await openBackend(context);
    const feed = await startFeed(context);
    feed.order({ write: KEYS * 3 });
    const screen = openProgram(context, { size: sizes.small, args: ['attach', feed.runId] });
    await screen.shows(new RegExp(`#${KEYS * 3} `));
    screen.press('2', ' ', 'g');
    await screen.shows(atLine(1));
    const findings = [await lump(screen), await split(screen), ...(await pasted(screen))];
    feed.order({ rate: LOAD_LINES_A_SECOND });
    await screen.shows(/\+\d+ new/);
    return [...findings, await burst(screen), ...(await drawn(screen, context.isFull ? KEYS : 100))];
  },
};

/** The cursor stands on this line. */
function atLine(number: number): RegExp {
  return new RegExp(`^›.* #${number} `, 'm');
}

/** Ends with the line the cursor is on at last. */
async function lineAfter(screen: TerminalScreen, wanted: number): Promise<number> {
  await screen.shows(atLine(wanted), PATIENCE_MS).catch(() => {});
  await after(SETTLE_MS);
  return Number(/^›.* #(\d+) /m.exec(screen.text())?.[1] ?? 0);
}

async function lump(screen: TerminalScreen): Promise<Finding> {
  screen.press('j'.repeat(10));
  const line = await lineAfter(screen, 11);
  return { name: 'ten j in one chunk', measured: `${line - 1} lines down`, demanded: '10', isMet: line === 11 };
}

/** ESC and its rest in two writes is a cursor key, and neither Escape nor text. */
async function split(screen: TerminalScreen): Promise<Finding> {
  screen.press('\u001B');
  await after(SPLIT_MS);
  screen.press('[A');
  const line = await lineAfter(screen, 10);
  const isStill = screen.text().includes('frozen');
  return { name: `ESC and [A ${SPLIT_MS} ms apart`, measured: `${11 - line} up, ${isStill ? 'still in the log' : 'elsewhere'}`, demanded: '1 up, still in the log', isMet: line === 10 && isStill };
}

async function pasted(screen: TerminalScreen): Promise<Finding[]> {
  const paste = '\u001B[200~quit\rX\r\u001B[201~';
  screen.press(paste);
  await screen.shows(/nothing was pasted/i, PATIENCE_MS).catch(() => {});
  const outside = await lineAfter(screen, 10);
  screen.press(':', paste);
  await screen.shows(/quit X/, PATIENCE_MS).catch(() => {});
  await after(SETTLE_MS);
  const inPrompt = /quit X/.test(screen.text());
  screen.press('\u001B');
  const line = await lineAfter(screen, 10);
  return [
    { name: 'pasting quit⏎X⏎ on a run', measured: outside === 10 ? 'nothing runs' : 'something moved', demanded: 'nothing runs', isMet: outside === 10 && screen.isAlternate() },
    { name: 'pasting quit⏎X⏎ after :', measured: inPrompt && line === 10 ? 'stands there as text' : 'is not the text', demanded: 'stands there as text', isMet: inPrompt && line === 10 && screen.isAlternate() },
  ];
}

/** As fast as a keyboard that repeats and a link that stutters send them. */
async function burst(screen: TerminalScreen): Promise<Finding> {
  for (let sent = 0; sent < KEYS; sent += 1) screen.press('j');
  const line = await lineAfter(screen, 10 + KEYS);
  return { name: `${KEYS} keys at once while ${LOAD_LINES_A_SECOND} lines/s arrive`, measured: `${line - 10} applied`, demanded: `${KEYS}`, isMet: line === 10 + KEYS };
}

/** One key after the other, each up to the first screen that shows what it did. */
async function drawn(screen: TerminalScreen, count: number): Promise<Finding[]> {
  const times: number[] = [];
  const first = 10 + KEYS;
  for (let pressed = 1; pressed <= count; pressed += 1) {
    const startedAt = performance.now();
    screen.press('j');
    await screen.shows(atLine(first + pressed), PATIENCE_MS).catch(() => {});
    times.push(performance.now() - startedAt);
  }
  const line = await lineAfter(screen, first + count);
  const p95 = percentile(times, DRAWN_SHARE);
  const name = `${count} keys one by one while ${LOAD_LINES_A_SECOND} lines/s arrive`;
  return [
    { name, measured: `${line - first} applied`, demanded: `${count}`, isMet: line === first + count },
    { name: `${name}: on the screen after`, measured: `p50 ${percentile(times, 0.5).toFixed(0)} ms, p95 ${p95.toFixed(0)} ms`, demanded: `95 % ≤ ${DRAWN_LIMIT_MS} ms`, isMet: p95 <= DRAWN_LIMIT_MS, isTime: true },
  ];
}
