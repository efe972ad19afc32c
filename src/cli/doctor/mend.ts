import { publishedTables } from '../../protocol/rows.ts';
import type { Check } from './check.ts';
import type { Subject } from './subject.ts';

/** Puts back what the schema made and somebody took away: by the database's owner, or by a secret key. */
export function mend({ service, database, command }: Subject): Check {
  return {
    name: 'mend',
    look: async () => {
      const done =
        database !== undefined
          ? await database.asOwner(async (transaction) => {
              const { rows } = await transaction.query<{ done: readonly string[] }>(
                'select to_jsonb(public.mend_schema($1::text[])) as done',
                [`{${publishedTables.join(',')}}`],
              );
              return rows[0]!.done;
            })
          : await service?.diagnosis.mendSchema();
      if (done === undefined)
        return {
          result: 'problem',
          what: 'takes a secret key, or the database itself',
          command: command('doctor --mend --database-url env:DATABASE_URL'),
        };
      return { result: 'ok', what: done.length === 0 ? 'nothing was to be put back' : `put back: ${done.join('; ')}` };
    },
  };
}
