import { workTimeOf, type WorkTime } from '../../core/work-time.ts';
import { formatDuration, plural, printable } from '../../core/format.ts';
import type { RunView } from '../../core/run-view.ts';
import type { RunRow, StepRow } from '../../protocol/rows.ts';
import type { Io } from '../io.ts';
import { statusStyle } from './step-lines.ts';

/** How a run ended, in one line, and for a failure what failed, why, and where to look. */
export function runSummary(view: RunView, run: RunRow, io: Io): readonly string[] {
  const worked = workTimeOf(run, view.index.steps.values(), Date.parse(run.updated_at));
  const time = worked === undefined ? '' : ` after ${workTimeWords(worked)}`;
  const status = io.paint(statusStyle[run.status], `${io.glyphs.status[run.status]} ${run.status}`);
  const head = `${status}${time}, ${run.completed_steps} of ${plural(run.total_steps, 'step')}. Run ${run.test_run_id}`;
  if (run.status !== 'failed' && run.status !== 'interrupted') return [head];
  const failed = failedStep(view, run);
  return [head, '', ...failureBlock(run, failed, io), '', `Look closer with \`${io.command(`show ${run.test_run_id}`)}\` or \`${io.command(`tail ${run.test_run_id} --filter 'level>=warn'`)}\`.`];
}

/** `12.3s`, or `12.3s, held 4m 2s`. */
export function workTimeWords({ workMs, heldMs }: WorkTime): string {
  return heldMs === 0 ? formatDuration(workMs) : `${formatDuration(workMs)}, held ${formatDuration(heldMs)}`;
}

/** The innermost step that failed: its parents failed because of it. */
function failedStep(view: RunView, run: RunRow): StepRow | undefined {
  const steps = [...view.index.steps.values()];
  return (
    steps.find((step) => step.step_key === run.failed_step && step.status === 'failed') ??
    steps.filter((step) => step.status === 'failed').toSorted((a, b) => b.step_key.split('.').length - a.step_key.split('.').length)[0]
  );
}

/** Title, message and stack of a failure. */
export function failureBlock(run: RunRow, step: StepRow | undefined, io: Io): readonly string[] {
  const message = step?.error_message ?? run.error_message ?? 'no reason was recorded';
  const stack = step?.error_stack ?? run.error_stack;
  const title = step === undefined ? 'The run failed' : `${step.display} ${printable(step.step_name)} failed`;
  const frames = stack === null || stack === undefined ? [] : printable(stack, { multiline: true }).split('\n').filter((line) => /^\s+at /.test(line));
  return [
    io.paint('bad', title),
    ...printable(message, { multiline: true }).split('\n').map((line) => `  ${line}`),
    ...frames.map((line) => io.paint('muted', `  ${line.trim()}`)),
  ];
}
