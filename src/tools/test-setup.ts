import { fork } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Starts one Postgres for all test files, which take databases of their own in it; starting one takes longer
 * than most files. Answers with how to stop it.
 */
// oxlint-disable-next-line import/no-default-export -- vitest asks for it
export default async function startPostgres(): Promise<() => Promise<void>> {
  // Threads and programs that tests start load the same sources over and over.
  process.env['NODE_COMPILE_CACHE'] ??= join(tmpdir(), 'stepscope-tests-compile-cache');
  if (process.env['TEST_DATABASE_URL']) return async () => {};
  const child = fork(fileURLToPath(new URL('./test-postgres.ts', import.meta.url)), { execArgv: [] });
  const ended = once(child, 'exit');
  const started = once(child, 'message') as Promise<[string]>;
  const failed = ended.then(([code]) => Promise.reject(new Error(`the Postgres for the tests ended with ${code}`)));
  failed.catch(() => {});
  const [url] = await Promise.race([started, failed]);
  process.env['TEST_DATABASE_URL'] = url;
  return async () => {
    child.disconnect();
    await ended;
  };
}
