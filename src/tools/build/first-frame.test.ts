import { execFileSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildProgram } from '../../cli/testing.ts';
import { bundleProgram } from './bundle.ts';
import { loadedBefore } from './first-frame.ts';

const root = join(import.meta.dirname, '../../..');

/** Everybody waits for these at every start. Raise one knowingly: 100 KB are two milliseconds, a file is half of one. */
const most = { files: 10, bytes: 1_350_000 };

/** Packages that have no business before the first frame. */
const late = /node_modules\/(zod|re2js|@marcbachmann|@supabase|@electric-sql|ws|commander|highlight\.js|jpeg-js|@jsquash|hono|kysely|postgres|jose)\//;

describe('before the first frame', () => {
  let metafile: Metafile;
  let loaded: readonly string[];
  beforeAll(async () => {
    ({ metafile } = await bundleProgram(root, join(root, 'dist')));
    loaded = [...loadedBefore(metafile)];
  }, 120_000);

  it('few files and bytes are loaded', () => {
    const bytes = loaded.reduce((sum, path) => sum + metafile.outputs[path]!.bytes, 0);
    expect(loaded.length, loaded.join('\n')).toBeLessThanOrEqual(most.files);
    expect(bytes).toBeLessThanOrEqual(most.bytes);
  });

  it('nothing is loaded of the packages that only later work needs', () => {
    const inputs = loaded.flatMap((path) => Object.keys(metafile.outputs[path]!.inputs));
    expect(inputs.filter((path) => late.test(path))).toEqual([]);
    expect(inputs.some((path) => path.endsWith('node_modules/ink/build/ink.js'))).toBe(true);
  });

  it('Node’s own modules are taken without reading each of their exports', () => {
    const imported = loaded.flatMap((path) => metafile.outputs[path]!.imports.filter(({ external, kind }) => external === true && kind === 'import-statement'));
    // How the bundle comes by its `require`.
    expect(imported.filter(({ path }) => path !== 'node:module')).toEqual([]);
  });

  it('none of the packages that wait for their first use is used', () => {
    buildProgram();
    const way = ['cli', 'terminal-*', 'start-tui-*'].flatMap((name) => globSync(join(root, `dist/${name}.js`)));
    expect(way).toHaveLength(3);
    const code = `import { createRequire } from 'node:module';
      for (const path of ${JSON.stringify(way)}) await import(path);
      console.log(JSON.stringify(Object.keys(createRequire(import.meta.url).cache))); process.exit();`;
    const used = JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', code], { cwd: root, encoding: 'utf8' })) as readonly string[];
    expect(used.filter((path) => path.includes('later-'))).toEqual([]);
  });
});
