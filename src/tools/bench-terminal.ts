import { readFileSync } from 'node:fs';
import { setTimeout as after } from 'node:timers/promises';
import { median, reportFigures } from './bench-table.ts';
import type { Figure } from './bench-table.ts';
import type { TerminalContext } from './terminal/check.ts';
import { buildProgram, withContext } from './terminal/context.ts';
import { openBackend, startFeed } from './terminal/feed.ts';
import type { Feed } from './terminal/feed.ts';
import { memoryBytes, processorMs } from './terminal/pulses.ts';
import { newestLine } from './terminal/reading.ts';
import { has, openCommand, openProgram, sizes, sizeText } from './terminal/screens.ts';
import type { Size } from './terminal/screens.ts';
import type { TerminalScreen } from './terminal-screen.ts';

const RATES = [10, 50, 200, 10_000] as const;
const SECONDS = 6;
const SETTLE_MS = 1_500;
const LINES_BEFORE = 100;

interface Follower {
  readonly name: string;
  readonly screen: TerminalScreen;
  /** When which line was first the newest one on the screen. */
  readonly seen: { readonly line: number; readonly at: number }[];
}

/** What one program cost at one rate. */
interface Cost {
  readonly bytes: number;
  readonly processor: number;
  readonly lagMs: number;
  readonly memory: number;
}

/**
 * Following a log at four rates and two sizes: bytes, processor time, lag and memory, beside lnav, less and Ink by
 * itself, which follow the same lines at the same time.
 */
export async function benchTerminal(): Promise<boolean> {
  buildProgram();
  const leaveOut = (what: string): void => console.log(`  LEFT OUT: ${what}`);
  const figures: Figure[] = [];
  for (const size of Object.values(sizes))
    figures.push(...(await withContext('bench-terminal', { isFull: true, leaveOut }, (context) => follow(context, size))));
  return reportFigures(figures);
}

async function follow(context: TerminalContext, size: Size): Promise<readonly Figure[]> {
  await openBackend(context);
  const feed = await startFeed(context);
  feed.order({ write: LINES_BEFORE });
  const followers = await openFollowers(context, feed, size);
  const figures: Figure[] = [];
  for (const rate of RATES) {
    feed.order({ rate });
    await after(SETTLE_MS);
    const costs = await costsOf(followers, feed);
    feed.order({ rate: 0 });
    await after(SETTLE_MS);
    figures.push(...compared(`${sizeText(size)}, ${rate} lines/s`, costs));
  }
  return figures;
}

async function openFollowers(context: TerminalContext, feed: Feed, size: Size): Promise<readonly Follower[]> {
  const followers: Follower[] = [];
  const env = { ...context.env, NODE_ENV: 'production', LESSHISTFILE: '-' };
  const add = (name: string, open: (onChunk: () => void) => TerminalScreen): void => {
    const seen: { line: number; at: number }[] = [];
    const screen: TerminalScreen = open(() => {
      const line = newestLine(screen);
      if (line > (seen.at(-1)?.line ?? 0)) seen.push({ line, at: Date.now() });
    });
    followers.push({ name, screen, seen });
  };
  add('stepscope', (onChunk) => openProgram(context, { size, args: ['attach', feed.runId], onChunk }));
  const ink = [process.execPath, `${import.meta.dirname}/terminal/ink-tail.ts`, feed.file];
  const peers = { lnav: ['lnav', feed.file], less: ['less', '+F', feed.file], Ink: [...ink, 'incremental'] };
  for (const [name, args] of Object.entries(peers)) {
    if (has(args[0]!)) add(name, (onChunk) => openCommand(context, { size, args, env, onChunk }));
    else context.leaveOut(`${name} is not installed: not compared`);
  }
  await followers[0]!.screen.shows(/#\d+ /);
  followers[0]!.screen.press('2');
  for (const { screen } of followers) await screen.shows(`#${LINES_BEFORE} `);
  return followers;
}

async function costsOf(followers: readonly Follower[], feed: Feed): Promise<ReadonlyMap<string, Cost>> {
  const before = followers.map(({ screen }) => ({ bytes: Buffer.byteLength(screen.raw()), processor: processorMs(screen.pid) }));
  for (const { seen } of followers) seen.splice(0, seen.length - 1);
  await after(SECONDS * 1_000);
  const writtenAt = timesOf(feed.file);
  return new Map(
    followers.map(({ name, screen, seen }, index): [string, Cost] => {
      const lags = seen.slice(1).map(({ line, at }) => at - writtenAt[line - 1]!);
      return [
        name,
        {
          bytes: (Buffer.byteLength(screen.raw()) - before[index]!.bytes) / SECONDS,
          processor: (processorMs(screen.pid) - before[index]!.processor) / (SECONDS * 10),
          lagMs: lags.length === 0 ? Number.POSITIVE_INFINITY : median(lags),
          memory: memoryBytes(screen.pid),
        },
      ];
    }),
  );
}

/** When each line was written, by the file, whose lines begin with it. */
function timesOf(file: string): readonly number[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => Date.parse(line.slice(0, 24)));
}

/** Ours, held against lnav's; the others are told. */
function compared(at: string, costs: ReadonlyMap<string, Cost>): readonly Figure[] {
  const lnav = costs.get('lnav');
  const bound = (value: number | undefined): Figure['bound'] => (value === undefined ? undefined : { kind: 'at most', value });
  return [...costs].flatMap(([name, { bytes, processor, lagMs, memory }]): Figure[] => {
    const isOurs = name === 'stepscope';
    return [
      { what: `${at}: ${name}, sent`, value: bytes / 1_000, unit: 'KB/s', bound: bound(isOurs && lnav ? lnav.bytes / 1_000 : undefined) },
      { what: `${at}: ${name}, processor`, value: processor, unit: '%', bound: bound(isOurs && lnav ? lnav.processor * 2 : undefined) },
      { what: `${at}: ${name}, behind`, value: lagMs, unit: 'ms', bound: bound(isOurs && lnav ? lnav.lagMs / 2 : undefined) },
      { what: `${at}: ${name}, memory`, value: memory / 1e6, unit: 'MB' },
    ];
  });
}
