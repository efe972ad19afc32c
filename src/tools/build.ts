import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bundle } from './build/bundle.ts';
import { copyAssets } from './build/assets.ts';
import { emitTypes } from './build/types.ts';
import { isFresh, recordFreshness } from './build/freshness.ts';
import { whileLocked } from './build/lock.ts';
import { prepareData } from './build/prepared-data.ts';

/*
 * `node src/tools/build.ts`: makes `dist/` from `src/`, and does nothing when no source is newer. `--force`
 * builds all the same. Two builds at once wait for each other, and the second finds the first one's work.
 */

export const root = join(import.meta.dirname, '../..');
const dist = join(root, 'dist');

await whileLocked(join(root, 'node_modules/.stepscope-build.lock'), async () => {
  if (process.argv.includes('--force')) await rm(dist, { recursive: true, force: true });
  if (await isFresh(root, dist)) return;

  const startedAt = performance.now();
  // Types come last and alone: they take no part in running the program, and two cores are soon full.
  await Promise.all([bundle(root, dist), copyAssets(root, dist), prepareData(root, dist)]);
  await emitTypes(root, dist);
  await recordFreshness(root, dist);
  console.error(`built dist/ in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
});
