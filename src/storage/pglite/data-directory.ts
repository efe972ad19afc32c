import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { UserError } from '../../protocol/error.ts';
import { cannotUse, makePrivateFolder } from '../private-folder.ts';
import { syncPath } from './durable-file-system.ts';
import type { Durability } from './worker-protocol.ts';

/*
 * What lies in a data directory: `database/` is Postgres's own, `database.json` says what made it,
 * `database.lock` and `database.pid` who has it. `database.new/` is one being made; it gets its name when
 * it is whole.
 */

/** Major version of the Postgres inside PGlite; a directory belongs to one. */
const postgresMajor = 18;

const Engine = z.object({ engine: z.literal('pglite'), postgres: z.int() });
const Prepared = Engine.extend({
  /** Empty directories, which package archives drop and Postgres needs. */
  directories: z.array(z.string()),
});

/** The database within a data directory. */
export function databaseDirectory(dataDir: string): string {
  return join(dataDir, 'database');
}

/**
 * Makes sure the data directory is there, ours alone, and fit for this engine.
 *
 * @throws UserError `unavailable` when it cannot be written, or was made by another engine.
 */
export function openDataDirectory(dataDir: string): void {
  // Before anything is in it: PGlite's own files are open to all.
  makePrivateFolder(dataDir);
  try {
    writeFileSync(join(dataDir, 'database.lock'), '', { flag: 'a', mode: 0o600 });
  } catch (error) {
    throw cannotUse(dataDir, error);
  }
}

/** Refuses a database of another engine. To be asked when the directory is locked. */
export function checkEngine(dataDir: string): void {
  const directory = databaseDirectory(dataDir);
  if (!existsSync(directory)) return;
  if (lstatSync(directory).isSymbolicLink()) {
    throw new UserError('unavailable', `${directory} is a symbolic link`, { hint: 'Point STEPSCOPE_DATA_DIR at the real directory' });
  }
  const found = readFound(dataDir);
  if (found === postgresMajor) return;
  const by =
    found === undefined
      ? 'something else'
      : `${found > postgresMajor ? 'a newer' : 'an older'} stepscope (Postgres ${found}, this one has ${postgresMajor})`;
  throw new UserError('unavailable', `the database in ${dataDir} was made by ${by}`, {
    hint: 'Use the stepscope that made it to export the runs, then import them here',
  });
}

/** The Postgres that made the database: by its own word, which every directory has, and by ours where it says otherwise. */
function readFound(dataDir: string): number | undefined {
  const ours = readWord(join(dataDir, 'database.json'));
  if (ours !== undefined && ours !== postgresMajor) return ours;
  try {
    return Number.parseInt(readFileSync(join(databaseDirectory(dataDir), 'PG_VERSION'), 'utf8'), 10) || undefined;
  } catch {
    return undefined;
  }
}

function readWord(path: string): number | undefined {
  try {
    return Engine.parse(JSON.parse(readFileSync(path, 'utf8'))).postgres;
  } catch {
    return undefined;
  }
}

/** A new database, copied from the prepared one. False when there is none, or there already is a database. */
export async function copyPrepared(dataDir: string, preparedDirectory: string | undefined, durability: Durability): Promise<boolean> {
  if (preparedDirectory === undefined || existsSync(databaseDirectory(dataDir))) return false;
  const manifest = readManifest(preparedDirectory);
  if (manifest?.postgres !== postgresMajor) return false;
  const half = startNew(dataDir);
  cpSync(join(preparedDirectory, 'database'), half, { recursive: true });
  for (const directory of manifest.directories) mkdirSync(join(half, directory), { recursive: true, mode: 0o700 });
  await finishNew(dataDir, durability);
  return true;
}

function readManifest(preparedDirectory: string): z.infer<typeof Prepared> | undefined {
  try {
    return Prepared.parse(JSON.parse(readFileSync(join(preparedDirectory, 'prepared.json'), 'utf8')));
  } catch {
    return undefined;
  }
}

/** The place of a database in the making, empty. What an earlier, killed attempt left is removed. */
export function startNew(dataDir: string): string {
  const half = join(dataDir, 'database.new');
  rmSync(half, { recursive: true, force: true });
  return half;
}

/** Gives a whole database its name. With `power`, whoever finds one finds all of it, after a power cut too. */
export async function finishNew(dataDir: string, durability: Durability): Promise<void> {
  const half = join(dataDir, 'database.new');
  if (durability === 'power') await syncTree(half);
  renameSync(half, databaseDirectory(dataDir));
  writeFileSync(join(dataDir, 'database.json'), `${JSON.stringify({ engine: 'pglite', postgres: postgresMajor })}\n`, { mode: 0o600 });
  if (durability === 'power') syncPath(dataDir);
}

/** A thousand files, many at a time: the disk then syncs them together. */
async function syncTree(root: string): Promise<void> {
  const paths = [root, ...readdirSync(root, { recursive: true, encoding: 'utf8' }).map((name) => join(root, name))];
  const next = paths.values();
  const worker = async (): Promise<void> => {
    for (const path of next) {
      const file = await open(path, 'r');
      await file.sync();
      await file.close();
    }
  };
  await Promise.all(Array.from({ length: 32 }, worker));
}

/** Moves a closed database to where the build wants it, with its manifest. */
export function storePrepared(dataDir: string, target: string): void {
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const database = join(target, 'database');
  cpSync(databaseDirectory(dataDir), database, { recursive: true });
  const manifest: z.infer<typeof Prepared> = { engine: 'pglite', postgres: postgresMajor, directories: emptyDirectories(database, '') };
  writeFileSync(join(target, 'prepared.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

function emptyDirectories(root: string, path: string): string[] {
  const entries = readdirSync(join(root, path), { withFileTypes: true });
  if (entries.length === 0) return [path];
  return entries.filter((entry) => entry.isDirectory()).flatMap((entry) => emptyDirectories(root, join(path, entry.name)));
}

/** The prepared database beside the bundle; sources have none and run initdb. */
export function bundledPrepared(): string | undefined {
  const directory = join(dirname(fileURLToPath(import.meta.url)), 'prepared-database');
  return existsSync(join(directory, 'prepared.json')) ? directory : undefined;
}

/** Bytes that this process may still write beside the database. */
export function freeBytes(dataDir: string): number {
  const { bavail, bsize } = statfsSync(dataDir);
  return bavail * bsize;
}
