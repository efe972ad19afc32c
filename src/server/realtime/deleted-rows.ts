import type { JsonObject } from '../../protocol/json.ts';
import type { ChangeNotice } from '../../protocol/realtime.ts';
import type { Database, Transaction } from '../../storage/database.ts';
import { quoted } from './filter.ts';

/** Deleted rows as they last were, by the id under which a notice names them. They are kept for a minute. */
export type DeletedRows = ReadonlyMap<number, JsonObject>;

/** Fetches what the notices name, as the owner: who may hear of it is asked of each listener's policies. */
export async function readDeletedRows(database: Database, notices: readonly ChangeNotice[]): Promise<DeletedRows> {
  const ids = notices.flatMap((notice) => notice.deleted ?? []);
  if (ids.length === 0) return new Map();
  const { rows } = await database.asOwner(
    async (transaction) =>
      await transaction.query<{ id: number; image: JsonObject }>(
        'select id, image from stepscope.deleted_rows where id = any ($1::bigint[])',
        [ids],
      ),
  );
  return new Map(rows.map(({ id, image }) => [Number(id), image]));
}

/**
 * The condition under which the transaction's role could have read a row of the table that is gone: what the
 * table's policies say, written as SQL on a row under the table's name. Read anew each time, as policies change.
 */
export async function visibilitySql(transaction: Transaction, table: string): Promise<string> {
  const { rows } = await transaction.query<{ may: boolean; secured: boolean; policies: readonly Policy[] }>(
    `select has_table_privilege(c.oid, 'select') as may, row_security_active(c.oid) as secured,
       (select coalesce(jsonb_agg(jsonb_build_object('permissive', p.permissive = 'PERMISSIVE', 'qual', p.qual)), '[]') from pg_policies p
          where p.schemaname = 'public' and p.tablename = c.relname and p.cmd in ('SELECT', 'ALL') and p.qual is not null
            and exists (select from unnest(p.roles) as role where role = 'public' or pg_has_role(role, 'usage'))) as policies
     from pg_class c where c.oid = $1::text::regclass`,
    [`public.${quoted(table)}`],
  );
  const { may, secured, policies } = rows[0]!;
  if (!may) return 'false';
  if (!secured) return 'true';
  const permissive = policies.filter((policy) => policy.permissive).map(({ qual }) => `(${qual})`);
  const restrictive = policies.filter((policy) => !policy.permissive).map(({ qual }) => `(${qual})`);
  return permissive.length === 0 ? 'false' : [`(${permissive.join(' or ')})`, ...restrictive].join(' and ');
}

interface Policy {
  readonly permissive: boolean;
  readonly qual: string;
}
