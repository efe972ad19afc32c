import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { z } from 'zod';
import { UserError } from '../../protocol/error.ts';
import { cannotUse, makePrivateFolder } from '../../storage/private-folder.ts';

/** Replaces a file at once and whole, readable by its owner only. */
export function writePrivateFile(path: string, value: unknown): void {
  makePrivateFolder(dirname(path));
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
    renameSync(temporary, path);
  } catch (error) {
    throw cannotUse(dirname(path), error);
  }
}

/** The same in a folder that is not ours. Never replaces a file. */
export function writeSecretFile(path: string, value: unknown): void {
  try {
    writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw new UserError('unavailable', `cannot write ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** Reads a file that {@link writePrivateFile} wrote; undefined when it is not there or is not what it should be. */
export function readPrivateFile<T>(path: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}
