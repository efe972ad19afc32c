import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../protocol/error.ts';
import { StateFile } from '../../protocol/state-file.ts';
import { readPrivateFile, writePrivateFile } from './private-file.ts';

/** A backend that listens answers its health check within this, unless its machine has far too much to do. */
export const answerTimeoutMs = 2_000;

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
  const { state, answers } = await look(dataDir, answerTimeoutMs);
  return answers === 'yes' ? state : undefined;
}

/**
 * As {@link findBackend}, for who can do nothing without one. Throws `unavailable`, which says of one that is there and
 * too slow that it is; `hint` is for where there is none.
 */
export async function needBackend(dataDir: string, hint: string, timeoutMs = answerTimeoutMs): Promise<StateFile> {
  const { state, answers } = await look(dataDir, timeoutMs);
  if (state === undefined || answers === 'no') throw new UserError('unavailable', `no backend is running on ${dataDir}`, { hint });
  if (answers === 'yes') return state;
  throw new UserError('unavailable', `process ${state.pid} serves ${dataDir} at ${state.url}, and does not answer within ${timeoutMs / 1_000} s`, {
    hint: `It may have much to do: try again. If it stays silent, \`kill ${state.pid}\` ends it.`,
  });
}

/** `late`: something listens there, and said nothing in time. */
async function look(dataDir: string, timeoutMs: number): Promise<{ readonly state: StateFile | undefined; readonly answers: 'yes' | 'no' | 'late' }> {
  const state = readStateFile(dataDir);
  if (state === undefined || !isAlive(state.pid)) return { state, answers: 'no' };
  try {
    const answer = await fetch(`${state.url}/healthz`, { signal: AbortSignal.timeout(timeoutMs) });
    await answer.body?.cancel();
    return { state, answers: 'yes' };
  } catch (error) {
    return { state, answers: error instanceof Error && error.name === 'TimeoutError' ? 'late' : 'no' };
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
