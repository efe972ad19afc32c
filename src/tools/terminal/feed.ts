import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findBackend } from '../../cli/backend/find-backend.ts';
import type { StateFile } from '../../protocol/state-file.ts';
import type { TerminalContext } from './check.ts';

export interface FeedOrder {
  /** Lines a second from now on. */
  readonly rate?: number;
  /** So many lines now. */
  readonly write?: number;
  /** Ends the sub-step under way; the next begins, or is held where the run is to pause. */
  readonly nextShard?: boolean;
  readonly end?: boolean;
}

export interface FeedReport {
  readonly runId: string;
  readonly written: number;
}

/** A run of another process that logs as fast as it is told to, its lines numbered `#1`, `#2` and so on. */
export interface Feed {
  readonly runId: string;
  /** The same lines, as a log file has them. */
  readonly file: string;
  /** Lines written so far, as far as is known. */
  written(): number;
  order(order: FeedOrder): void;
  /** Ends the run, and resolves when all of it is stored. */
  end(): Promise<void>;
}

const BACKEND_START_MS = 30_000;

/** Starts a backend on the check's data directory, as `stepscope serve` does. The harness ends it. */
export async function openBackend({ program, env, home }: TerminalContext): Promise<StateFile> {
  const serving = spawn(process.execPath, [program, 'serve', '--port', '0', '--no-runner'], { env, stdio: 'ignore' });
  serving.unref();
  for (let waitedMs = 0; waitedMs < BACKEND_START_MS; waitedMs += 50) {
    const found = await findBackend(join(home, 'data'));
    if (found !== undefined) return found;
    if (serving.exitCode !== null) break;
    await after(50);
  }
  throw new Error('the backend of the check did not start');
}

/** Starts a run on the backend of {@link openBackend}. It logs nothing until it is told to. */
export async function startFeed({ env, home, onEnd }: TerminalContext): Promise<Feed> {
  const file = join(home, 'feed.log');
  writeFileSync(file, '');
  const child = fork(fileURLToPath(new URL('./feeder.ts', import.meta.url)), [file], {
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  onEnd(() => void child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  const [first] = (await once(child, 'message')) as [FeedReport];
  let { written } = first;
  child.on('message', (report: FeedReport) => {
    written = report.written;
  });
  return {
    runId: first.runId,
    file,
    written: () => written,
    order: (order) => void child.send(order),
    async end() {
      child.send({ end: true } satisfies FeedOrder);
      await exited;
    },
  };
}
