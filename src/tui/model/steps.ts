import { heldInside, stepWorkMs, type HeldInside } from '../../core/performance/own-time.ts';
import { flattenViews, type RunView } from '../../core/run-view.ts';
import { isHeldAfter } from '../../core/hold-reason.ts';
import { flattenSteps } from '../../core/step-reference.ts';
import type { StepRow } from '../../protocol/rows.ts';
import type { StepDefinition } from '../../protocol/step-definition.ts';
import type { StepStatus } from '../../protocol/vocabulary.ts';
import type { OpenRun, State } from '../state.ts';

/** A step on the screen: as declared, as it happened, or both. */
export interface Step {
  readonly key: string;
  readonly display: string;
  readonly name: string;
  /** 0 for a step, 1 for a sub-step. */
  readonly depth: number;
  readonly status: StepStatus;
  readonly definition: StepDefinition | undefined;
  /** The latest attempt; undefined until the run gets there. */
  readonly row: StepRow | undefined;
  readonly earlier: readonly StepRow[];
  /** How long its sub-steps were held during the latest attempt; undefined when they were not. */
  readonly held: HeldInside | undefined;
}

const cache = new WeakMap<RunView['steps'], { readonly tree: readonly StepDefinition[] | null; readonly steps: readonly Step[] }>();

/** All steps of a run in the order they run, those still to come among them. */
export function stepsOf(view: RunView): readonly Step[] {
  const tree = view.run?.step_tree ?? null;
  const cached = cache.get(view.steps);
  if (cached && cached.tree === tree) return cached.steps;
  const steps = mergeSteps(view, tree);
  cache.set(view.steps, { tree, steps });
  return steps;
}

function mergeSteps(view: RunView, tree: readonly StepDefinition[] | null): readonly Step[] {
  const seen = flattenViews(view.steps);
  const byKey = new Map(seen.map((one) => [one.row.step_key, one]));
  const declared = flattenSteps(tree ?? []);
  const held = heldInside(seen.flatMap(({ row, earlier }) => [...earlier, row]));
  const steps: Step[] = declared.map((definition) => {
    const one = byKey.get(definition.key);
    return {
      key: definition.key,
      display: definition.display,
      name: definition.name,
      depth: definition.key.split('.').length - 1,
      status: one?.row.status ?? 'pending',
      definition,
      row: one?.row,
      earlier: one?.earlier ?? [],
      held: one && held.get(one.row.id),
    };
  });

  // Steps that were not declared stand where they happened: after the last declared one before them.
  const declaredKeys = new Set(declared.map((one) => one.key));
  let at = 0;
  for (const { row, earlier } of seen) {
    if (declaredKeys.has(row.step_key)) {
      at = steps.findIndex((step) => step.key === row.step_key) + 1;
      continue;
    }
    const depth = row.parent_step_key === null ? 0 : 1;
    steps.splice(at, 0, { key: row.step_key, display: row.display, name: row.step_name, depth, status: row.status, definition: undefined, row, earlier, held: held.get(row.id) });
    at += 1;
  }
  return steps;
}

export function selectedStep(run: OpenRun): Step | undefined {
  return stepsOf(run.view).find((step) => step.key === run.selected);
}

/** Breakpoints on steps of the run's pipeline, by key: whether they are on. */
export function stopsOf(state: State, run: OpenRun): ReadonlyMap<string | null, boolean> {
  const here = state.lists.breakpoints.filter((one) => one.pipeline_key === run.view.run?.pipeline_key && one.kind === 'step');
  return new Map(here.map((one) => [one.target, one.enabled]));
}

/** The last step that was executed before `step`, sub-steps of an earlier one not counted: what stepping there has just done. */
export function executedBefore(view: RunView, step: Step): Step | undefined {
  const steps = stepsOf(view);
  const before = steps.slice(0, steps.findIndex((one) => one.key === step.key));
  return before.findLast((one) => one.depth <= step.depth && ['completed', 'failed', 'reused'].includes(one.status));
}

/**
 * The step a person wants to see first: the failed one, else the one held or in flight, innermost, else the
 * last that happened.
 */
export function stepInFocus(view: RunView): Step | undefined {
  const steps = stepsOf(view);
  const failed = view.run?.failed_step;
  // Where a sub-step fails its parent fails with it; the sub-step is what went wrong.
  if (view.run?.status === 'paused' && isHeldAfter(view.run)) return steps.find((step) => step.key === view.run?.current_step) ?? steps[0];
  const innermost = (status: StepStatus) => steps.findLast((step) => step.status === status && step.depth > 0) ?? steps.find((step) => step.status === status);
  if (view.run?.status === 'failed') return innermost('failed') ?? steps.find((step) => step.key === failed);
  return innermost('held') ?? innermost('running') ?? innermost('failed') ?? steps.findLast((step) => step.row !== undefined) ?? steps[0];
}

/** How long a step was at work, or has been by `now`; not while its sub-steps were held. */
export function stepMs(step: Step, now: number): number | undefined {
  return step.row && stepWorkMs(step.row, step.held, now);
}

/** `3 of 15`, counting main steps only, reused and skipped ones as done. */
export function progressOf(view: RunView): { readonly done: number; readonly total: number } {
  const main = stepsOf(view).filter((step) => step.depth === 0);
  const done = main.filter((step) => ['completed', 'skipped', 'reused'].includes(step.status)).length;
  return { done, total: Math.max(main.length, view.run?.total_steps ?? 0) };
}
