import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { z } from 'zod';
import type { StateFile } from '../../protocol/state-file.ts';
import { s3FromEnvironment } from '../../server/storage/s3-store.ts';
import { makePrivateFolder } from '../../storage/private-folder.ts';
import { version } from '../version.ts';
import { removeStateFile, writeStateFile } from './find-backend.ts';
import type { BackendKeys } from '../../server/keys.ts';
import { keysOf, localUserOf } from './keys.ts';
import { readPrivateFile, writePrivateFile } from './private-file.ts';
import { hostRunner } from './host-runner.ts';
import { endThread, startThread, untilReady } from './thread.ts';

/** Time the server has to answer what is under way, checkpoint and let go of its files. */
const closeGraceMs = 10_000;

const Port = z.int().min(0).max(65_535);

export interface HostOptions {
  readonly dataDir: string;
  /** A Postgres to use instead of the embedded one. */
  readonly databaseUrl?: string | undefined;
  /** A Redis through which servers on one Postgres reach each other; without one, the database itself. */
  readonly redisUrl?: string | undefined;
  readonly host?: string | undefined;
  /** Keys that other servers have too, instead of those of the data directory. */
  readonly keys?: BackendKeys | undefined;
  /** Serve a database with our keys that was served with others. */
  readonly replaceKeys?: boolean | undefined;
  /** Refused with `unavailable` when in use. Without one: the port of last time, else any. */
  readonly port?: number | undefined;
  /** A JWKS, address or file: users whose tokens its keys signed are let in. */
  readonly jwks?: string | undefined;
  /** What `iss` of such tokens must be, unless the address says it. */
  readonly jwtIssuer?: string | undefined;
  /** A folder of functions, for `/functions/v1/<name>`. */
  readonly functionsDir?: string | undefined;
  /** May strangers make themselves a user? */
  readonly allowSignUp?: boolean | undefined;
  readonly mode: StateFile['mode'];
  readonly runner: boolean;
  /** Pipeline files for the runner, beside the bundled ones. */
  readonly pipelines?: readonly string[] | undefined;
  /** How much the backend is used; told on every change. */
  readonly onActivity?: ((activity: Activity) => void) | undefined;
  /** What a person should know while it runs: a runner that crashed. */
  readonly onNotice?: ((text: string) => void) | undefined;
}

export interface Activity {
  /** Open connections of people; runners and trackers do not count. */
  readonly clients: number;
  /** Runs that are pending, running or held. */
  readonly activeRuns: number;
}

export interface HostedBackend {
  readonly state: StateFile;
  /** Migrations that were applied at this start, by name. */
  readonly migrations: readonly string[];
  /** Rejects when the server dies by itself; resolves after {@link HostedBackend.close}. */
  readonly ended: Promise<void>;
  /** Ends runner, server and database in this order. Safe to call twice. */
  close(): Promise<void>;
}

/** The server thread's word that it listens. */
interface ListeningMessage {
  readonly type: 'listening';
  readonly url: string;
  readonly engine: StateFile['engine'];
  readonly schemaVersion: number;
  readonly migrations: readonly string[];
}

interface ActivityMessage extends Activity {
  readonly type: 'activity';
}

/**
 * Runs a backend in threads of this process: the server with its database, and a runner. The state file
 * leads others to it while it lives.
 */
export async function hostBackend(options: HostOptions): Promise<HostedBackend> {
  makePrivateFolder(options.dataDir);
  const keys = options.keys ?? keysOf(options.dataDir);
  const localUser = localUserOf(keys);
  const host = options.host ?? '127.0.0.1';
  const serverOptions = {
    dataDir: options.dataDir,
    databaseUrl: options.databaseUrl,
    redisUrl: options.redisUrl,
    keys: { publishableKey: keys.publishableKey, secretKey: keys.secretKey, jwtSecret: keys.jwtSecret },
    replaceKeys: options.replaceKeys,
    localUser,
    host,
    port: options.port ?? (await lastPort(options.dataDir, host)),
    jwks: options.jwks,
    jwtIssuer: options.jwtIssuer,
    allowSignUp: options.allowSignUp,
    s3: s3FromEnvironment(process.env),
    functionsDir: options.functionsDir,
    mode: options.mode,
    version,
  };
  const server = startThread('server', serverOptions, (line) => options.onNotice?.(line));
  const ended = untilEnded(server);
  const listening = await untilReady<ListeningMessage>(server, 'listening').catch(async (error: unknown) => {
    await server.terminate();
    throw error;
  });
  rememberPort(options.dataDir, listening.url);
  server.on('message', (message: ActivityMessage) => {
    if (message.type === 'activity') options.onActivity?.(message);
  });

  const state: StateFile = {
    version: 1,
    url: listening.url,
    pid: process.pid,
    startedAt: new Date().toISOString(),
    engine: listening.engine,
    mode: options.mode,
    stepscope: version,
    schemaVersion: listening.schemaVersion,
    publishableKey: keys.publishableKey,
    secretKey: keys.secretKey,
    localUser,
  };
  const runner = options.runner
    ? hostRunner({ url: state.url, secretKey: keys.secretKey, files: options.pipelines ?? [], bundled: true, onNotice: options.onNotice })
    : undefined;
  // Whoever finds the state file finds pipelines to run as well.
  await runner?.ready.catch(async (error: unknown) => {
    await endThread(server, closeGraceMs);
    throw error;
  });
  writeStateFile(options.dataDir, state);

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await runner?.close();
    // The state file goes first: nobody should be led to a server that is closing.
    removeStateFile(options.dataDir);
    await endThread(server, closeGraceMs);
  };
  return { state, migrations: listening.migrations, ended, close: () => (closing ??= close()) };
}

function untilEnded(server: Worker): Promise<void> {
  const ended = new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`the server thread ended with ${code}`))));
  });
  // Whoever cares awaits it; until then a death is not also an unhandled rejection.
  ended.catch(() => {});
  return ended;
}

/** The port of the previous backend of this data directory when it is free, so that open terminals and programs find the next one; else 0. */
async function lastPort(dataDir: string, host: string): Promise<number> {
  const port = readPrivateFile(join(dataDir, 'last-port.json'), Port) ?? 0;
  if (port === 0) return 0;
  return await new Promise<number>((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(0));
    probe.listen(port, host, () => probe.close(() => resolve(port)));
  });
}

function rememberPort(dataDir: string, url: string): void {
  writePrivateFile(join(dataDir, 'last-port.json'), Number(new URL(url).port));
}
