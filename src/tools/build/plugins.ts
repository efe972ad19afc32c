import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

/**
 * Ink loads `react-devtools-core` only with `DEV=true`, but names it in an import, and it is not
 * installed.
 */
const withoutDevtools: Plugin = {
  name: 'without-devtools',
  setup(build) {
    build.onResolve({ filter: /^react-devtools-core$/ }, () => ({ path: 'react-devtools-core', namespace: 'empty' }));
    build.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'export default undefined' }));
  },
};

/** Parts of @supabase/lite that only its own command line and its SQLite mode use; together 100 MB. */
const notUsedOfLite = /^(@supabase\/lite\/sqlite|pgsql-parser|libpg-query|postgres-migrations)$/;
const withoutUnusedLite: Plugin = {
  name: 'without-unused-lite',
  setup(build) {
    build.onResolve({ filter: notUsedOfLite }, ({ path, importer }) =>
      /[\\/]@supabase[\\/]lite[\\/]/.test(importer) ? { path, namespace: 'left-out' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'left-out' }, ({ path }) => ({
      contents: `throw new Error('${path} is not part of this bundle')`,
    }));
  },
};

/** zod exports its messages in some fifty languages as one namespace; we speak English. */
const onlyEnglishZod: Plugin = {
  name: 'only-english-zod',
  setup(build) {
    build.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({ contents: "export { default as en } from './en.js'" }));
  },
};

/**
 * Ink's layout engine is WebAssembly in a data: address, which its loader fetches: that loads Node's whole
 * HTTP client before the first frame. Without a `fetch` it decodes the text itself.
 */
const yogaWithoutFetch: Plugin = {
  name: 'yoga-without-fetch',
  setup(build) {
    build.onLoad({ filter: /[\\/]yoga-layout[\\/]dist[\\/]binaries[\\/].*\.js$/ }, async ({ path }) => ({
      contents: `const fetch = undefined;\n${await readFile(path, 'utf8')}`,
    }));
  },
};

export const plugins: Plugin[] = [withoutDevtools, withoutUnusedLite, onlyEnglishZod, yogaWithoutFetch];
