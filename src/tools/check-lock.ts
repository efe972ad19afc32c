import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { preparedForTests } from '../storage/testing.ts';
import { countArgument, percentile, report } from './check-report.ts';

/*
 * Starts four processes on one data directory, many times. One wins; the others say within two seconds
 * which process has it. Then the winner is killed, and the next four find the directory free.
 *
 *   npm run check:lock [-- ROUNDS]
 */

const CONTENDERS = 4;
const LOSER_LIMIT_MS = 2_000;
const WINNER_LIMIT_MS = 30_000;

interface Outcome {
  readonly child: ChildProcess;
  readonly status: number | undefined;
  readonly lost: string | undefined;
  readonly won: number | undefined;
  readonly ms: number;
}

const rounds = countArgument(10);
const home = mkdtempSync(join(tmpdir(), 'stepscope-lock-'));
const dataDir = join(home, 'data');
const preparedDirectory = await preparedForTests();

let roundsWithOneWinner = 0;
let losersWithStatus3 = 0;
let losersNamingThePid = 0;
const loserMs: number[] = [];

for (let round = 1; round <= rounds; round += 1) {
  const outcomes = await Promise.all(Array.from({ length: CONTENDERS }, contend));
  const winners = outcomes.filter(({ won }) => won !== undefined);
  if (winners.length === 1) roundsWithOneWinner += 1;
  for (const { lost, status, ms } of outcomes) {
    if (lost === undefined) continue;
    loserMs.push(ms);
    if (status === 3) losersWithStatus3 += 1;
    if (lost.includes(`in use by process ${winners[0]?.won}`)) losersNamingThePid += 1;
  }
  await Promise.all(
    winners.map(async ({ child }) => {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }),
  );
  process.stdout.write(`\rround ${round} of ${rounds}`);
}
rmSync(home, { recursive: true, force: true });

const losers = rounds * (CONTENDERS - 1);
const slowest = Math.max(0, ...loserMs);
report(`check:lock, ${rounds} rounds of ${CONTENDERS}, each winner killed`, [
  { name: 'rounds with one winner', measured: `${roundsWithOneWinner}`, demanded: `${rounds}`, isMet: roundsWithOneWinner === rounds },
  { name: 'losers that end with status 3', measured: `${losersWithStatus3}`, demanded: `${losers}`, isMet: losersWithStatus3 === losers },
  { name: 'losers that name the pid', measured: `${losersNamingThePid}`, demanded: `${losers}`, isMet: losersNamingThePid === losers },
  {
    name: 'time to lose, from the start of Node',
    measured: `p50 ${percentile(loserMs, 0.5).toFixed(0)} ms, slowest ${slowest.toFixed(0)} ms`,
    demanded: `≤ ${LOSER_LIMIT_MS} ms`,
    isMet: slowest <= LOSER_LIMIT_MS,
    isTime: true,
  },
]);

/** Resolves when the child has won, or has lost and ended. */
async function contend(): Promise<Outcome> {
  const startedAt = performance.now();
  const child = fork(fileURLToPath(new URL('./check-lock-contender.ts', import.meta.url)), [dataDir, preparedDirectory], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  let lost: string | undefined;
  return new Promise((resolve) => {
    const end = (won: number | undefined, status: number | undefined): void => {
      clearTimeout(tooLong);
      resolve({ child, won, lost, status, ms: performance.now() - startedAt });
    };
    const tooLong = setTimeout(() => {
      child.kill('SIGKILL');
    }, WINNER_LIMIT_MS);
    child.on('message', (message: { readonly won?: number; readonly lost?: string }) => {
      lost = message.lost;
      if (message.won !== undefined) end(message.won, undefined);
    });
    child.on('exit', (status) => end(undefined, status ?? undefined));
  });
}
