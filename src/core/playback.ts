import type { RunRow, StepRow } from '../protocol/rows.ts';
import { firstIndex } from './log-lines.ts';
import type { RunView, StepView } from './run-view.ts';

/*
 * A recording as of an earlier moment. Rows tell only how things ended, so what they were is put together from when
 * steps were held, began and ended. Moments are milliseconds since 1970.
 */

/** From when to when there is something to play: the first and the last thing that has a time. Undefined before the run began. */
export function playbackRange(view: RunView): { readonly from: number; readonly to: number } | undefined {
  const run = view.run;
  if (!run?.started_at) return undefined;
  const from = Date.parse(run.started_at);
  const times = [...view.index.steps.values()].flatMap((step) => (step.reused_from_run_id === null ? [timeOf(step.completed_at), timeOf(step.started_at)] : []));
  const lastLog = view.logCount > view.logs.first ? view.logs.timeAt(view.logCount - 1) : undefined;
  const known = [timeOf(run.completed_at), timeOf(run.paused_at), lastLog, ...times].filter((time) => time !== undefined);
  return { from, to: Math.max(from, ...known) };
}

/** The moments at which something happened to a step, and the ends of the run, in order. */
export function stepMoments(view: RunView): readonly number[] {
  const range = playbackRange(view);
  if (!range) return [];
  const moments = [...view.index.steps.values()].filter((step) => step.reused_from_run_id === null).flatMap((step) => {
    const { heldFrom, from, to } = spanOf(step);
    return [heldFrom, from, to].filter((time) => time !== undefined);
  });
  return [...new Set([range.from, ...moments, range.to])].filter((time) => time >= range.from && time <= range.to).toSorted((a, b) => a - b);
}

/**
 * The run as it was at a moment: steps that had begun, how they stood, and the lines logged until then.
 *
 * The lines are the recording's own, read up to `logCount`. What a step at work had put out is in its snapshot all
 * the same; whoever shows it leaves that out.
 */
export function viewAt(view: RunView, at: number): RunView {
  const run = view.run && runAt(view, view.run, at);
  const steps = view.steps.flatMap((step) => stepViewAt(step, at));
  const rows = new Map<string, StepRow>();
  const collect = (some: readonly StepView[]): void => {
    for (const one of some) {
      for (const row of [...one.earlier, one.row]) rows.set(row.id, row);
      collect(one.steps);
    }
  };
  collect(steps);
  return { ...view, run: run && withProgress(run, [...rows.values()]), steps, logCount: logsUntil(view, at), index: { ...view.index, steps: rows } };
}

/** How many lines had been logged at a moment: those up to the last that is not younger. */
export function logsUntil(view: RunView, at: number): number {
  return firstIndex(view.logs.first, view.logCount, (index) => view.logs.timeAt(index) > at);
}

function timeOf(text: string | null): number | undefined {
  return text === null ? undefined : Date.parse(text);
}

interface StepSpan {
  /** Held before it began since then; undefined when it was not held. */
  readonly heldFrom: number | undefined;
  readonly from: number | undefined;
  readonly to: number | undefined;
}

function spanOf(row: StepRow): StepSpan {
  const from = timeOf(row.started_at);
  if (from === undefined) return { heldFrom: row.status === 'held' ? Date.parse(row.created_at) : undefined, from: row.status === 'held' ? undefined : Date.parse(row.created_at), to: undefined };
  const to = timeOf(row.completed_at) ?? (row.duration_ms === null ? undefined : from + row.duration_ms);
  return { heldFrom: row.held_ms ? from - row.held_ms : undefined, from, to };
}

/** The attempt as it stood; undefined before anything was known of it. */
function stepAt(row: StepRow, at: number): StepRow | undefined {
  // What a fork took over was there from its beginning.
  if (row.reused_from_run_id !== null || row.status === 'reused') return row;
  const { heldFrom, from, to } = spanOf(row);
  const open = { completed_at: null, duration_ms: null, cpu_ms: null, memory_bytes: null, error_message: null, error_stack: null } as const;
  if (from !== undefined && at >= from) return to === undefined || at >= to ? row : { ...row, ...open, status: 'running' };
  if (heldFrom !== undefined && at >= heldFrom) return { ...row, ...open, status: 'held', started_at: null, held_ms: null };
  return undefined;
}

function stepViewAt(step: StepView, at: number): readonly StepView[] {
  const attempts = [...step.earlier, step.row].flatMap((row) => stepAt(row, at) ?? []);
  const row = attempts.at(-1);
  return row === undefined ? [] : [{ row, earlier: attempts.slice(0, -1), steps: step.steps.flatMap((one) => stepViewAt(one, at)) }];
}

/** The row of the run before its steps are counted. */
function runAt(view: RunView, run: RunRow, at: number): RunRow {
  const range = playbackRange(view);
  if (!range || at >= range.to) return run;
  const unknown = { completed_at: null, total_duration_ms: null, error_message: null, error_stack: null, failed_step: null, failed_step_number: null, pause_reason: null, paused_by: null, paused_at: null } as const;
  return { ...run, ...unknown, status: at < range.from ? 'pending' : 'running' };
}

/** The row of the run with what its steps tell: how many are done, which is in flight or held. */
function withProgress(run: RunRow, steps: readonly StepRow[]): RunRow {
  if (run.status !== 'running' && run.status !== 'pending') return run;
  const held = steps.findLast((step) => step.status === 'held');
  const current = held ?? steps.findLast((step) => step.status === 'running');
  const done = steps.filter((step) => step.parent_step_key === null && ['completed', 'skipped', 'reused'].includes(step.status)).length;
  return { ...run, status: held ? 'paused' : run.status, completed_steps: done, current_step: current?.step_key ?? null };
}
