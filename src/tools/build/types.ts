import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Writes the declarations of the package's public entry and of all it reaches to `dist/types`. What the
 * compiler has to say is passed on and ends nothing: the program runs without, and `npm test` checks types.
 */
export async function emitTypes(root: string, dist: string): Promise<void> {
  const project = join(root, 'node_modules/.stepscope-types.json');
  const options = { noEmit: false, emitDeclarationOnly: true, declaration: true, rootDir: join(root, 'src'), outDir: join(dist, 'types') };
  await writeFile(
    project,
    JSON.stringify({ extends: '../tsconfig.json', compilerOptions: options, include: [], files: ['../src/index.ts'] }),
  );

  await rm(join(dist, 'types'), { recursive: true, force: true });
  try {
    await promisify(execFile)(join(root, 'node_modules/.bin/tsc'), ['-p', project]);
  } catch (error) {
    console.error((error as { stdout?: string }).stdout || error);
  }
}
