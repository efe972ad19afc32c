import { levelRank } from '../../core/levels.ts';
import type { LogLines } from '../../core/log-lines.ts';

/** Parts of a run's time in which its lines are counted; what comes later makes each twice as long. */
const BUCKETS = 2_048;
const ERROR_RANK = levelRank('error');

/** Where in a run's time its log lines and errors lie. Grows with the log; counts all lines, those let go as well. */
interface Density {
  begin: number;
  bucketMs: number;
  scanned: number;
  edition: number;
  readonly lines: Uint32Array;
  readonly errors: Uint32Array;
}

/** One count per log: only new lines are looked at, once. */
const known = new WeakMap<LogLines, Density>();

function densityOf(logs: LogLines): Density {
  let density = known.get(logs);
  if (!density || density.edition !== logs.edition) {
    density = { begin: logs.length > logs.first ? logs.timeAt(logs.first) : 0, bucketMs: 1, scanned: logs.first, edition: logs.edition, lines: new Uint32Array(BUCKETS), errors: new Uint32Array(BUCKETS) };
    known.set(logs, density);
  }
  for (let index = Math.max(density.scanned, logs.first); index < logs.length; index += 1) count(density, logs.timeAt(index), logs.levelAt(index) >= ERROR_RANK);
  density.scanned = logs.length;
  return density;
}

function count(density: Density, time: number, isError: boolean): void {
  if (!Number.isFinite(time)) return;
  while (time - density.begin >= density.bucketMs * BUCKETS) widen(density);
  // Clocks differ: what is before the first line counts with it.
  const bucket = Math.max(0, Math.floor((time - density.begin) / density.bucketMs));
  density.lines[bucket]! += 1;
  if (isError) density.errors[bucket]! += 1;
}

function widen(density: Density): void {
  for (const counts of [density.lines, density.errors]) {
    for (let index = 0; index < BUCKETS / 2; index += 1) counts[index] = counts[2 * index]! + counts[2 * index + 1]!;
    counts.fill(0, BUCKETS / 2);
  }
  density.bucketMs *= 2;
}

/** Lines and errors by cell; `cellOf` says where a moment lies, or undefined where it does not. */
export function logDensity(logs: LogLines, cells: number, cellOf: (moment: number) => number | undefined): { readonly lines: readonly number[]; readonly errors: readonly number[] } {
  const density = densityOf(logs);
  const lines = Array.from({ length: cells }, () => 0);
  const errors = [...lines];
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
    if (density.lines[bucket] === 0) continue;
    const cell = cellOf(density.begin + (bucket + 0.5) * density.bucketMs);
    if (cell === undefined || cell < 0 || cell >= cells) continue;
    lines[cell]! += density.lines[bucket]!;
    errors[cell]! += density.errors[bucket]!;
  }
  return { lines, errors };
}
