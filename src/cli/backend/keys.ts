import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../protocol/error.ts';
import { createKeys } from '../../server/keys.ts';
import { readPrivateFile, writePrivateFile } from './private-file.ts';

/** `keys.json` in the data directory (0600): made once, so that programs configured with a key go on working. */
const Keys = z.object({
  publishableKey: z.string(),
  secretKey: z.string(),
  jwtSecret: z.string(),
  localUser: z.object({ email: z.string(), password: z.string() }),
});
export type Keys = z.infer<typeof Keys>;

/** The keys of the backend in a data directory; made when it has none. */
export function keysOf(dataDir: string): Keys {
  const path = join(dataDir, 'keys.json');
  const known = readPrivateFile(path, Keys);
  if (known !== undefined) return known;
  // New keys would lock out every program that has the old ones: better to ask.
  if (existsSync(path)) {
    throw new UserError('unavailable', `cannot read the keys of the backend in ${path}`, { hint: 'Delete the file to have new ones made.' });
  }
  const keys: Keys = { ...createKeys(), localUser: { email: 'local@stepscope', password: randomBytes(24).toString('base64url') } };
  writePrivateFile(path, keys);
  return keys;
}
