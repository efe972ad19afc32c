import { createHash } from 'node:crypto';
import { UserError } from '../protocol/error.ts';
import type { Database, Transaction } from '../storage/database.ts';
import type { BackendKeys } from './keys.ts';

/**
 * Refuses a database that is served with other keys, as {@link agreeOnKeys} does, before anything is changed in
 * it. Whatever was never served has none.
 */
export async function refuseOtherKeys(database: Database, keys: BackendKeys): Promise<void> {
  const note = await database.asOwner(async (transaction) => {
    const { rows } = await transaction.query<{ known: boolean }>(`select to_regclass('stepscope.server_keys') is not null as known`);
    return rows[0]!.known ? await readNote(transaction) : undefined;
  });
  if (note !== undefined) assertOurs(note, keys);
}

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
  const note = await database.asOwner(async (transaction) => {
    const onConflict = replace ? 'do update set fingerprint = excluded.fingerprint, since = now()' : 'do nothing';
    await transaction.query(`insert into stepscope.server_keys (fingerprint) values ($1) on conflict (singleton) ${onConflict}`, [ours]);
    return await readNote(transaction);
  });
  if (note !== undefined) assertOurs(note, keys);
}

interface Note {
  readonly fingerprint: string;
  readonly since: string;
}

async function readNote(transaction: Transaction): Promise<Note | undefined> {
  const { rows } = await transaction.query<Note>('select fingerprint, since from stepscope.server_keys');
  return rows[0];
}

function assertOurs({ fingerprint, since }: Note, keys: BackendKeys): void {
  if (fingerprint === fingerprintOf(keys)) return;
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
