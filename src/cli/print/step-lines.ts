import { isHeldAfter, placelessReason, waitsForApproval } from '../../core/hold-reason.ts';
import { flattenSteps } from '../../core/step-reference.ts';
import { formatDuration, printable } from '../../core/format.ts';
import { heldInside, stepWorkMs, type HeldInside } from '../../core/performance/own-time.ts';
import type { RunView } from '../../core/run-view.ts';
import type { RunRow, StepRow } from '../../protocol/rows.ts';
import type { RunStatus, StepStatus } from '../../protocol/vocabulary.ts';
import type { Io, Style } from '../io.ts';
import { endedSteps } from './ended-steps.ts';

export const statusStyle: Record<RunStatus | StepStatus, Style> = {
  pending: 'muted',
  running: 'active',
  held: 'warn',
  paused: 'warn',
  completed: 'good',
  failed: 'bad',
  interrupted: 'bad',
  cancelled: 'warn',
  skipped: 'muted',
  reused: 'muted',
};

/** One step as a line of NDJSON: what `run --json` prints. `duration` in milliseconds, without what was held inside. */
function stepJson(step: StepRow, workMs: number | null): string {
  return JSON.stringify({
    run: step.test_run_id,
    key: step.step_key,
    number: step.display,
    name: step.step_name,
    status: step.status,
    duration: workMs === null ? null : Math.round(workMs * 1000) / 1000,
    attempt: step.attempt,
    ...(step.is_edited ? { edited: true } : {}),
    ...(step.error_message === null ? {} : { error: step.error_message }),
  });
}

/** `✔ 8e  Call the provider        1.2 s`, sub-steps indented. `held`: of {@link heldInside}. */
export function stepLine(step: StepRow, held: ReadonlyMap<string, HeldInside>, nameWidth: number, io: Io): string {
  const style = statusStyle[step.status];
  const indent = step.parent_step_key === null ? '' : '  ';
  const name = `${indent}${printable(step.step_name)}`;
  const workMs = endedWorkMs(step, held);
  const time = workMs === null ? '' : formatDuration(workMs).padStart(8);
  const word = step.status === 'completed' ? '' : `  ${step.status}${step.is_edited ? ', edited' : ''}`;
  return `${io.paint(style, io.glyphs.status[step.status])} ${step.display.padStart(3)}  ${name.padEnd(nameWidth)} ${io.paint('muted', time)}${io.paint(style, word)}`.trimEnd();
}

function endedWorkMs(step: StepRow, held: ReadonlyMap<string, HeldInside>): number | null {
  return step.duration_ms === null ? null : (stepWorkMs(step, held.get(step.id), 0) ?? null);
}

/** Width of the column of names, so that lines printed one by one still align. */
export function nameWidthOf(run: Pick<RunRow, 'step_tree'>, steps: readonly StepRow[] = []): number {
  const declared = flattenSteps(run.step_tree ?? []).map((step) => step.name.length + (step.key.includes('.') ? 2 : 0));
  const seen = steps.map((step) => step.step_name.length + (step.parent_step_key === null ? 0 : 2));
  return Math.min(48, Math.max(24, ...declared, ...seen));
}

/** Prints every step once, in the order in which they ended, when a run stops at a gate why it does, and what was
 * too large to be recorded. Call it with every view. */
export function stepPrinter(io: Io): (view: RunView, isWhole: boolean) => void {
  const printed = new Set<string>();
  let heldAt: string | undefined;
  let logged = 0;
  return (view, isWhole) => {
    const { run } = view;
    if (run === undefined) return;
    const ended = endedSteps(view, isWhole).filter((step) => !printed.has(step.id));
    const nameWidth = nameWidthOf(run, ended);
    const inside = ended.length === 0 ? new Map<string, HeldInside>() : heldInside(view.index.steps.values());
    for (const step of ended) {
      printed.add(step.id);
      io.out(io.json ? stepJson(step, endedWorkMs(step, inside)) : stepLine(step, inside, nameWidth, io));
    }
    for (; logged < view.logCount; logged++) {
      const { metadata, step_key: key, message } = view.logs.at(logged);
      const display = flattenSteps(run.step_tree ?? []).find((one) => one.key === key)?.display ?? '';
      if (metadata['truncated'] !== undefined) io.err(io.paint('warn', `${display} ${printable(message)}`.trim()));
    }
    const held = run.status === 'paused' ? (run.current_step ?? '') : undefined;
    if (held !== undefined && held !== heldAt) io.err(heldNotice(run));
    heldAt = held;
  };
}

function heldNotice(run: RunRow): string {
  const step = flattenSteps(run.step_tree ?? []).find((one) => one.key === run.current_step);
  const where = step === undefined ? '' : ` ${isHeldAfter(run) ? 'after' : 'before'} ${step.display} ${printable(step.name)}`;
  const why = run.pause_reason === null ? '' : ` (${printable(placelessReason(run.pause_reason))})`;
  if (waitsForApproval(run)) return `Held${where}${why}. Answer from another terminal with \`stepscope approve ${run.test_run_id}\`, or \`reject\`, or \`cancel\`.`;
  return `Held${where}${why}. Go on from another terminal with \`stepscope resume ${run.test_run_id}\`, or \`step\`, or \`cancel\`.`;
}
