import { createHash } from 'node:crypto';
import { UserError } from '../protocol/error.ts';
import type { Database } from '../storage/database.ts';
import type { BackendKeys } from './keys.ts';

/**
 * Makes sure that all servers on one database have the same keys: the first leaves a fingerprint of its own
 * there. `replace` leaves ours instead. Throws `conflict` when another server's are there.
 */
export async function agreeOnKeys(
  database: Database,
  keys: BackendKeys,
  { replace = false }: { readonly replace?: boolean | undefined } = {},
): Promise<void> {
  const ours = fingerprintOf(keys);
  const { fingerprint, since } = await database.asOwner(async (transaction) => {
    const onConflict = replace ? 'do update set fingerprint = excluded.fingerprint, since = now()' : 'do nothing';
    await transaction.query(`insert into stepscope.server_keys (fingerprint) values ($1) on conflict (singleton) ${onConflict}`, [ours]);
    const { rows } = await transaction.query<{ fingerprint: string; since: string }>(
      'select fingerprint, since from stepscope.server_keys',
    );
    return rows[0]!;
  });
  if (fingerprint === ours) return;
  throw new UserError(
    'conflict',
    `the database is served with other keys since ${since.slice(0, 16)}: clients of one server would be strangers to the other`,
    {
      hint: 'Give both the same: `stepscope keys FILE --current` on the other machine, then `serve --keys @FILE` here. To change keys, stop all servers and start one with --replace-keys',
    },
  );
}

function fingerprintOf({ publishableKey, secretKey, jwtSecret }: BackendKeys): string {
  return createHash('sha256')
    .update(JSON.stringify([publishableKey, secretKey, jwtSecret]))
    .digest('hex');
}
