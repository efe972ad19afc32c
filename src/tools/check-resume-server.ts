import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer } from '../server/start-server.ts';
import type { BackendKeys } from '../server/keys.ts';
import { openPostgres } from '../storage/postgres/open-postgres.ts';

/*
 * One of the servers of check-resume, in a process of its own. It is ended by a kill, so it cleans nothing up.
 */

const [, , url, port, keys] = process.argv as unknown as readonly [string, string, string, string, string];
const database = await openPostgres({ url });
const server = await startServer({
  database,
  keys: JSON.parse(keys) as BackendKeys,
  host: '127.0.0.1',
  port: Number(port),
  filesDirectory: mkdtempSync(join(tmpdir(), 'stepscope-resume-')),
  instance: { mode: 'check' },
});
process.send!({ url: server.url, port: server.port });
