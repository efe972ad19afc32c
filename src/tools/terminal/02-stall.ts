import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { isAlive } from '../../cli/backend/find-backend.ts';
import { limits } from '../../protocol/limits.ts';
import type { StateFile } from '../../protocol/state-file.ts';
import type { TerminalScreen } from '../terminal-screen.ts';
import type { Finding, TerminalCheck } from './check.ts';
import { openBackend, startFeed } from './feed.ts';
import type { Feed } from './feed.ts';
import { probed, readPulses } from './pulses.ts';
import type { Pulse } from './pulses.ts';
import { logRows, missingLines, msUntil, PATIENCE_MS, shownLines } from './reading.ts';
import { openProgram, sizes } from './screens.ts';

/*
 * Nobody reads the terminal (Ctrl-S, a lid that is closed) while lines keep coming and the terminal holds a run. The
 * program goes on as if nothing were, and afterwards the screen is right.
 */

const LINES_A_SECOND = 50;
const WARM_UP_MS = 1_500;
/** A machine that does much else beside may take this long until a command has come to the run. */
const HOLD_LIMIT_MS = 60_000;
const HOLD_MS = 500;
const MAX_GAP_MS = 200;
const MAX_GROWTH_BYTES = 20_000_000;
const MAX_CATCH_UP_MS = 1_000;
const MAX_END_MS = 1_000;
const COMPARED_ROWS = 20;

export const check: TerminalCheck = {
  number: 2,
  name: 'stall',
  async run(context) {
    const backend = await openBackend(context);
    const feed = await startFeed(context);
    const opening = { size: sizes.large, args: ['attach', feed.runId] };
    const seen = new Set<number>();
    const open = (name: string, onChunk?: () => void): Watched => {
      const pulses = join(context.home, name);
      return { pulses, screen: openProgram(context, { ...opening, env: probed(context.env, pulses), onChunk }) };
    };
    const look = (): void => {
      for (const line of shownLines(screen)) seen.add(line);
    };
    // Two that see the same; one is read all the time, for what the machine and the lines do by themselves.
    const [{ screen, pulses }, beside] = [open('stalled', look), open('read')];
    feed.order({ rate: LINES_A_SECOND });
    for (const one of [screen, beside.screen]) {
      await one.shows(/#\d+ /);
      one.press('2');
    }
    await hold(screen, feed);
    await after(WARM_UP_MS);

    const seconds = context.isFull ? 60 : 5;
    const stalledAt = Date.now();
    screen.stall();
    const renewals = await renewalsOf(backend, feed, seconds);
    const written = feed.written();
    screen.readOn();
    const caughtUpMs = await msUntil(() => (shownLines(screen).at(-1) ?? 0) >= written, PATIENCE_MS);
    await after(MAX_GAP_MS);
    const [stalled, read] = [pulses, beside.pulses].map((file) => changesSince(file, stalledAt));

    feed.order({ rate: 0 });
    await after(MAX_GAP_MS);
    const last = feed.written();
    await msUntil(() => shownLines(screen).at(-1) === last && shownLines(beside.screen).at(-1) === last, PATIENCE_MS);
    // Whoever holds the run may be told more above the log: what counts is the end of it, row by row.
    const wrongRow = (): string | undefined => {
      const [shown, wanted] = [screen, beside.screen].map((one) => logRows(one).slice(-COMPARED_ROWS));
      return wanted!.find((row, index) => row !== shown![index]);
    };
    const isRight = await msUntil(() => wrongRow() === undefined, PATIENCE_MS);
    // A page that is drawn while something else changes may hide a line for once; what is lost is missing both times.
    const once = await missingLines(screen, last, seen);
    const twice = once.length === 0 ? once : await missingLines(screen, last, seen);
    const missing = once.filter((line) => twice.includes(line));

    const findings: Finding[] = [
      {
        name: `largest gap of the event loop in ${seconds} s (${read!.gapMs.toFixed(0)} ms in one that is read)`,
        measured: `${stalled!.gapMs.toFixed(0)} ms`,
        demanded: `< ${MAX_GAP_MS} ms`,
        isMet: stalled!.gapMs < MAX_GAP_MS,
        isTime: true,
      },
      {
        name: `memory (${megabytes(read!.grownBytes)} in one that is read)`,
        measured: megabytes(stalled!.grownBytes),
        demanded: `< ${megabytes(MAX_GROWTH_BYTES)}`,
        isMet: stalled!.grownBytes - Math.max(0, read!.grownBytes) < MAX_GROWTH_BYTES,
      },
      {
        name: 'newest line on the screen after reading on',
        measured: caughtUpMs === undefined ? `not after ${PATIENCE_MS / 1_000} s` : `${caughtUpMs.toFixed(0)} ms`,
        demanded: `≤ ${MAX_CATCH_UP_MS} ms`,
        isMet: caughtUpMs !== undefined && caughtUpMs <= MAX_CATCH_UP_MS,
        isTime: caughtUpMs !== undefined,
      },
      {
        name: 'the log as one that was read shows it',
        measured: isRight === undefined ? `without "${wrongRow()?.trim()}"` : 'the same',
        demanded: 'the same',
        isMet: isRight !== undefined,
      },
      {
        name: `lines that are missing, of ${last}`,
        measured: [missing.length, ...missing.slice(0, 5).map((line) => `#${line}`)].join(' '),
        demanded: '0',
        isMet: missing.length === 0,
      },
    ];
    // Renewals are twenty seconds apart: a short stall has none to look at.
    const demanded = Math.floor((seconds * 1_000) / limits.leaseRenewalMs) - 1;
    if (demanded > 0)
      findings.push({ name: 'renewals of the held run', measured: `${renewals}`, demanded: `≥ ${demanded}`, isMet: renewals >= demanded });
    else context.leaveOut(`renewals of the held run come every ${limits.leaseRenewalMs / 1_000} s: --full waits for them`);

    screen.stall();
    process.kill(screen.pid, 'SIGTERM');
    const endedMs = await msUntil(() => !isAlive(screen.pid), PATIENCE_MS);
    findings.push({
      name: 'end by SIGTERM while nobody reads',
      measured: endedMs === undefined ? `not after ${PATIENCE_MS / 1_000} s` : `${endedMs.toFixed(0)} ms`,
      demanded: `≤ ${MAX_END_MS} ms`,
      isMet: endedMs !== undefined && endedMs <= MAX_END_MS,
      isTime: endedMs !== undefined,
    });
    return findings;
  },
};

interface Watched {
  readonly screen: TerminalScreen;
  /** The file with its pulses. */
  readonly pulses: string;
}

/** Pauses the run from the terminal, which thereby has a lease to renew. */
async function hold(screen: TerminalScreen, feed: Feed): Promise<void> {
  screen.press('p');
  await screen.shows('pausing before');
  // The command is on its way: the run is held before the first sub-step that begins after it has come.
  const isHeld = (): boolean => /\b(paused|held)\b/i.test(screen.text());
  for (const endAt = performance.now() + HOLD_LIMIT_MS; !isHeld() && performance.now() < endAt;) {
    feed.order({ nextShard: true });
    await msUntil(isHeld, HOLD_MS);
  }
  if (!isHeld()) throw new Error(`the run was not held within ${HOLD_LIMIT_MS / 1_000} s:\n${screen.text()}`);
}

/** The largest gap since a moment, and how much more memory it took than in the time before. */
function changesSince(file: string, moment: number): { readonly gapMs: number; readonly grownBytes: number } {
  const all = readPulses(file);
  const since = all.filter(({ at }) => at >= moment);
  const before = all.filter(({ at }) => at < moment && at > moment - WARM_UP_MS);
  const memory = (pulses: readonly Pulse[]): number => Math.max(...pulses.map(({ rssBytes }) => rssBytes));
  return { gapMs: Math.max(...since.map(({ gapMs }) => gapMs)), grownBytes: memory(since) - memory(before) };
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** How often the terminal said within these seconds that it still holds the run. */
async function renewalsOf({ url, secretKey }: StateFile, { runId }: Feed, seconds: number): Promise<number> {
  const ends = new Set<string>();
  const endAt = performance.now() + seconds * 1_000;
  while (performance.now() < endAt) {
    const answer = await fetch(`${url}/rest/v1/run_leases?select=expires_at&test_run_id=eq.${runId}`, { headers: { apikey: secretKey } });
    for (const { expires_at: end } of (await answer.json()) as readonly { readonly expires_at: string }[]) ends.add(end);
    await after(Math.min(500, Math.max(0, endAt - performance.now())));
  }
  return Math.max(0, ends.size - 1);
}
