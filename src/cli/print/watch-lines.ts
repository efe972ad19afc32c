import type { Backend } from '../../client/backend.ts';
import { shortly } from '../../core/evaluate.ts';
import type { WatchedStep, WatchValue } from '../../core/watch.ts';
import { watchAlong } from '../../core/watch.ts';
import { UserError } from '../../protocol/error.ts';
import type { RunRow, StepRow } from '../../protocol/rows.ts';
import type { Io } from '../io.ts';
import { tableLines } from './table.ts';

/** Prints what a pipeline's watches, or one expression, were at each step of a run; with --json a line for each step. */
export async function printWatches(backend: Backend, run: RunRow, rows: readonly StepRow[], expression: string | true, io: Io): Promise<void> {
  const expressions = expression === true ? (await watchesOf(backend, run)) : [expression];
  const steps: WatchedStep[] = [];
  for (const row of rows) {
    if (row.status === 'pending' || row.status === 'skipped') continue;
    steps.push({ row, snapshot: await backend.snapshot(run.test_run_id, row.step_key, row.attempt) });
  }
  const along = watchAlong(expressions, steps, run);
  if (io.json) {
    for (const { step, values } of along) {
      const byExpression = Object.fromEntries(values.map(({ expression: of, outcome }) => [of, outcome.kind === 'value' ? outcome.value : null]));
      io.out(JSON.stringify({ step: step.row.step_key, attempt: step.row.attempt, watches: byExpression }));
    }
    return;
  }
  const cells = along.map(({ values }, index) => {
    const { display, step_name: name } = steps[index]!.row as StepRow;
    return [display, name, ...values.map(({ outcome }) => valueWords(outcome))];
  });
  tableLines(['STEP', 'NAME', ...expressions], cells, io).forEach((line) => io.out(line));
}

async function watchesOf(backend: Backend, run: RunRow): Promise<readonly string[]> {
  const rows = run.pipeline_key === null ? [] : await backend.watches(run.pipeline_key);
  if (rows.length > 0) return rows.map((row) => row.expression);
  throw new UserError('not-found', `${run.pipeline_key ?? 'the run'} has no watches`, { hint: `Add one with \`watch ${run.pipeline_key ?? 'PIPELINE'} 'outputs.width'\`, or give an expression to --watch` });
}

function valueWords(outcome: WatchValue['outcome']): string {
  if (outcome.kind === 'value') return typeof outcome.value === 'string' ? outcome.value : shortly(outcome.value);
  return outcome.kind === 'none' ? '–' : `(${outcome.why})`;
}
