import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { UserError } from '../../protocol/error.ts';
import type { StateFile } from '../../protocol/state-file.ts';
import { cannotUse, makePrivateFolder } from '../../storage/private-folder.ts';
import { findBackend } from './find-backend.ts';
import type { FailedMessage } from './thread.ts';

/** A backend that was started by someone else a moment ago has this long to answer. */
const patienceMs = 15_000;
const pollMs = 50;
/** `backend.log` starts over at this size. */
const logBytes = 4 * 1024 * 1024;

const program = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../../../bin/stepscope.js' : '../bin/stepscope.js', import.meta.url));

/** What the detached process tells whoever started it, over the IPC channel it then closes. */
export type DetachedMessage = { readonly type: 'ready' } | FailedMessage;

/**
 * The local backend, which runs on its own: found, or started as a process in a session of its own, so that
 * neither the end of this terminal nor of this program reaches it.
 *
 * Two at once may both start one. The data directory has one lock: one of them wins, the other ends, and
 * both callers find the winner.
 */
export async function ensureDetachedBackend(dataDir: string, options: { readonly port?: number | undefined } = {}): Promise<StateFile> {
  const found = await findBackend(dataDir);
  if (found !== undefined) return found;

  const failure = await startDetached(dataDir, options.port);
  const deadline = Date.now() + (failure === undefined || failure.code === 'unavailable' ? patienceMs : 0);
  do {
    const state = await findBackend(dataDir);
    if (state !== undefined) return state;
    await delay(pollMs);
  } while (Date.now() < deadline && isOthersDoing(failure));

  if (failure !== undefined) throw new UserError(failure.code, failure.message, { hint: failure.hint });
  throw new UserError('unavailable', 'the local backend started, and does not answer', { hint: `Look into ${join(dataDir, 'backend.log')}.` });
}

/** Only a directory that somebody else holds is worth waiting for: its backend may be about to answer. */
function isOthersDoing(failure: FailedMessage | undefined): boolean {
  return failure === undefined || /is in use by/.test(failure.message);
}

/** Starts the process and waits for its word. Resolves with its failure, or undefined when it is up. */
async function startDetached(dataDir: string, port: number | undefined): Promise<FailedMessage | undefined> {
  makePrivateFolder(dataDir);
  const log = openLog(join(dataDir, 'backend.log'));
  try {
    const args = [program, 'backend', '--data-dir', dataDir, ...(port === undefined ? [] : ['--port', String(port)])];
    const child = spawn(process.execPath, args, { detached: true, cwd: dataDir, stdio: ['ignore', log, log, 'ipc'] });
    const failure = await firstWord(child);
    if (child.connected) child.disconnect();
    child.unref();
    return failure;
  } finally {
    closeSync(log);
  }
}

function firstWord(child: ChildProcess): Promise<FailedMessage | undefined> {
  return new Promise((resolve) => {
    const failed = (message: string): void =>
      resolve({ type: 'failed', code: 'unavailable', message, hint: 'Look into backend.log in the data directory.' });
    child.once('message', (message: DetachedMessage) => resolve(message.type === 'failed' ? message : undefined));
    child.once('error', (error) => failed(`cannot start the local backend: ${error.message}`));
    child.once('exit', (code, signal) => failed(`the local backend ended while starting (${signal ?? code})`));
  });
}

function openLog(path: string): number {
  try {
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    return openSync(path, size > logBytes ? 'w' : 'a', 0o600);
  } catch (error) {
    throw cannotUse(dirname(path), error);
  }
}
