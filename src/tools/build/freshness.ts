import { createHash } from 'node:crypto';
import { globSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What `dist/` is made from. Tests and checks are not in it. */
const inputs = ['src/**/*.{ts,tsx,sql}', 'package.json', 'package-lock.json', 'tsconfig.json'];
const isInput = (path: string): boolean => !/\.test\.tsx?$|^src\/tools\/(bench|check)-/.test(path);

/** Is `dist/` made from the sources as they are now? Costs a stat for each of them. */
export async function isFresh(root: string, dist: string): Promise<boolean> {
  const recorded = await readFile(join(dist, '.fresh'), 'utf8').catch(() => undefined);
  return recorded !== undefined && recorded === (await fingerprint(root));
}

/** Remembers the sources that `dist/` was made from. */
export async function recordFreshness(root: string, dist: string): Promise<void> {
  await writeFile(join(dist, '.fresh'), await fingerprint(root));
}

/** Changes when a file comes, goes, or is written; contents are not read. */
async function fingerprint(root: string): Promise<string> {
  const paths = globSync(inputs, { cwd: root }).filter(isInput).toSorted();
  const lines = await Promise.all(
    paths.map(async (path) => {
      const { size, mtimeMs } = await stat(join(root, path));
      return `${path} ${size} ${mtimeMs}`;
    }),
  );
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}
