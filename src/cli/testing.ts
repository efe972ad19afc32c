import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readStateFile } from './backend/find-backend.ts';

const root = join(import.meta.dirname, '../..');
export const program = join(root, 'bin/stepscope.js');

/** What a finished call of the program left behind. */
export interface Outcome {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
  /** Standard output as NDJSON. */
  readonly json: readonly Record<string, unknown>[];
}

/** A call of the program that goes on. */
export type Started = ChildProcess & {
  readonly outcome: Promise<Outcome>;
  /** Resolves with the first match in all it has said so far, on either output; rejects when it ends without one. */
  says(this: void, pattern: RegExp): Promise<RegExpExecArray>;
};

/** The program as people have it: the built one, on a data directory of its own. */
export interface Installation {
  readonly dataDir: string;
  readonly env: NodeJS.ProcessEnv;
  run(this: void, ...args: string[]): Promise<Outcome>;
  start(this: void, ...args: string[]): Started;
  /** Ends what was started and still runs, a detached backend included, and removes the data. */
  remove(this: void): Promise<void>;
}

/** Brings `dist/` up to date; nothing to do when it is. */
export function buildProgram(): void {
  execFileSync(process.execPath, [join(root, 'src/tools/build.ts')], { stdio: ['ignore', 'ignore', 'inherit'] });
}

export function installation(env: NodeJS.ProcessEnv = {}): Installation {
  const home = mkdtempSync(join(tmpdir(), 'stepscope-cli-'));
  const dataDir = join(home, 'data');
  const children = new Set<ChildProcess>();
  // What this process has been told must not reach a program that a person would start.
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(STEPSCOPE_|DATABASE_URL|REDIS_URL|NODE_ENV|VITEST|NO_COLOR|FORCE_COLOR)/.test(name)));
  const full = { ...inherited, STEPSCOPE_DATA_DIR: dataDir, XDG_CONFIG_HOME: join(home, 'config'), STEPSCOPE_SIMULATE: 'latency=0', ...env };

  const start = (...args: string[]): Started => {
    const child = spawn(process.execPath, [program, ...args], { env: full, stdio: ['ignore', 'pipe', 'pipe'] });
    children.add(child);
    let out = '';
    let err = '';
    const watchers = new Set<() => void>();
    const heard = (): void => watchers.forEach((watcher) => watcher());
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      heard();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
      heard();
    });
    const outcome = new Promise<Outcome>((resolve) => {
      child.once('close', (status, signal) => {
        children.delete(child);
        resolve({
          status, signal, out, err,
          get json() {
            return out.split('\n').filter(Boolean).map((line) => JSON.parse(line) as Record<string, unknown>);
          },
        });
      });
    });
    const says = (pattern: RegExp): Promise<RegExpExecArray> =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(out) ?? pattern.exec(err);
          if (match !== null) resolve(match);
          if (match !== null || child.exitCode !== null) watchers.delete(look);
        };
        watchers.add(look);
        look();
        void outcome.then(() => reject(new Error(`ended without saying ${pattern}:\n${out}${err}`)));
      });
    return Object.assign(child, { outcome, says });
  };

  return {
    dataDir,
    env: full,
    start,
    run: (...args) => start(...args).outcome,
    async remove() {
      const ended = [...children].map((child) => new Promise((resolve) => child.once('close', resolve)));
      for (const child of children) child.kill('SIGKILL');
      const detached = readStateFile(dataDir)?.pid;
      if (detached !== undefined && detached !== process.pid) endProcess(detached);
      await Promise.all(ended);
      rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone, which is what we want.
  }
}
