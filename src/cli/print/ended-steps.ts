import type { RunView } from '../../core/run-view.ts';
import type { StepRow } from '../../protocol/rows.ts';
import type { StepDefinition } from '../../protocol/step-definition.ts';
import { finalStepStatuses } from '../../protocol/vocabulary.ts';

/**
 * The ended steps of a run in the order in which they ended, as far as nothing can come before them any more:
 * sub-steps, then their parent. Results taken over from a parent run stand in the same order.
 *
 * A row is read back as it is by then, so that the end of a step may be seen before that of its last sub-steps.
 * Steps of a pipeline run one after another: one is due when all that the pipeline declares before it are, or
 * when the view is whole and no row will follow.
 */
export function endedSteps(view: RunView, isWhole: boolean): readonly StepRow[] {
  const { run } = view;
  const rows = [...view.index.steps.values()];
  const places = placesOf(run?.step_tree ?? []);
  const ended = rows.filter((row) => finalStepStatuses.has(row.status)).toSorted((a, b) => compare(a, b, places));
  if (run === undefined || isWhole) return ended;

  const latest = new Map(rows.toSorted((a, b) => a.attempt - b.attempt).map((row) => [row.step_key, row]));
  const isOpen = (key: string): boolean => {
    const row = latest.get(key);
    return row !== undefined && !finalStepStatuses.has(row.status);
  };
  const order = [...places.keys()];
  const due: StepRow[] = [];
  // Steps that are missing before the one looked at, and from which on nothing is due.
  let checked = 0;
  for (const row of ended) {
    const place = places.get(row.step_key) ?? order.length;
    for (; checked < place; checked++) {
      const key = order[checked]!;
      if (isOpen(key) || (!latest.has(key) && !wasLeftOut(key, latest))) return due;
    }
    if (rows.some((other) => other.step_key.startsWith(`${row.step_key}.`) && isOpen(other.step_key))) return due;
    // What failed ends the run: its sub-steps that are missing never came, or come with the run's end.
    if (isCutShort(row) && hasSubsteps(row, order) && run.status !== 'paused') return due;
    due.push(row);
  }
  return due;
}

/** Keys of a tree in the order in which its steps end. */
function placesOf(tree: readonly StepDefinition[]): ReadonlyMap<string, number> {
  const inOrder = (steps: readonly StepDefinition[]): readonly StepDefinition[] => steps.flatMap((step) => [...inOrder(step.steps), step]);
  return new Map(inOrder(tree).map(({ key }, place) => [key, place]));
}

function compare(a: StepRow, b: StepRow, places: ReadonlyMap<string, number>): number {
  const [first, second] = [a, b].map((row) => places.get(row.step_key) ?? places.size);
  // A program that was only traced declares nothing: there the clock says it.
  const byClock = first === second && first === places.size ? (a.completed_at ?? '').localeCompare(b.completed_at ?? '') : 0;
  return first! - second! || byClock || depthOf(b) - depthOf(a) || a.ordinal - b.ordinal || a.attempt - b.attempt || a.seq - b.seq;
}

const depthOf = (row: StepRow): number => row.step_key.split('.').length;

const hasSubsteps = (row: StepRow, order: readonly string[]): boolean => order.some((key) => key.startsWith(`${row.step_key}.`));

const isCutShort = (row: StepRow): boolean => row.status !== 'completed' && row.status !== 'skipped' && row.status !== 'reused';

/** Sub-steps of a step that was skipped are not gone into. */
function wasLeftOut(key: string, latest: ReadonlyMap<string, StepRow>): boolean {
  const around = key.split('.').slice(0, -1);
  return around.some((_, depth) => {
    const row = latest.get(around.slice(0, depth + 1).join('.'));
    return row !== undefined && (row.status === 'skipped' || isCutShort(row));
  });
}
