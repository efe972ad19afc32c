import { parentPort, workerData } from 'node:worker_threads';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../protocol/error.ts';
import type { Database } from '../storage/database.ts';
import { migrate, schemaVersion } from '../storage/migrate.ts';
import { openPglite } from '../storage/pglite/open-pglite.ts';
import { openPostgres } from '../storage/postgres/open-postgres.ts';
import { agreeOnKeys, refuseOtherKeys } from './key-fingerprint.ts';
import { ensureLocalUser } from './local-user.ts';
import { S3Options } from './storage/s3-store.ts';
import { startServer, type RunningServer } from './start-server.ts';

/*
 * The server's thread. Whoever hosts a backend starts it with `workerData` and hears `listening` or `failed`,
 * then `activity` now and then, and ends it with `{type: 'close'}`.
 */

const WorkerData = z.object({
  dataDir: z.string(),
  /** A Postgres to use instead of the embedded one. */
  databaseUrl: z.string().optional(),
  /** As in `ServerOptions`. */
  redisUrl: z.string().optional(),
  keys: z.object({ publishableKey: z.string(), secretKey: z.string(), jwtSecret: z.string() }),
  /** Serve a database with these keys that was served with others. */
  replaceKeys: z.boolean().optional(),
  host: z.string(),
  port: z.int().min(0).max(65_535),
  /** The administrator of a local backend. */
  localUser: z.object({ email: z.string(), password: z.string() }).optional(),
  /** As in `ServerOptions`. */
  jwks: z.string().optional(),
  jwtIssuer: z.string().optional(),
  allowSignUp: z.boolean().optional(),
  s3: S3Options.optional(),
  functionsDir: z.string().optional(),
  mode: z.string(),
  version: z.string().optional(),
});

const activityEveryMs = 2_000;

interface Opened {
  readonly database: Database;
  readonly server: RunningServer;
  /** What was applied at this start. */
  readonly migrations: readonly string[];
}

async function open(options: z.infer<typeof WorkerData>): Promise<Opened> {
  const { dataDir, databaseUrl, redisUrl, keys, host, port, localUser, mode, version, jwks, jwtIssuer, allowSignUp, s3, functionsDir } = options;
  // A command's own backend is gone with it.
  const effort = mode === 'in-process' ? 'quick' : 'lasting';
  const database = databaseUrl === undefined ? await openPglite({ dataDir, effort }) : await openPostgres({ url: databaseUrl });
  try {
    // Servers that are there may not work with the schema of a newer stepscope that is none of them.
    if (databaseUrl !== undefined && options.replaceKeys !== true) await refuseOtherKeys(database, keys);
    const applied = await migrate(database, { onNotice: (text) => console.error(text) });
    // An embedded database has one server; its keys lie beside it.
    if (databaseUrl !== undefined) await agreeOnKeys(database, keys, { replace: options.replaceKeys });
    const instance = { stepscope: version ?? 'unknown', schemaVersion: schemaVersion(), mode, engine: database.engine };
    const filesDirectory = join(dataDir, 'files');
    // Holders of a local backend live in its process: none of them has outlived the last one.
    const ownHolders = databaseUrl === undefined ? 'local/' : undefined;
    const server = await startServer({ database, keys, host, port, filesDirectory, redisUrl, instance, ownHolders, jwks, jwtIssuer, allowSignUp, s3, functionsDir });
    if (localUser !== undefined) await ensureLocalUser({ database, keys }, localUser);
    return { database, server, migrations: applied.map(({ name }) => name) };
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function main(port: NonNullable<typeof parentPort>): Promise<void> {
  const { database, server, migrations } = await open(WorkerData.parse(workerData));
  port.postMessage({ type: 'listening', url: server.url, engine: database.engine, schemaVersion: schemaVersion(), migrations });

  let last = '';
  async function tell(): Promise<void> {
    const activity = await server.activity();
    // Only when it has changed: a host that hears nothing has nothing to decide anew.
    if (JSON.stringify(activity) !== last) port.postMessage({ type: 'activity', ...activity });
    last = JSON.stringify(activity);
  }
  const timer = setInterval(() => {
    // A database that does not answer now is asked again next time.
    void tell().catch(() => {});
  }, activityEveryMs);

  port.once('message', () => {
    clearInterval(timer);
    void server
      .close()
      .then(async () => await database.close())
      .finally(() => process.exit(0));
  });
}

if (parentPort !== null) {
  const port = parentPort;
  main(port).catch((error: unknown) => {
    if (!(error instanceof UserError)) throw error;
    port.postMessage({ type: 'failed', code: error.code, message: error.message, hint: error.hint });
    port.close();
  });
}
