import { resolve } from 'node:path';
import type { Command } from 'commander';
import { plural } from '../../core/format.ts';
import { UserError } from '../../protocol/error.ts';
import { isLoopback } from '../../server/address-guard.ts';
import { addressesOf } from '../backend/addresses.ts';
import { findBackend } from '../backend/find-backend.ts';
import { hostBackend } from '../backend/host-backend.ts';
import { givenKeys } from '../backend/keys-file.ts';
import { onCall } from '../call.ts';
import { onInterrupt } from '../interrupt.ts';
import { readSecret } from '../secret.ts';
import { parsePort } from '../settings.ts';

interface Flags {
  readonly port?: string;
  readonly host: string;
  readonly databaseUrl?: string;
  readonly redisUrl?: string;
  readonly keys?: string;
  readonly replaceKeys?: boolean;
  readonly jwks?: string;
  readonly jwtIssuer?: string;
  readonly allowSignUp?: boolean;
  readonly functions?: string;
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
    .option('--redis-url <ref>', 'fan-out by Redis instead of the database, as env:NAME or @file (REDIS_URL)')
    .option('--keys <ref>', 'keys that several servers share, as @file or env:NAME; `stepscope keys FILE` makes them (STEPSCOPE_KEYS)')
    .option('--replace-keys', 'serve with these keys a database that was served with others')
    .option('--jwks <place>', 'let in users of another issuer: the address or file of its JWKS')
    .option('--jwt-issuer <issuer>', 'what their tokens must name as issuer')
    .option('--allow-sign-up', 'let strangers make themselves a user, without any role')
    .option('--functions <folder>', 'functions of your own, `<name>.ts` or `<name>/index.ts`, at /functions/v1/<name>')
    .option('--no-runner', 'let others execute the runs');
  onCall<Flags>(command, async ({ rest, flags, settings, io }) => {
    const running = await findBackend(settings.dataDir);
    if (running !== undefined) {
      throw new UserError('unavailable', `a backend runs on ${settings.dataDir} already: ${running.url}, pid ${running.pid}`, {
        hint: 'Use that one, end it, or give this one another --data-dir.',
      });
    }
    const keys = givenKeys(flags.keys, process.env);
    if (keys === undefined && !isLoopback(flags.host)) throw refuseOpenDoor(flags.host);
    const databaseUrl = flags.databaseUrl === undefined ? process.env['DATABASE_URL'] || undefined : readSecret(flags.databaseUrl, '--database-url');
    // An embedded database has one server, and nobody to reach.
    const redisUrl = flags.redisUrl === undefined ? (databaseUrl && process.env['REDIS_URL']) || undefined : readSecret(flags.redisUrl, '--redis-url');
    const interrupt = onInterrupt();
    const backend = await hostBackend({
      dataDir: settings.dataDir,
      databaseUrl,
      redisUrl,
      keys,
      replaceKeys: flags.replaceKeys,
      jwks: flags.jwks,
      jwtIssuer: flags.jwtIssuer,
      allowSignUp: flags.allowSignUp,
      functionsDir: flags.functions === undefined ? undefined : resolve(flags.functions),
      host: flags.host,
      port: parsePort(flags.port ?? '8000', '--port'),
      mode: 'serve',
      runner: flags.runner,
      pipelines: rest,
      onNotice: (text) => io.err(text),
    });
    try {
      const { url, engine, pid } = backend.state;
      const { migrations } = backend;
      const addresses = addressesOf(url, flags.host);
      if (io.json) io.out(JSON.stringify({ url, addresses, engine, pid, migrations }));
      else {
        if (migrations.length > 0) io.err(`Applied ${plural(migrations.length, 'migration')}: ${migrations.join(', ')}.`);
        io.err(`Listening on ${addresses.join(', ')} (${engine}). Keys: \`${io.command('status --show-keys')}\`. Ctrl-C ends it.`);
      }
      await Promise.race([backend.ended, aborted(interrupt.signal)]);
      // Ending a server by Ctrl-C is the usual way, not a failure.
      process.exitCode = 0;
    } finally {
      await backend.close();
      interrupt.stop();
    }
  });
}

/** Whoever reaches the port must need a key that somebody has chosen to hand out. */
function refuseOpenDoor(host: string): UserError {
  return new UserError('usage', `other machines reach ${host}: that needs keys that were made for it`, {
    hint: `stepscope keys ./keys.json && stepscope serve --host ${host} --keys @./keys.json`,
  });
}

/** Resolves when a signal says so. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
