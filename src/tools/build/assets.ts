import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Copies what the program reads at run time as text: SQL, and pipelines whose source people look at while they run. */
export async function copyAssets(root: string, dist: string): Promise<void> {
  await Promise.all([
    copyFolder(join(root, 'src/storage/migrations'), join(dist, 'migrations')),
    copyFolder(join(root, 'src/runner/pipelines'), join(dist, 'pipelines')),
    cp(join(root, 'node_modules/@jsquash/webp/codec/dec/webp_dec.wasm'), join(dist, 'webp_dec.wasm')),
  ]);
}

async function copyFolder(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await cp(from, to, { recursive: true, filter: (path) => !path.includes('.test.') });
}
