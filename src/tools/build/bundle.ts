import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build, type BuildOptions, type Plugin } from 'esbuild';
import { firstFrameTogether } from './first-frame.ts';
import { builtinsPlain, laterEntries, packagesLater } from './later.ts';
import { plugins } from './plugins.ts';

/** What `bin/` opens: the program, whose first frame somebody waits for. */
const programEntries = { cli: 'src/cli/main.ts', ...laterEntries };

/**
 * What else is opened by name: by the package's users, and the threads, which are started as
 * `new URL('./server-worker.js', import.meta.url)`. None shares a thread with the program.
 */
const otherEntries = {
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
  const made = await Promise.all([
    bundleProgram(root, dist),
    build(bundleOptions(root, dist, otherEntries, plugins)),
  ]);
  // A chunk that both have is in both under its name, which tells what is in it.
  const outputFiles = [...new Map(made.flatMap(({ outputFiles }) => outputFiles.map((file) => [file.path, file] as const))).values()];

  await mkdir(dist, { recursive: true });
  await Promise.all(outputFiles.map((file) => replaceFile(file.path, file.contents)));
  await removeLeftovers(dist, new Set(outputFiles.map((file) => basename(file.path))));
}

/** The program, in the memory: once to see what is loaded before its first frame, and once with that together. */
export async function bundleProgram(root: string, dist: string) {
  const options = bundleOptions(root, dist, programEntries, [packagesLater, builtinsPlain, ...plugins]);
  const { metafile } = await build({ ...options, sourcemap: false });
  return await build({ ...options, plugins: [firstFrameTogether(root, metafile), ...options.plugins] });
}

function bundleOptions(root: string, dist: string, entries: Readonly<Record<string, string>>, plugins: readonly Plugin[]) {
  return {
    absWorkingDir: root,
    entryPoints: Object.entries(entries).map(([out, path]) => ({ in: path, out })),
    outdir: dist,
    bundle: true,
    write: false,
    metafile: true,
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
    plugins: [...plugins],
    logLevel: 'warning',
  } as const satisfies BuildOptions;
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
