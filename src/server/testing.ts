import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '../storage/database.ts';
import { openPostgres } from '../storage/postgres/open-postgres.ts';
import { openTestDatabase, type TestPostgres } from '../storage/testing.ts';
import { createKeys, type BackendKeys } from './keys.ts';
import { ensureLocalUser } from './local-user.ts';
import { startServer, type ServerOptions } from './start-server.ts';
import { createSupabaseLite } from './supabase-lite.ts';

/** A whole backend for a test: real database, real HTTP and realtime, keys, and a user who is admin. */
export interface TestBackend {
  readonly url: string;
  readonly keys: BackendKeys;
  readonly admin: { readonly email: string; readonly password: string; readonly id: string };
  readonly database: Database;
  /** Makes a user without any role. */
  addUser(): Promise<{ readonly email: string; readonly password: string; readonly id: string }>;
  /** Ends the server, waits for `whileDown`, and starts it anew on the same port and database; clients lose their links. */
  restart(whileDown?: () => Promise<unknown>): Promise<void>;
  /** Starts another server on the same Postgres, with a pool of its own, as another machine would. */
  addServer(options?: { readonly redisUrl?: string }): Promise<OtherServer>;
  stop(): Promise<void>;
}

export interface OtherServer extends Pick<TestBackend, 'url' | 'keys' | 'stop'> {
  status(): Promise<Record<string, unknown>>;
}

interface TestBackendOptions {
  readonly engine?: Database['engine'];
  /** A Postgres of the test's own, in which the backend gets a database. */
  readonly postgres?: TestPostgres;
  /** What the server is started with beside what every test's is. */
  readonly server?: Partial<ServerOptions>;
}

/** Starts one in the test's own process, migrated, on a free port. Stop it in `afterAll`. */
export async function startTestBackend({
  postgres,
  engine = postgres === undefined ? 'pglite' : 'postgres',
  server: serverOptions = {},
}: TestBackendOptions = {}): Promise<TestBackend> {
  const opened = await openTestDatabase(engine, postgres);
  const { database } = opened;
  const keys = createKeys();
  const filesDirectory = await mkdtemp(join(tmpdir(), 'stepscope-files-'));
  const start = async (port: number) =>
    await startServer({ database, keys, host: '127.0.0.1', port, filesDirectory, instance: { stepscope: 'test', mode: 'in-process' }, ...serverOptions });
  let server = await start(0);
  const login = { email: 'admin@stepscope', password: 'a password for tests' };
  const admin = { ...login, id: await ensureLocalUser({ database, keys }, login) };
  return {
    url: server.url,
    keys,
    admin,
    database,
    async addUser() {
      const user = { email: `${randomUUID()}@example.com`, password: randomUUID() };
      return { ...user, id: await createSupabaseLite({ database, keys }).ensureUser(user) };
    },
    async restart(whileDown) {
      await server.close();
      await whileDown?.();
      server = await start(server.port);
    },
    async addServer(options) {
      if (opened.url === undefined) throw new Error('the embedded database has one server');
      const pool = await openPostgres({ url: opened.url });
      const instance = { stepscope: 'test', mode: 'beside' };
      const other = await startServer({ database: pool, keys, host: '127.0.0.1', port: 0, filesDirectory, instance, ...options });
      return {
        url: other.url,
        keys,
        async status() {
          const answer = await fetch(`${other.url}/status`, { headers: { apikey: keys.secretKey } });
          return (await answer.json()) as Record<string, unknown>;
        },
        async stop() {
          await other.close();
          await pool.close();
        },
      };
    },
    async stop() {
      await server.close();
      await opened.close();
      await rm(filesDirectory, { recursive: true, force: true });
    },
  };
}
