import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Metafile, Plugin } from 'esbuild';

/** What is loaded one after the other until the first frame of `stepscope` stands; each imports the next when it gets there. */
const way = ['src/cli/main.ts', 'src/cli/commands/terminal.ts', 'src/tui/start-tui.ts'] as const;

/** The files of the bundle that are loaded until the first frame stands, by their paths in the metafile. */
export function loadedBefore({ outputs }: Metafile): ReadonlySet<string> {
  const loaded = new Set<string>();
  const load = (path: string): void => {
    if (loaded.has(path)) return;
    loaded.add(path);
    for (const { path: next, kind, external } of outputs[path]!.imports) if (kind === 'import-statement' && external !== true) load(next);
  };
  for (const step of way) {
    const own = Object.keys(outputs).find((path) => outputs[path]!.entryPoint === step);
    if (own === undefined) throw new Error(`the bundle has no file of its own for ${step}, which is on the way to the first frame`);
    load(own);
  }
  return loaded;
}

/**
 * Has what is loaded before the first frame and shared with anything else lie in one chunk. Chunks are made by who
 * reaches a module, so there are as many as there are such groups, and each costs half a millisecond to open.
 *
 * Whatever reaches one of these modules is made to reach all of them. Costs the other commands a little, which need
 * most of it anyway. `metafile` is that of the bundle without this.
 */
export function firstFrameTogether(root: string, metafile: Metafile): Plugin {
  const entries = new Set(Object.values(metafile.outputs).flatMap(({ entryPoint }) => entryPoint ?? []));
  const shared = [...loadedBefore(metafile)]
    .flatMap((path) => Object.keys(metafile.outputs[path]!.inputs))
    .filter((path) => path.startsWith('src/') && !entries.has(path) && ![...way].some((step) => isOnlyIn(metafile, step, path)));
  const together = new Set(inOrder(metafile, way).filter((path) => shared.includes(path)));
  const reaching = new Set([...entries].filter((entry) => entry.startsWith('src/') && inOrder(metafile, [entry]).some((path) => together.has(path))));
  return {
    name: 'first-frame-together',
    setup(build) {
      build.onResolve({ filter: /^first-frame:$/ }, () => ({ path: 'all', namespace: 'first-frame' }));
      build.onLoad({ filter: /.*/, namespace: 'first-frame' }, () => ({
        contents: [...together].map((path) => `import ${JSON.stringify(join(root, path))};`).join('\n'),
        resolveDir: root,
      }));
      build.onLoad({ filter: /[\\/]src[\\/].*\.tsx?$/ }, async ({ path }) => {
        if (!reaching.has(path.slice(root.length + 1))) return undefined;
        return { contents: `import 'first-frame:'; ${await readFile(path, 'utf8')}`, loader: path.endsWith('x') ? 'tsx' : 'ts' };
      });
    },
  };
}

/** Is a module in the file of the bundle that is an entry's own? */
function isOnlyIn({ outputs }: Metafile, entry: string, path: string): boolean {
  return Object.values(outputs).some(({ entryPoint, inputs }) => entryPoint === entry && path in inputs);
}

/** What entries import statically, themselves included, in the order in which imports name it. */
function inOrder({ inputs }: Metafile, from: readonly string[]): readonly string[] {
  const found = new Set<string>();
  const visit = (path: string): void => {
    if (found.has(path)) return;
    found.add(path);
    for (const { path: next, kind, external } of inputs[path]?.imports ?? []) if (external !== true && kind !== 'dynamic-import') visit(next);
  };
  from.forEach(visit);
  return [...found];
}
