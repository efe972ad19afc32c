import { createHmac } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../protocol/error.ts';
import type { StateFile } from '../../protocol/state-file.ts';
import { createKeys } from '../../server/keys.ts';
import type { BackendKeys } from '../../server/keys.ts';
import { readPrivateFile, writePrivateFile } from './private-file.ts';

/** `keys.json` in the data directory (0600): made once, so that programs configured with a key go on working. */
const Keys = z.object({ publishableKey: z.string(), secretKey: z.string(), jwtSecret: z.string() });

/** The keys of the backend in a data directory; made when it has none. */
export function keysOf(dataDir: string): BackendKeys {
  const path = join(dataDir, 'keys.json');
  const known = readPrivateFile(path, Keys);
  if (known !== undefined) return known;
  // New keys would lock out every program that has the old ones: better to ask.
  if (existsSync(path)) {
    throw new UserError('unavailable', `cannot read the keys of the backend in ${path}`, { hint: 'Delete the file to have new ones made.' });
  }
  const keys = createKeys();
  writePrivateFile(path, keys);
  return keys;
}

const localEmail = 'local@stepscope';

/**
 * The administrator as whom the owner of the machine acts. The password follows from the keys: servers that
 * share a database share it too, and none changes it for the others.
 */
export function localUserOf({ jwtSecret }: BackendKeys): StateFile['localUser'] {
  return { email: localEmail, password: createHmac('sha256', jwtSecret).update(localEmail).digest('base64url') };
}
