import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** How the program did since the pulse before. */
export interface Pulse {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The longest that its event loop stood still. */
  readonly gapMs: number;
  readonly rssBytes: number;
}

/** What a program needs in its environment for its pulse to be taken. */
export function probed(env: Readonly<Record<string, string>>, file: string): Record<string, string> {
  return { ...env, NODE_OPTIONS: `--import=${join(import.meta.dirname, 'probe.ts')}`, STEPSCOPE_PROBE: file };
}

export function readPulses(file: string): readonly Pulse[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  // The last line may be being written.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Pulse);
}

/** Processor time that a process has used, all its threads, in milliseconds. Linux alone tells; ticks are of 10 ms. */
export function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [, , , , , , , , , , , user, system] = stat.slice(stat.lastIndexOf(')') + 1).split(' ');
  return (Number(user) + Number(system)) * 10;
}

/** What a process holds in memory. Linux alone tells. */
export function memoryBytes(pid: number): number {
  const [, kilobytes = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}
