import type { Claims, Database } from '../../storage/database.ts';

/** May somebody use private channels? They carry what runs log, so it takes what reading runs takes. */
export async function mayUsePrivateTopics(database: Database, claims: Claims): Promise<boolean> {
  if (claims.role !== 'authenticated') return claims.role === 'service_role';
  return await database.asUser(claims, async (transaction) => {
    const { rows } = await transaction.query<{ admin: boolean }>('select public.is_admin_user() as admin');
    return rows[0]?.admin === true;
  });
}
