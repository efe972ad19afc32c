import { accessSync, chmodSync, constants, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { UserError } from '../protocol/error.ts';

/**
 * Makes a folder that only its owner may look into, under any umask; one that is there, and empty
 * or ours, is closed to others.
 *
 * @throws UserError `unavailable` in one sentence when it cannot be made or written.
 */
export function makePrivateFolder(path: string): void {
  try {
    makeFolders(path);
    if ((statSync(path).mode & 0o077) !== 0) {
      if (!isOurs(path)) throw new Error('it holds files of others');
      chmodSync(path, 0o700);
    }
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw cannotUse(path, error);
  }
}

/** What others look into, as /tmp, must not be closed to them. */
function isOurs(path: string): boolean {
  const names = readdirSync(path);
  return names.length === 0 || names.some((name) => ours.has(name));
}

const ours: ReadonlySet<string> = new Set(['keys.json', 'backend.json', 'backend.log', 'database.lock', 'database', 'database.new', 'config.json', 'profiles.json']);

/** Not `recursive`: where a file system lets nothing be made, as in /proc, Node then tries for ever. */
function makeFolders(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(path);
  if (parent !== path) makeFolders(parent);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Somebody else may have made it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'it is not writable',
  EPERM: 'it is not writable',
  EROFS: 'it lies on a file system that is read-only',
  EEXIST: 'it is not a folder',
  ENOTDIR: 'it is not a folder',
  ENOENT: 'nothing can be made there',
  ELOOP: 'its symbolic links lead in a circle',
  ENAMETOOLONG: 'its name is too long',
  ENOSPC: 'its disk is full',
};

/** What the file system said of a data directory, for a person. */
export function cannotUse(dataDir: string, cause: unknown): UserError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return new UserError('unavailable', `cannot use the data directory ${dataDir}: ${reasons[code ?? ''] ?? message}`, {
    hint: 'Choose another with --data-dir or STEPSCOPE_DATA_DIR.',
    cause,
  });
}
