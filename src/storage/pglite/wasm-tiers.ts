import { setFlagsFromString } from 'node:v8';

/**
 * How much V8 spends on making Postgres fast. Its optimising compiler takes up to a second of processor time and
 * 600 MB for single functions; what it makes writes and scans in six tenths of the time.
 *
 * - `quick`: not at all. For a process that is soon gone: opens for half the processor time and memory.
 * - `lasting`: what is used ten times more than V8 itself would ask for, so that a start is not spent on it.
 */
export type Effort = 'quick' | 'lasting';

const flags: Readonly<Record<Effort, readonly string[]>> = {
  quick: ['--no-wasm-dynamic-tiering', '--no-wasm-tier-up'],
  lasting: ['--wasm-tiering-budget=130000000'],
};

let chosen: Effort | undefined;

/** To be said before a database is opened. Holds for the whole process; the first to say it decides, for V8 compiles the module once. */
export function compileWith(effort: Effort): void {
  if (chosen !== undefined) return;
  chosen = effort;
  for (const flag of flags[effort]) setFlagsFromString(flag);
}
