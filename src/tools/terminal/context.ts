import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { isAlive, readStateFile } from '../../cli/backend/find-backend.ts';
import type { TerminalContext } from './check.ts';

const BACKEND_END_MS = 5_000;
const root = join(import.meta.dirname, '../../..');

/** Makes `dist/` fresh, which is what is checked. */
export function buildProgram(): void {
  execFileSync(process.execPath, [join(root, 'src/tools/build.ts')], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Does the work in surroundings of its own, and ends and removes everything afterwards, however it went. */
export async function withContext<Result>(
  name: string,
  told: Pick<TerminalContext, 'isFull' | 'leaveOut'>,
  work: (context: TerminalContext) => Promise<Result>,
): Promise<Result> {
  const home = mkdtempSync(join(tmpdir(), `stepscope-${name}-`));
  const endings: (() => void | Promise<void>)[] = [];
  const onEnd = (ending: () => void | Promise<void>): void => void endings.push(ending);
  try {
    return await work({ ...told, home, program: join(root, 'bin/stepscope.js'), env: environment(home), onEnd });
  } finally {
    for (const end of endings.toReversed()) await end();
    await endBackend(join(home, 'data'));
    rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

/** The program starts a backend that outlives it. */
async function endBackend(dataDir: string): Promise<void> {
  const backend = readStateFile(dataDir);
  if (backend === undefined || !isAlive(backend.pid)) return;
  process.kill(backend.pid, 'SIGTERM');
  for (let waitedMs = 0; isAlive(backend.pid) && waitedMs < BACKEND_END_MS; waitedMs += 50) await after(50);
  if (isAlive(backend.pid)) process.kill(backend.pid, 'SIGKILL');
}

/** Nothing of the caller's terminal or configuration, so that a figure is the same wherever it is measured. */
function environment(home: string): Record<string, string> {
  const folders = { HOME: home, STEPSCOPE_DATA_DIR: join(home, 'data'), XDG_CONFIG_HOME: join(home, 'config'), TMPDIR: join(home, 'tmp') };
  for (const folder of Object.values(folders)) mkdirSync(folder, { recursive: true });
  return { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8', TERM: 'xterm-256color', COLORTERM: 'truecolor', ...folders };
}
