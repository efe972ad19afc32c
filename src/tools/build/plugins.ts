import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
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

/**
 * What Ink measures with makes a segmenter of graphemes as it is loaded, and loads the tables of Unicode with it:
 * half as long as Node itself takes. It is made at the first text that is not ASCII.
 */
const lazySegmenter = `{
  made: undefined,
  segment(text) {
    if (/^[\\x20-\\x7e]*$/.test(text)) return Array.from(text, (segment, index) => ({ segment, index, input: text }));
    return (this.made ??= new Intl.Segmenter()).segment(text);
  },
}`;
const segmentersLater: Plugin = {
  name: 'segmenters-later',
  setup(build) {
    build.onLoad({ filter: /[\\/](string-width|wrap-ansi|slice-ansi|ansi-tokenize|ink)[\\/].*(index|tokenize-ansi|tokenize|line-update)\.js$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replace(/^(const \w+ = )new Intl\.Segmenter\([^)]*\);/m, (_, start: string) => `${start}${lazySegmenter};`),
    }));
  },
};

/**
 * string-width compiles expressions over all of Unicode as it is loaded. It is loaded at the first text that is
 * not ASCII, whose width needs no table.
 */
const widthsLater: Plugin = {
  name: 'widths-later',
  setup(build) {
    build.onResolve({ filter: /^string-width$/ }, async ({ importer, resolveDir, pluginData }) => {
      if (pluginData === 'whole') return undefined;
      const { path } = await build.resolve('string-width', { importer, resolveDir, kind: 'import-statement', pluginData: 'whole' });
      return { path, namespace: 'widths-later' };
    });
    build.onLoad({ filter: /.*/, namespace: 'widths-later' }, ({ path }) => ({
      contents: `let whole;
export default function stringWidth(text, options) {
  if (typeof text === 'string' && /^[\\x20-\\x7e]*$/.test(text)) return text.length;
  return (whole ??= require(${JSON.stringify(path)}).default)(text, options);
}`,
      resolveDir: dirname(path),
    }));
  },
};

export const plugins: Plugin[] = [widthsLater, withoutDevtools, withoutUnusedLite, onlyEnglishZod, yogaWithoutFetch, segmentersLater];
