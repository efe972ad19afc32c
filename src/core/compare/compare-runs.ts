import type { TimeJudgement } from '../../protocol/comparison.ts';
import { UserError } from '../../protocol/error.ts';
import { limits } from '../../protocol/limits.ts';
import type { LogRow, StepRow } from '../../protocol/rows.ts';
import type { StepStatus } from '../../protocol/vocabulary.ts';
import { judgeTime } from '../performance/noise.ts';
import { workDurations } from '../performance/own-time.ts';
import { errorCount } from '../run-state.ts';
import { workTimeOf } from '../work-time.ts';
import { alignSteps } from './align-steps.ts';
import type { HintsOf } from './align-steps.ts';
import type { ComparedStep, DurationHistory, Match, RecordedRun, RunComparison, StepCounts } from './comparison.ts';
import { ownKey } from './likeness.ts';

/** A step of some run that stands for a line while further runs are aligned with it. */
interface Line {
  readonly like: StepRow;
  readonly depth: number;
  readonly steps: (StepRow | undefined)[];
  readonly matches: (Match | undefined)[];
  readonly moved: boolean[];
}

/**
 * Puts two or more runs beside each other, by their rows alone: steps aligned, what differs in status, error and
 * attempts, log lines counted, times judged by those of earlier runs. The first run is what the others are compared with.
 *
 * Values are compared step by step when they are looked at (`compareValues`), or up to the first that differs
 * (`firstDivergence`). Throws `usage` for fewer than two runs, and for more than `limits.comparedRuns`.
 */
export function compareRuns(
  runs: readonly RecordedRun[],
  options: { readonly history?: DurationHistory | undefined; readonly hintsOf?: HintsOf | undefined } = {},
): RunComparison {
  if (runs.length < 2) throw new UserError('usage', 'a comparison needs two runs', { hint: 'Name two, as in `stepscope compare RUN last`' });
  if (runs.length > limits.comparedRuns) throw new UserError('usage', `at most ${limits.comparedRuns} runs can be compared, and these are ${runs.length}`);
  const { history } = options;
  const lines = alignAll(runs, options.hintsOf);
  const logs = runs.map((run) => (run.logs === undefined ? undefined : countLogs(run.logs)));
  const durations = runs.map((run) => workDurations(run.steps));
  const steps = lines.map((line) => comparedStep(line, logs, durations, history));
  return {
    runs: runs.map(({ run }) => run),
    steps,
    times: runs.map(({ run, steps }) => judged(workTimeOf(run, steps, Date.parse(run.updated_at))?.workMs, history?.runs)),
    counts: runs.map((_, i) => countSteps(steps, i)),
    logs: runs.map(({ run, logs: rows }) =>
      rows === undefined
        ? { errors: errorCount(run), all: Object.values(run.log_counts).reduce((sum, count) => sum + count, 0) }
        : { errors: rows.filter(isError).length, all: rows.length },
    ),
  };
}

/** `reused` is `completed` in another run; a fork does not differ from its parent by that. */
export function sameStatus(a: StepStatus, b: StepStatus): boolean {
  const of = (status: StepStatus): StepStatus => (status === 'reused' ? 'completed' : status);
  return of(a) === of(b);
}

function alignAll(runs: readonly RecordedRun[], hintsOf: HintsOf | undefined): readonly Line[] {
  let lines: readonly Line[] = [];
  for (const [index, { steps }] of runs.entries()) {
    const empty = runs.map(() => undefined);
    const byKey = new Map(lines.map((line) => [line.like.step_key, line]));
    const merged: Line[] = [];
    const ancestors: StepRow[] = [];
    for (const { a, b, depth, match, isMoved } of alignSteps(lines.map(({ like }) => like), steps, hintsOf)) {
      const known = a === undefined ? undefined : byKey.get(a.step_key)!;
      ancestors.length = depth;
      const line = known ?? { like: adopted(b!, ancestors.at(-1)), depth, steps: [...empty], matches: [...empty], moved: runs.map(() => false) };
      if (b !== undefined) {
        line.steps[index] = b;
        line.matches[index] = known === undefined ? 'key' : match;
        line.moved[index] = isMoved;
      }
      ancestors.push(line.like);
      merged.push(line);
    }
    lines = merged.map((line, ordinal) => ({ ...line, like: { ...line.like, ordinal, seq: ordinal } }));
  }
  return lines;
}

/** Under the key of the line it hangs below, so that a further run finds it there. */
function adopted(step: StepRow, parent: StepRow | undefined): StepRow {
  if (parent === undefined) return { ...step, parent_step_key: null };
  return { ...step, step_key: `${parent.step_key}.${ownKey(step)}`, parent_step_key: parent.step_key };
}

function comparedStep(
  line: Line,
  logs: readonly (LogCounts | undefined)[],
  durations: readonly ReadonlyMap<string, number>[],
  history: DurationHistory | undefined,
): ComparedStep {
  const [first] = line.steps;
  const earlierOf = (step: StepRow): readonly number[] | undefined => history?.steps.get(step.step_key) ?? (first && history?.steps.get(first.step_key));
  return {
    steps: line.steps,
    depth: line.depth,
    matches: line.matches,
    moved: line.moved,
    rowDifferences: line.steps.map((step, i) => (i === 0 ? [] : rowDifferences(first, step))),
    times: line.steps.map((step, i) => (step === undefined ? null : judged(durations[i]!.get(step.step_key), earlierOf(step)))),
    logs: line.steps.map((step, i) => (logs[i] === undefined ? undefined : ((step && logs[i].get(step.step_key)) ?? { errors: 0, all: 0 }))),
  };
}

function rowDifferences(first: StepRow | undefined, step: StepRow | undefined): ComparedStep['rowDifferences'][number] {
  if (first === undefined || step === undefined) return first === step ? [] : ['presence'];
  return [
    ...(sameStatus(first.status, step.status) ? [] : (['status'] as const)),
    ...(first.error_message === step.error_message ? [] : (['error'] as const)),
    ...(first.attempt === step.attempt ? [] : (['attempts'] as const)),
    ...(first.step_name === step.step_name ? [] : (['name'] as const)),
  ];
}

function judged(ms: number | undefined, earlier: readonly number[] = []): TimeJudgement | null {
  return ms === undefined ? null : judgeTime(ms, earlier);
}

function countSteps(steps: readonly ComparedStep[], index: number): StepCounts {
  const counts = { same: 0, different: 0, renamed: 0, added: 0, removed: 0, moved: 0 };
  if (index === 0) return counts;
  for (const { steps: row, matches, moved, rowDifferences } of steps) {
    if (row[0] === undefined && row[index] === undefined) continue;
    if (row[0] === undefined) counts.added++;
    else if (row[index] === undefined) counts.removed++;
    else {
      if (matches[index] === 'likeness') counts.renamed++;
      if (moved[index]) counts.moved++;
      if (rowDifferences[index]!.some((one) => one !== 'name')) counts.different++;
      else counts.same++;
    }
  }
  return counts;
}

type LogCounts = ReadonlyMap<string | null, { readonly errors: number; readonly all: number }>;

function countLogs(rows: readonly LogRow[]): LogCounts {
  const counts = new Map<string | null, { errors: number; all: number }>();
  for (const row of rows) {
    const count = counts.get(row.step_key) ?? { errors: 0, all: 0 };
    count.all++;
    if (isError(row)) count.errors++;
    counts.set(row.step_key, count);
  }
  return counts;
}

function isError(row: LogRow): boolean {
  return row.log_level === 'error' || row.log_level === 'critical';
}

/** The runs that were compared, as people tell them apart in a table: A, B, C. */
export function runLetter(index: number): string {
  return String.fromCharCode(65 + index);
}

/** The row that names a line: the first run's, or that of the first run that has it. */
export function rowOf(line: ComparedStep): StepRow {
  return line.steps.find((step) => step !== undefined)!;
}
