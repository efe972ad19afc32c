import { builtinModules, createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';

/** Packages that the path to the first frame names and does not use, with what our sources take from them. */
const packages: Readonly<Record<string, readonly string[]>> = {
  zod: ['z'],
  re2js: ['RE2JS'],
  '@marcbachmann/cel-js': ['Environment', 'EvaluationError', 'ParseError', 'TypeError'],
};

const fileOf = (name: string): string => `later-${name.replace(/^.*\//, '')}`;

/** The entries of the bundle that hold those packages. */
export const laterEntries: Readonly<Record<string, string>> = Object.fromEntries(Object.keys(packages).map((name) => [fileOf(name), `whole:${name}`]));

/**
 * Has the packages loaded at their first use instead of before the first frame: `require()` of a module of ours loads
 * it then and there, since Node 22.12. Only our own sources get them so; packages among each other import as they do.
 */
export const packagesLater: Plugin = {
  name: 'packages-later',
  setup(build) {
    const lazy = join(import.meta.dirname, 'lazy.ts');
    const resolveDir = dirname(lazy);
    build.onResolve({ filter: /^whole:/ }, ({ path }) => ({ path: path.slice('whole:'.length), namespace: 'whole' }));
    build.onLoad({ filter: /.*/, namespace: 'whole' }, ({ path }) => ({ contents: `export { ${packages[path]!.join(', ')} } from '${path}';`, resolveDir }));

    build.onResolve({ filter: new RegExp(`^(${Object.keys(packages).join('|')})$`) }, ({ path, importer, namespace }) =>
      namespace === 'whole' || /[\\/]node_modules[\\/]/.test(importer) ? undefined : { path, namespace: 'later' },
    );
    build.onResolve({ filter: /^\.\/later-/, namespace: 'later' }, ({ path }) => ({ path, external: true }));
    build.onLoad({ filter: /.*/, namespace: 'later' }, ({ path }) => ({
      contents: [
        `import { lazyExport, lazySchemas } from ${JSON.stringify(lazy)};`,
        `let whole; const load = () => whole ??= require('./${fileOf(path)}.js');`,
        ...packages[path]!.map((name) => `export const ${name}_ = ${name === 'z' ? 'lazySchemas' : 'lazyExport'}(() => load().${name}); export { ${name}_ as ${name} };`),
      ].join('\n'),
      resolveDir,
    }));
  },
};

/** Modules of Node's that cost milliseconds to load, and that nothing before the first frame uses. */
const builtinsNotYet: ReadonlySet<string> = new Set(['assert', 'child_process', 'crypto', 'fs/promises', 'sqlite', 'timers/promises', 'zlib']);

/**
 * Takes Node's own modules without `import`. What that makes of one reads each of its exports, and with that loads
 * whatever Node itself loads late: half of its streams for `fs`, all options of the command line for `process`.
 */
export const builtinsPlain: Plugin = {
  name: 'builtins-plain',
  setup(build) {
    const require = createRequire(import.meta.url);
    const bare = (path: string): string => path.replace(/^node:/, '');
    build.onResolve({ filter: new RegExp(`^(node:sqlite|(node:)?(${builtinModules.join('|')}))$`) }, ({ path, kind, namespace }) => {
      if (namespace === 'builtin' || kind === 'dynamic-import') return undefined;
      return kind === 'import-statement' || builtinsNotYet.has(bare(path)) ? { path: bare(path), namespace: 'builtin' } : undefined;
    });
    build.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => {
      const whole = path === 'process' ? 'process' : `process.getBuiltinModule('node:${path}')`;
      const names = Object.keys(require(`node:${path}`) as object).filter((name) => /^[a-z]\w*$/i.test(name) && name !== 'default');
      if (builtinsNotYet.has(path)) return { contents: `module.exports = { ${names.map((name) => `get ${name}() { return ${whole}.${name}; }`).join(', ')} };` };
      // What nobody imports is left out of the bundle, and so never read.
      const taken = names.map((name) => `const ${name}_ = /* @__PURE__ */ take('${name}'); export { ${name}_ as ${name} };`);
      return { contents: [`const whole = ${whole}; const take = (name) => whole[name]; export default whole;`, ...taken].join('\n') };
    });
  },
};
