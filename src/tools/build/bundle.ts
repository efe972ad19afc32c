import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { plugins } from './plugins.ts';

/**
 * The files that something outside the bundle opens by name: `bin/`, the package's users, and the threads,
 * which are started as `new URL('./server-worker.js', import.meta.url)`.
 */
const entries = {
  cli: 'src/cli/main.ts',
  index: 'src/index.ts',
  'database-worker': 'src/storage/pglite/worker.ts',
  'server-worker': 'src/server/worker.ts',
  'function-worker': 'src/server/functions/function-worker.ts',
  'runner-worker': 'src/runner/worker.ts',
  'run-worker': 'src/runner/run-worker.ts',
  'link-worker': 'src/tracker/link-worker.ts',
  'scan-worker': 'src/client/trace/scan-worker.ts',
  'picture-worker': 'src/tui/pictures/picture-worker.ts',
};

/**
 * Bundles the program into `dist/*.js`, all files side by side, so that `import.meta.url` of any of them
 * leads to the others.
 *
 * PGlite stays outside: it loads its WebAssembly from its own folder.
 */
export async function bundle(root: string, dist: string): Promise<void> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: Object.entries(entries).map(([out, path]) => ({ in: path, out })),
    outdir: dist,
    bundle: true,
    write: false,
    format: 'esm',
    splitting: true,
    chunkNames: '[name]-[hash]',
    platform: 'node',
    target: 'node22.18',
    // Names stay, so that a stack in a bug report can be read.
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: 'external',
    sourcesContent: false,
    legalComments: 'none',
    define: { 'process.env.NODE_ENV': '"production"' },
    external: ['@electric-sql/pglite', '@electric-sql/pglite/*', 'stepscope', 'bufferutil', 'utf-8-validate'],
    // CommonJS dependencies call require() for node's own modules.
    banner: { js: "import{createRequire as $createRequire}from'node:module';const require=$createRequire(import.meta.url);" },
    plugins,
    logLevel: 'warning',
  });

  await mkdir(dist, { recursive: true });
  await Promise.all(outputFiles.map((file) => replaceFile(file.path, file.contents)));
  await removeLeftovers(dist, new Set(outputFiles.map((file) => basename(file.path))));
}

/** Writes by rename, and not at all when nothing changed: a running program may be about to load the file. */
async function replaceFile(path: string, contents: Uint8Array): Promise<void> {
  const old = await readFile(path).catch(() => undefined);
  if (old?.equals(contents)) return;
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, contents);
  await rename(temporary, path);
}

async function removeLeftovers(dist: string, made: ReadonlySet<string>): Promise<void> {
  const old = (await readdir(dist)).filter((name) => /\.js(\.map)?$/.test(name) && !made.has(name));
  await Promise.all(old.map((name) => rm(join(dist, name))));
}
