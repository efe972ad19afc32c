import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../protocol/error.ts';
import type { BackendKeys } from '../../server/keys.ts';
import { readSecret } from '../secret.ts';
import { writeSecretFile } from './private-file.ts';

/** What `stepscope keys` writes: the keys that several servers share. */
const KeysFile = z.strictObject({
  publishableKey: z.string().min(20),
  secretKey: z.string().min(20),
  /** Signs users' tokens, HS256: as long as its hash at least. */
  jwtSecret: z.string().min(32),
});

/** The keys that flag or environment give; undefined when neither does. Throws `usage` naming the place, never a value. */
export function givenKeys(flag: string | undefined, env: NodeJS.ProcessEnv): BackendKeys | undefined {
  if (flag !== undefined) return parseKeys(readSecret(flag, '--keys'), '--keys');
  const text = env['STEPSCOPE_KEYS'];
  if (!text) return undefined;
  return parseKeys(text.startsWith('@') ? readSecret(text, 'STEPSCOPE_KEYS') : text, 'STEPSCOPE_KEYS');
}

function parseKeys(text: string, place: string): BackendKeys {
  const hint = 'Make a keys file with `stepscope keys FILE`.';
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // What JSON.parse says quotes the text.
    throw new UserError('usage', `${place}: the keys are not JSON`, { hint });
  }
  const parsed = KeysFile.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new UserError(
    'usage',
    `${place}: ${parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the whole'}: ${message}`).join('; ')}`,
    { hint },
  );
}

/** Writes keys for other servers to read. Throws `conflict` when the file is there: its keys may be in use. */
export function writeKeysFile(path: string, { publishableKey, secretKey, jwtSecret }: BackendKeys): string {
  const file = resolve(path);
  if (existsSync(file))
    throw new UserError('conflict', `${file} is there already`, { hint: 'Choose another name: its keys may be in use.' });
  writeSecretFile(file, { publishableKey, secretKey, jwtSecret });
  return file;
}
