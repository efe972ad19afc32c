import { setTimeout as delay } from 'node:timers/promises';
import type { Backend } from '../../client/backend.ts';
import { UserError } from '../../protocol/error.ts';
import type { StateFile } from '../../protocol/state-file.ts';
import type { Io } from '../io.ts';
import type { Settings } from '../settings.ts';
import { findBackend } from './find-backend.ts';
import { hostBackend } from './host-backend.ts';
import type { HostedBackend } from './host-backend.ts';
import { connectLocal, connectRemote } from './connect.ts';

/** A directory that another command holds is usually free, or its backend found, within this. */
const patienceMs = 15_000;
const pollMs = 100;

/** The backend a headless command works with. */
export interface Opened {
  readonly backend: Backend;
  /** `hosted`: in this process, and it ends with it. */
  readonly place: 'hosted' | 'local' | 'remote';
  /** With which a runner of our own can join. */
  readonly url: string;
  readonly secretKey: string;
}

/**
 * Does `work` on the backend there is: the one the settings name, the local one that is running, or else one
 * hosted in this process for as long as the work takes.
 */
export async function withBackend<T>(settings: Settings, io: Io, options: { readonly runner: boolean }, work: (opened: Opened) => Promise<T>): Promise<T> {
  if (settings.remote !== undefined) {
    const { url, key } = settings.remote;
    return await closing(await connectRemote(settings.remote, settings), (backend) => work({ backend, place: 'remote', url, secretKey: key }));
  }
  const found = await findOrHost(settings, io, options);
  const state = 'state' in found ? found.state : found;
  if (!('state' in found)) {
    return await closing(await connectLocal(state, settings), (backend) => work({ backend, place: 'local', url: state.url, secretKey: state.secretKey }));
  }
  try {
    return await closing(await connectLocal(state, settings), async (backend) => {
      const result = await work({ backend, place: 'hosted', url: state.url, secretKey: state.secretKey });
      await untilOthersAreDone(backend, io);
      return result;
    });
  } finally {
    // A terminal that found us sees us go, and starts a backend that takes over address and keys.
    await found.close();
  }
}

async function findOrHost(settings: Settings, io: Io, options: { readonly runner: boolean }): Promise<StateFile | HostedBackend> {
  const deadline = Date.now() + patienceMs;
  for (let isFirst = true; ; isFirst = false) {
    const state = await findBackend(settings.dataDir);
    if (state !== undefined) return state;
    if (isFirst && process.env['DATABASE_URL'])
      io.err(`No server runs here: this is the embedded database in ${settings.dataDir}. The one in DATABASE_URL is reached through \`stepscope serve\`.`);
    try {
      return await hostBackend({
        dataDir: settings.dataDir,
        port: settings.port,
        mode: 'in-process',
        runner: options.runner,
        onNotice: (text) => io.err(text),
      });
    } catch (error) {
      if (!(error instanceof UserError) || !/is in use by/.test(error.message) || Date.now() > deadline) throw error;
    }
    // Somebody else opened the directory a moment ago; the state file that leads to them comes with the first answer.
    await delay(pollMs);
  }
}

/** Another command may have found our backend and be running something on it; ending now would interrupt that. */
async function untilOthersAreDone(backend: Backend, io: Io): Promise<void> {
  let isTold = false;
  for (;;) {
    const active = (await Promise.all((['pending', 'running'] as const).map((status) => backend.runs({ status })))).flat();
    if (active.length === 0 || io.readerGone.aborted) return;
    if (!isTold) io.err(`Another run uses this backend (${active.map((run) => run.test_run_id).join(', ')}); ending with it. Ctrl-C ends it now.`);
    isTold = true;
    await delay(1_000);
  }
}

async function closing<T>(backend: Backend, work: (backend: Backend) => Promise<T>): Promise<T> {
  try {
    return await work(backend);
  } finally {
    await backend.close();
  }
}
