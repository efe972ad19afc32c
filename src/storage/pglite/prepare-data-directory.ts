import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '../database.ts';
import { migrate } from '../migrate.ts';
import { storePrepared } from './data-directory.ts';
import { openPglite } from './open-pglite.ts';

/**
 * Makes a migrated, empty database for the build to ship, because copying one takes 0.3 s and making one
 * 3 s and a gigabyte of memory. `target` is replaced. `furnish` adds what others keep in it.
 */
export async function prepareDataDirectory(target: string, furnish: (database: Database) => Promise<void> = async () => {}): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'stepscope-prepare-'));
  try {
    const database = await openPglite({ dataDir, durability: 'process', effort: 'quick' });
    await migrate(database);
    await furnish(database);
    const connection = await database.acquire({ timeoutMs: 60_000 });
    await connection.query('vacuum (full, analyze)');
    await connection.release();
    await database.close();
    storePrepared(dataDir, target);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}
