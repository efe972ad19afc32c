import { setTimeout as after } from 'node:timers/promises';
import type { TerminalScreen } from '../terminal-screen.ts';
import type { Finding, TerminalCheck, TerminalContext } from './check.ts';
import { openBackend, startFeed } from './feed.ts';
import type { Feed } from './feed.ts';
import { processorMs } from './pulses.ts';
import { has, openCommand, openInTmux, openProgram, sizes, sizeText } from './screens.ts';
import type { Size } from './screens.ts';

/*
 * What a link has to carry while somebody follows a log, beside Ink by itself and lnav, which follow the same lines
 * at the same time. Where nothing happens, nothing is sent and nothing is computed.
 */

const LINES_A_SECOND = 10;
const LIMIT_BYTES_A_SECOND = { small: 2_500, large: 5_000 } as const;
const IDLE_BYTES_A_SECOND = 50;
const IDLE_SHARE_OF_A_CORE = 0.01;
/** A screen that has just come up may still draw. */
const SETTLE_MS = 1_500;
/** Lines there are before anybody looks: the screens are full, so that each new line moves all the others. */
const LINES_BEFORE = 100;

/** What is counted of one program that follows. */
interface Follower {
  readonly name: string;
  readonly bytes: () => number;
  readonly limit?: number | undefined;
}

export const check: TerminalCheck = {
  number: 1,
  name: 'bytes',
  async run(context) {
    await openBackend(context);
    const feed = await startFeed(context);
    feed.order({ write: LINES_BEFORE });
    const seconds = context.isFull ? 60 : 5;
    const { followers, small, large } = await openFollowers(context, feed);
    feed.order({ rate: LINES_A_SECOND });
    await after(SETTLE_MS);
    const rates = await measured(followers, seconds);
    const findings = followers.map(({ name, limit }, index) => bytesFinding(`${name}, ${LINES_A_SECOND} lines/s`, rates[index]!, limit));
    return [...findings, ...(await idle(small, large, feed, context.isFull ? 60 : 3))];
  },
};

async function openFollowers(
  context: TerminalContext,
  feed: Feed,
): Promise<{ followers: readonly Follower[]; small: TerminalScreen; large: TerminalScreen }> {
  const followers: Follower[] = [];
  const opened: Promise<void>[] = [];
  const add = (name: string, screen: TerminalScreen, limit?: number): TerminalScreen => {
    followers.push({ name, limit, bytes: () => Buffer.byteLength(screen.raw()) });
    return screen;
  };
  const ours = async (screen: TerminalScreen): Promise<void> => {
    await screen.shows(/#\d+ /);
    screen.press('2');
    await screen.shows(`#${LINES_BEFORE} `);
  };
  const attach = ['attach', feed.runId];
  const small = add(
    `stepscope ${sizeText(sizes.small)}`,
    openProgram(context, { size: sizes.small, args: attach }),
    LIMIT_BYTES_A_SECOND.small,
  );
  const large = add(
    `stepscope ${sizeText(sizes.large)}`,
    openProgram(context, { size: sizes.large, args: attach }),
    LIMIT_BYTES_A_SECOND.large,
  );
  const low = add(
    `stepscope ${sizeText(sizes.small)} --low-bandwidth`,
    openProgram(context, { size: sizes.small, args: attach, env: { ...context.env, STEPSCOPE_LOW_BANDWIDTH: '1' } }),
    LIMIT_BYTES_A_SECOND.small,
  );
  opened.push(ours(small), ours(large), ours(low));
  if (has('tmux')) {
    for (const which of ['small', 'large'] as const) {
      const { screen, received } = openInTmux(context, { size: sizes[which], args: attach });
      add(`stepscope ${sizeText(sizes[which])} in tmux, sent by tmux`, screen, LIMIT_BYTES_A_SECOND[which]);
      followers.push({
        name: `stepscope ${sizeText(sizes[which])} in tmux, received by tmux`,
        bytes: received,
        limit: LIMIT_BYTES_A_SECOND[which],
      });
      opened.push(ours(screen));
    }
  } else context.leaveOut('tmux is not installed: nothing was measured inside of it');
  opened.push(...openPeers(context, feed.file, add));
  await Promise.all(opened);
  return { followers, small, large };
}

/** What people would use instead, at both sizes. */
function openPeers(
  context: TerminalContext,
  file: string,
  add: (name: string, screen: TerminalScreen) => TerminalScreen,
): readonly Promise<void>[] {
  const ink = `${import.meta.dirname}/ink-tail.ts`;
  const peers: [string, readonly string[]][] = [
    ['Ink by itself', [process.execPath, ink, file]],
    ['Ink by itself, incremental', [process.execPath, ink, file, 'incremental']],
  ];
  if (has('lnav')) peers.push(['lnav', ['lnav', file]]);
  else context.leaveOut('lnav is not installed: nothing was measured beside it');
  const env = { ...context.env, NODE_ENV: 'production' };
  return peers.flatMap(([name, args]) =>
    [sizes.small, sizes.large].map((size: Size) =>
      add(`${name} ${sizeText(size)}`, openCommand(context, { size, args, env })).shows(`#${LINES_BEFORE} `),
    ),
  );
}

/** Bytes a second of each over the same seconds. */
async function measured(followers: readonly Follower[], seconds: number): Promise<readonly number[]> {
  const before = followers.map(({ bytes }) => bytes());
  const startedAt = performance.now();
  await after(seconds * 1_000);
  const passed = (performance.now() - startedAt) / 1_000;
  return followers.map(({ bytes }, index) => (bytes() - before[index]!) / passed);
}

/** What it costs to have a run that has ended on the screen, and the list of runs, at the same time. */
async function idle(onRun: TerminalScreen, onList: TerminalScreen, feed: Feed, seconds: number): Promise<readonly Finding[]> {
  await feed.end();
  await Promise.all([onRun.shows(/completed/i), onList.shows(/completed/i)]);
  onList.press('q');
  await onList.shows('STARTED');
  await after(SETTLE_MS);
  const findings = await Promise.all([idleOf('a run that has ended', onRun, seconds), idleOf('the list of runs', onList, seconds)]);
  return findings.flat();
}

async function idleOf(what: string, screen: TerminalScreen, seconds: number): Promise<readonly Finding[]> {
  const workedMs = processorMs(screen.pid);
  const [rate = 0] = await measured([{ name: what, bytes: () => Buffer.byteLength(screen.raw()) }], seconds);
  const share = (processorMs(screen.pid) - workedMs) / (seconds * 1_000);
  return [
    bytesFinding(`${what}, idle`, rate, IDLE_BYTES_A_SECOND),
    {
      name: `${what}, idle: share of a core`,
      measured: `${(share * 100).toFixed(1)} %`,
      demanded: `≤ ${IDLE_SHARE_OF_A_CORE * 100} %`,
      isMet: share <= IDLE_SHARE_OF_A_CORE,
      isTime: true,
    },
  ];
}

function bytesFinding(name: string, rate: number, limit: number | undefined): Finding {
  const kilobytes = (bytes: number): string => (bytes < 1_000 ? `${bytes.toFixed(0)} B/s` : `${(bytes / 1_000).toFixed(1)} KB/s`);
  return {
    name,
    measured: kilobytes(rate),
    demanded: limit === undefined ? '' : `≤ ${kilobytes(limit)}`,
    isMet: limit === undefined || rate <= limit,
  };
}
