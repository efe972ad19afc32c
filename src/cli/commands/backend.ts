import type { Command } from 'commander';
import { printable } from '../../core/format.ts';
import { UserError } from '../../protocol/error.ts';
import { limits } from '../../protocol/limits.ts';
import { hostBackend } from '../backend/host-backend.ts';
import type { DetachedMessage } from '../backend/detached.ts';
import { parsePort, readSettings } from '../settings.ts';
import type { GlobalFlags } from '../settings.ts';

/** The process behind a terminal: hosts the local backend until nobody has used it for a while. Started by us, not by people. */
export function addBackendCommand(program: Command): void {
  program
    .command('backend', { hidden: true })
    .option('--port <port>')
    .action(async (flags: { port?: string }, command: Command) => {
      const settings = readSettings(command.optsWithGlobals<GlobalFlags>());
      await serveUntilIdle(settings.dataDir, flags.port === undefined ? settings.port : parsePort(flags.port, '--port'));
    });
}

async function serveUntilIdle(dataDir: string, port: number | undefined): Promise<void> {
  const idleExitMs = Number(process.env['STEPSCOPE_IDLE_EXIT_MS'] ?? limits.idleExitMs);
  // Our session has no terminal, but a stray signal of somebody's should not end runs either.
  process.on('SIGHUP', () => {});
  const stop = Promise.withResolvers<void>();
  process.once('SIGTERM', () => stop.resolve()).once('SIGINT', () => stop.resolve());

  let idle: NodeJS.Timeout | undefined = setTimeout(() => stop.resolve(), idleExitMs);
  try {
    const backend = await hostBackend({
      dataDir,
      port,
      mode: 'detached',
      runner: true,
      onActivity({ clients, activeRuns }) {
        if (clients === 0 && activeRuns === 0) {
          idle ??= setTimeout(() => stop.resolve(), idleExitMs);
        } else {
          clearTimeout(idle);
          idle = undefined;
        }
      },
      onNotice: (text) => console.error(`${new Date().toISOString()} ${printable(text)}`),
    });
    console.error(`${new Date().toISOString()} listening on ${backend.state.url}, pid ${process.pid}`);
    tellStarter({ type: 'ready' });
    try {
      await Promise.race([stop.promise, backend.ended]);
    } finally {
      await backend.close();
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    tellStarter({ type: 'failed', code: error.code, message: error.message, hint: error.hint });
    throw error;
  } finally {
    clearTimeout(idle);
  }
}

/** Our starter may be gone already, or be a person who typed the command. */
function tellStarter(message: DetachedMessage): void {
  if (!process.connected) return;
  process.send!(message, () => {
    if (process.connected) process.disconnect();
  });
}
