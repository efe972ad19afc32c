import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { StateFile } from '../../protocol/state-file.ts';
import { readPrivateFile, writePrivateFile } from './private-file.ts';

/** A backend that listens answers its health check within this, however busy its database is. */
const answerTimeoutMs = 2_000;

/** What the state file says; not whether it is still true. */
export function readStateFile(dataDir: string): StateFile | undefined {
  return readPrivateFile(join(dataDir, 'backend.json'), StateFile);
}

export function writeStateFile(dataDir: string, state: StateFile): void {
  writePrivateFile(join(dataDir, 'backend.json'), state);
}

/** Removes the state file if it is ours: another backend may have taken over since. */
export function removeStateFile(dataDir: string): void {
  if (readStateFile(dataDir)?.pid === process.pid) rmSync(join(dataDir, 'backend.json'), { force: true });
}

/** The backend that runs on a data directory now: its process lives and it answers. */
export async function findBackend(dataDir: string): Promise<StateFile | undefined> {
  const state = readStateFile(dataDir);
  if (state === undefined || !isAlive(state.pid)) return undefined;
  try {
    const answer = await fetch(`${state.url}/healthz`, { signal: AbortSignal.timeout(answerTimeoutMs) });
    await answer.body?.cancel();
    return state;
  } catch {
    return undefined;
  }
}

/** Does a process of this id exist, whoever it belongs to? */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
