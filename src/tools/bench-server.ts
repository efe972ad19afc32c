import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** A server in a process of its own, and its secret key. */
export interface Target {
  readonly url: string;
  readonly key: string;
  stop(this: void): void;
}

/** Starts one, as people do with `serve`, on this data directory. */
export async function startServer(dataDir: string): Promise<Target> {
  const child = spawn(
    process.execPath,
    [join(root, 'bin/stepscope.js'), 'serve', '--no-runner', '--port', '0', '--json', '--data-dir', dataDir],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (data: Buffer) => resolve(data.toString()));
    child.once('exit', (code) => reject(new Error(`serve ended with ${code}`)));
  });
  const { url } = JSON.parse(line) as { url: string };
  const { secretKey } = JSON.parse(readFileSync(join(dataDir, 'keys.json'), 'utf8')) as { secretKey: string };
  return { url, key: secretKey, stop: () => void child.kill('SIGTERM') };
}
