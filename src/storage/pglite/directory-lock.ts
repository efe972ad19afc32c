import { chmodSync, closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { DatabaseSync } from 'node:sqlite';
import { UserError } from '../../protocol/error.ts';

/** How long a loser looks for the winner's pid, which is written a moment after the lock is taken. */
const PID_WAIT_MS = 1_000;

/**
 * Takes a data directory for this process. The lock is the kernel's, held through SQLite on a file beside
 * the database: it ends with the process however that ends, and needs no heartbeat, which a blocked thread
 * could not keep.
 *
 * @throws UserError `unavailable` naming the process that has it.
 */
export async function lockDirectory(dataDir: string): Promise<{ release(): void }> {
  const lockFile = join(dataDir, 'database.lock');
  const pidFile = join(dataDir, 'database.pid');
  closeSync(openSync(lockFile, 'a', 0o600));
  chmodSync(lockFile, 0o600);

  const lock = new DatabaseSync(lockFile, { timeout: 0 });
  try {
    lock.exec('pragma locking_mode = exclusive; begin exclusive');
  } catch (error) {
    lock.close();
    throw inUse(dataDir, await waitForPid(pidFile), error);
  }
  writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });

  let released = false;
  return {
    release() {
      if (released) return;
      released = true;
      rmSync(pidFile, { force: true });
      lock.close();
    },
  };
}

function inUse(dataDir: string, pid: number | undefined, cause: unknown): UserError {
  return new UserError(
    'unavailable',
    `the data directory ${dataDir} is in use by ${pid === undefined ? 'another process' : `process ${pid}`}`,
    {
      hint: 'Attach to the backend that runs there, end it, or choose another directory with STEPSCOPE_DATA_DIR',
      cause,
    },
  );
}

/** The pid of the holder: of a living process, because a killed one leaves its file behind. */
async function waitForPid(pidFile: string): Promise<number | undefined> {
  const until = Date.now() + PID_WAIT_MS;
  for (;;) {
    const pid = readPid(pidFile);
    if (pid !== undefined && isAlive(pid)) return pid;
    if (Date.now() > until) return undefined;
    await wait(20);
  }
}

function readPid(pidFile: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
