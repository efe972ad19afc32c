import type { Database } from '../storage/database.ts';

/** Who of those with a token of ours is still a user. Asks the database at most every few seconds for each. */
export interface KnownUsers {
  has(id: string): Promise<boolean>;
  /** A user was removed here. Other servers notice within {@link freshMs}. */
  forget(id: string): void;
}

const freshMs = 5_000;
/** Users remembered at a time; with more, all are asked for anew. */
const maxRemembered = 10_000;

export function rememberUsers(database: Database): KnownUsers {
  const seenAt = new Map<string, number>();
  return {
    async has(id) {
      if (Date.now() - (seenAt.get(id) ?? 0) < freshMs) return true;
      const { rows } = await database.asOwner(async (transaction) => await transaction.query('select from auth.users where id = $1', [id]));
      if (seenAt.size >= maxRemembered) seenAt.clear();
      if (rows.length > 0) seenAt.set(id, Date.now());
      return rows.length > 0;
    },
    forget: (id) => void seenAt.delete(id),
  };
}
