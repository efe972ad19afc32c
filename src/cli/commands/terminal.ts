import type { Backend } from '../../client/backend.ts';
import type { UserError } from '../../protocol/error.ts';
import { connectLocal, connectRemote } from '../backend/connect.ts';
import { ensureDetachedBackend } from '../backend/detached.ts';
import { isAlive } from '../backend/find-backend.ts';
import { processIo } from '../io.ts';
import { commandLine, hintedFor } from '../same-backend.ts';
import { readSettings, terminalSettings } from '../settings.ts';
import type { GlobalFlags, Settings } from '../settings.ts';

/** How often an open terminal looks whether its local backend still lives. */
const watchMs = 3_000;

/** The bundled pipeline, which anyone can run with nothing set up. */
const bundledPipeline = 'generate-content';

interface Connecting {
  readonly onProgress: (text: string) => void;
  readonly onEnded: (why: UserError) => void;
  readonly signal: AbortSignal;
}

/** `stepscope` alone: the terminal on the local backend. Without a terminal, runs the bundled pipeline in plain text. */
export async function openProgram(flags: GlobalFlags & { readonly run?: string }): Promise<void> {
  const settings = readSettings(flags);
  if (process.stdin.isTTY && process.stdout.isTTY && flags.json !== true) {
    await openTerminal(settings, flags, flags.run);
    return;
  }
  const { runPipeline } = await import('./run.ts');
  const io = processIo({ json: flags.json, ascii: settings.ascii, command: (words) => commandLine(words, settings, flags) });
  io.err(`No terminal here: running ${bundledPipeline} in plain text. \`stepscope --help\` lists the commands.`);
  await runPipeline(bundledPipeline, {}, settings, io);
}

/** Opens the terminal. Its first frame stands before the backend is looked for. */
export async function openTerminal(settings: Settings, flags: GlobalFlags, initialRun?: string): Promise<void> {
  const { startTui } = await import('../../tui/start-tui.ts');
  const stopWatching = new AbortController();
  try {
    await startTui({
      connect: async (onProgress, onEnded) => {
        try {
          return await connect(settings, { onProgress, onEnded, signal: stopWatching.signal });
        } catch (error) {
          throw hintedFor(error, settings, flags);
        }
      },
      settings: terminalSettings(settings),
      initialRun,
      readOnly: settings.readOnly,
    });
  } finally {
    stopWatching.abort();
  }
}

async function connect(settings: Settings, { onProgress, onEnded, signal }: Connecting): Promise<Backend> {
  if (settings.remote !== undefined) {
    onProgress(`connecting to ${settings.remote.url}`);
    return await connectRemote(settings.remote, { readOnly: settings.readOnly, onEnded });
  }
  onProgress('opening the local backend');
  const state = await ensureDetachedBackend(settings.dataDir, { port: settings.port });
  keepAlive(settings, state.pid, signal);
  onProgress('signing in');
  return await connectLocal(state, settings);
}

/**
 * A local backend that dies is started again: it takes the same address and keys, so the connection that is
 * open finds it as after any lost line.
 */
function keepAlive(settings: Settings, pid: number, signal: AbortSignal): void {
  const timer = setInterval(() => {
    if (isAlive(pid)) return;
    clearInterval(timer);
    void ensureDetachedBackend(settings.dataDir, { port: settings.port })
      .then((state) => state.pid, () => pid)
      .then((next) => signal.aborted || keepAlive(settings, next, signal));
  }, watchMs);
  timer.unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}
