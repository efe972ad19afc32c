import { open, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { basename, extname, join } from 'node:path';
import { UserError } from '../../protocol/error.ts';

/** Files of one name before we stop numbering them. */
const MAX_SAME_NAME = 1_000;

/**
 * Writes a file that only its owner reads, into the working directory, else the home directory, else the
 * temporary one. Never over another: the name gets a number. A text that comes in pieces and breaks off leaves no file.
 * Returns its whole path.
 */
export async function writeFresh(fileName: string, text: string | Uint8Array | AsyncIterable<string>): Promise<string> {
  let refusal: unknown;
  for (const directory of [process.cwd(), homedir(), tmpdir()]) {
    for (let number = 1; number <= MAX_SAME_NAME; number += 1) {
      const end = extname(fileName);
      const path = join(directory, number === 1 ? fileName : `${basename(fileName, end)}-${number}${end}`);
      try {
        const file = await open(path, 'wx', 0o600);
        try {
          await file.writeFile(text);
        } catch (error) {
          await rm(path, { force: true });
          // Pieces that were read are gone, so there is no other try.
          throw typeof text === 'string' || text instanceof Uint8Array ? error : new NotWritten(error);
        } finally {
          await file.close();
        }
        return path;
      } catch (error) {
        if (error instanceof NotWritten) throw error.cause;
        refusal = error;
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') break;
      }
    }
  }
  throw new UserError('no-space', `${fileName} could not be written anywhere: ${refusal instanceof Error ? refusal.message : String(refusal)}`, { cause: refusal });
}

class NotWritten extends Error {
  constructor(cause: unknown) {
    super('not written', { cause });
  }
}
