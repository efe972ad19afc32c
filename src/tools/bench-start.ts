import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { median, reportFigures } from './bench-table.ts';
import type { Figure } from './bench-table.ts';
import { openScreen } from './terminal-screen.ts';

const rounds = 11;
const program = join(import.meta.dirname, '../../bin/stepscope.js');

/** Time to the first frame, to the live list of runs, and to `--version`; against bare Node, and lnav where there is one. */
export async function benchStart(): Promise<boolean> {
  const home = mkdtempSync(join(tmpdir(), 'stepscope-bench-'));
  const env = { ...process.env, STEPSCOPE_DATA_DIR: join(home, 'data'), XDG_CONFIG_HOME: home };
  const empty = join(home, 'empty.log');
  writeFileSync(empty, '');
  const hasLnav = spawnSync('lnav', ['-V']).status === 0;
  const node: number[] = [];
  const version: number[] = [];
  const frame: number[] = [];
  const live: number[] = [];
  const lnav: number[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      node.push(timed(process.execPath, ['-e', '0'], env));
      version.push(timed(process.execPath, [program, '--version'], env));
      const times = await openTerminal(env);
      frame.push(times.frameMs);
      live.push(times.liveMs);
      if (hasLnav) lnav.push(await firstOutput('lnav', [empty], env));
    }
  } finally {
    stopBackend(env);
    rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
  const bare = median(node);
  const figures: Figure[] = [
    { what: 'node -e 0', value: bare, unit: 'ms' },
    { what: 'stepscope --version', value: median(version), unit: 'ms' },
    { what: 'stepscope --version / node', value: median(version) / bare, unit: 'x', bound: { kind: 'at most', value: 2 } },
    { what: 'first frame', value: median(frame), unit: 'ms' },
    { what: 'first frame / node', value: median(frame) / bare, unit: 'x', bound: { kind: 'at most', value: 4.5 } },
    { what: 'list of runs, live', value: median(live), unit: 'ms', bound: { kind: 'at most', value: 1_200 } },
  ];
  if (hasLnav)
    figures.push({ what: 'first frame / lnav', value: median(frame) / median(lnav), unit: 'x', bound: { kind: 'at most', value: 2 } });
  else console.log('  lnav is not installed: not compared');
  return reportFigures(figures);
}

function timed(command: string, args: readonly string[], env: NodeJS.ProcessEnv): number {
  const startedAt = performance.now();
  execFileSync(command, args, { env, stdio: 'ignore' });
  return performance.now() - startedAt;
}

async function openTerminal(env: NodeJS.ProcessEnv): Promise<{ frameMs: number; liveMs: number }> {
  const startedAt = performance.now();
  const screen = openScreen({ command: process.execPath, args: [program], columns: 80, rows: 24, env });
  await screen.shows(/stepscope/);
  const frameMs = performance.now() - startedAt;
  await screen.shows(/\blive\b/);
  const liveMs = performance.now() - startedAt;
  screen.press('q');
  await Promise.race([screen.exited, delay(5_000).then(() => screen.kill('SIGKILL'))]);
  return { frameMs, liveMs };
}

async function firstOutput(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const startedAt = performance.now();
  const screen = openScreen({ command, args, columns: 80, rows: 24, env });
  await screen.shows(/\S/);
  const ms = performance.now() - startedAt;
  screen.kill('SIGKILL');
  return ms;
}

function stopBackend(env: NodeJS.ProcessEnv): void {
  const status = spawnSync(process.execPath, [program, 'status', '--json'], { env, encoding: 'utf8' });
  if (status.status === 0) process.kill((JSON.parse(status.stdout) as { pid: number }).pid, 'SIGTERM');
}
