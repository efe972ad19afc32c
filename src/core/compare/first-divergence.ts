import type { Divergence, DivergenceKind } from '../../protocol/comparison.ts';
import type { Json } from '../../protocol/json.ts';
import type { StepRow } from '../../protocol/rows.ts';
import { comparableValues } from './comparable.ts';
import { rowOf, sameStatus } from './compare-runs.ts';
import { compareValues } from './compare-values.ts';
import type { ComparedStep, CompareOptions, DivergenceFound, RunComparison, StepValues } from './comparison.ts';
import { looksVolatile } from './likely-volatile.ts';

/** Reads the values of these steps of one of the compared runs; by step key, without those that were not recorded. */
export type LoadValues = (runIndex: number, steps: readonly StepRow[]) => Promise<ReadonlyMap<string, StepValues>>;

/** Lines read at first, and at most at once: a divergence is often early, and values can be large. */
const FIRST_LINES = 8;
const MOST_LINES = 64;

/**
 * The first place where a run went another way than the first one, in the order in which things happen: what went
 * into a step, then its sub-steps, then how it ended, its outputs and the state after it.
 *
 * Values are loaded in pieces, and no further than needed. What only one run recorded is no divergence.
 */
export async function firstDivergence(comparison: RunComparison, runIndex: number, load: LoadValues, options: CompareOptions = {}): Promise<DivergenceFound> {
  const { steps } = comparison;
  const both = (line: ComparedStep): boolean => line.steps[0] !== undefined && line.steps[runIndex] !== undefined;
  const values = new Map<number, readonly [StepValues, StepValues]>();
  const open: number[] = [];
  let comparedSteps = 0;
  let loadedTo = 0;

  const loadFrom = async (at: number, count: number): Promise<void> => {
    const lines = steps.slice(at, at + count).filter(both);
    const [first, other] = await Promise.all([0, runIndex].map((i) => load(i, lines.map((line) => line.steps[i]!))));
    for (let i = at; i < at + count && i < steps.length; i++) {
      const [a, b] = [steps[i]!.steps[0], steps[i]!.steps[runIndex]];
      const [old, now] = [a && first!.get(a.step_key), b && other!.get(b.step_key)];
      if (old !== undefined && now !== undefined) values.set(i, comparableValues(comparison, steps[i]!, runIndex, [old, now]));
    }
  };
  /** Leaves the steps that have ended before a step of this depth begins. */
  const leave = (depth: number): DivergenceFound | undefined => {
    while (open.length > 0 && steps[open.at(-1)!]!.depth >= depth) {
      const index = open.pop()!;
      const divergence = atEnd(steps[index]!, runIndex, values.get(index), options);
      values.delete(index);
      if (divergence !== undefined) return { divergence, index, comparedSteps };
    }
    return undefined;
  };

  for (const [index, line] of steps.entries()) {
    if (index === loadedTo) {
      const count = Math.min(MOST_LINES, Math.max(FIRST_LINES, index));
      await loadFrom(index, count);
      loadedTo += count;
    }
    const ended = leave(line.depth);
    if (ended !== undefined) return ended;
    if (line.steps[0] === undefined && line.steps[runIndex] === undefined) continue;
    if (values.has(index)) comparedSteps++;
    const divergence = atStart(line, runIndex, values.get(index), options);
    if (divergence !== undefined) return { divergence, index, comparedSteps };
    open.push(index);
  }
  return leave(0) ?? { divergence: undefined, index: undefined, comparedSteps };
}

function atStart(line: ComparedStep, runIndex: number, values: readonly [StepValues, StepValues] | undefined, options: CompareOptions): Divergence | undefined {
  const [a, b] = [line.steps[0], line.steps[runIndex]];
  if (a === undefined || b === undefined) return divergence(line, 'presence', '', a?.status, b?.status);
  return inValues(line, values, ['inputs', 'stateBefore'], options);
}

function atEnd(line: ComparedStep, runIndex: number, values: readonly [StepValues, StepValues] | undefined, options: CompareOptions): Divergence | undefined {
  const [a, b] = [line.steps[0]!, line.steps[runIndex]!];
  if (!sameStatus(a.status, b.status)) return divergence(line, 'status', '', a.status, b.status);
  if (a.error_message !== b.error_message) return divergence(line, 'error', '', a.error_message ?? undefined, b.error_message ?? undefined);
  return inValues(line, values, ['outputs', 'stateAfter'], options);
}

function inValues(
  line: ComparedStep,
  values: readonly [StepValues, StepValues] | undefined,
  kinds: readonly ('inputs' | 'outputs' | 'stateBefore' | 'stateAfter')[],
  options: CompareOptions,
): Divergence | undefined {
  if (values === undefined) return undefined;
  const nothing: StepValues = { inputs: null, outputs: null, stateBefore: null, stateAfter: null };
  const only = (all: StepValues): StepValues => ({ ...nothing, ...Object.fromEntries(kinds.map((kind) => [kind, all[kind]])) });
  for (const { kind, differences } of compareValues(only(values[0]), only(values[1]), options)) {
    // Ids and times differ in every run: what says more goes first.
    const found = differences.find((one) => !looksVolatile(one.before, one.after)) ?? differences[0];
    if (found !== undefined) return divergence(line, kind, found.path, found.before ?? found.from, found.kind === 'moved' ? found.path : found.after);
  }
  return undefined;
}

function divergence(line: ComparedStep, kind: DivergenceKind, path: string, expected: Json | undefined, actual: Json | undefined): Divergence {
  const { step_key: step, display, step_name: name } = rowOf(line);
  return {
    step, display, name, kind, path,
    ...(expected === undefined ? {} : { expected }),
    ...(actual === undefined ? {} : { actual }),
    looksVolatile: kind !== 'presence' && looksVolatile(expected, actual),
  };
}
