import type { Command } from 'commander';
import { UserError } from '../../protocol/error.ts';
import { findBackend } from '../backend/find-backend.ts';
import { hostBackend } from '../backend/host-backend.ts';
import { onCall } from '../call.ts';
import { onInterrupt } from '../interrupt.ts';
import { readSecret } from '../secret.ts';
import { parsePort } from '../settings.ts';

interface Flags {
  readonly port?: string;
  readonly host: string;
  readonly databaseUrl?: string;
  readonly runner: boolean;
}

export function addServeCommand(program: Command): void {
  const command = program
    .command('serve')
    .summary('Serves a backend until it is stopped.')
    .description('Serves a backend, on the embedded database or on Postgres, with a runner for the bundled pipelines and those in the files.')
    .argument('[files...]', 'pipelines of your own for the runner')
    .option('-p, --port <port>', 'port to listen on; 0 for any', '8000')
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option('--database-url <ref>', 'Postgres instead of the embedded database, as env:NAME or @file (DATABASE_URL)')
    .option('--no-runner', 'let others execute the runs');
  onCall<Flags>(command, async ({ rest, flags, settings, io }) => {
    const running = await findBackend(settings.dataDir);
    if (running !== undefined) {
      throw new UserError('unavailable', `a backend runs on ${settings.dataDir} already: ${running.url}, pid ${running.pid}`, {
        hint: 'Use that one, end it, or give this one another --data-dir.',
      });
    }
    const interrupt = onInterrupt();
    const backend = await hostBackend({
      dataDir: settings.dataDir,
      databaseUrl: flags.databaseUrl === undefined ? process.env['DATABASE_URL'] : readSecret(flags.databaseUrl, '--database-url'),
      host: flags.host,
      port: parsePort(flags.port ?? '8000', '--port'),
      mode: 'serve',
      runner: flags.runner,
      pipelines: rest,
      onNotice: (text) => io.err(text),
    });
    try {
      const { url, engine, pid } = backend.state;
      if (io.json) io.out(JSON.stringify({ url, engine, pid }));
      else io.err(`Listening on ${url} (${engine}). Keys: \`stepscope status --show-keys\`. Ctrl-C ends it.`);
      await Promise.race([backend.ended, aborted(interrupt.signal)]);
      // Ending a server by Ctrl-C is the usual way, not a failure.
      process.exitCode = 0;
    } finally {
      await backend.close();
      interrupt.stop();
    }
  });
}

/** Resolves when a signal says so. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
