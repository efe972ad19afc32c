import { testPostgres } from '../storage/testing.ts';

/**
 * Starts one Postgres for all test files, which take databases of their own in it; starting one takes longer
 * than most files. Answers with how to stop it.
 */
// oxlint-disable-next-line import/no-default-export -- vitest asks for it
export default async function startPostgres(): Promise<() => Promise<void>> {
  const server = await testPostgres();
  process.env['TEST_DATABASE_URL'] = server.url;
  return async () => await server.stop();
}
