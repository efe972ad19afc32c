import { formatBytes, formatClock, formatDuration } from '../../core/format.ts';
import { bar } from '../view/bar.ts';
import { span, type Line } from '../output/line.ts';
import type { State } from '../state.ts';
import { stepMs, type Step } from './steps.ts';

/** Time, CPU and memory of a step and of its earlier attempts. */
export function timingLines(step: Step, state: State): readonly Line[] {
  const { row } = step;
  if (!row) return [];
  const took = stepMs(step, state.now);
  const fact = (name: string, value: string): Line => [span(name.padEnd(12), 'muted'), span(value)];
  const lines: Line[] = [
    fact('status', `${state.glyphs.status[row.status]} ${row.status}${row.attempt > 1 ? `, attempt ${row.attempt}` : ''}`),
    fact('started', row.started_at ? formatClock(row.started_at) : 'not yet'),
    fact('ended', row.completed_at ? formatClock(row.completed_at) : 'not yet'),
    fact('took', took === undefined ? 'nothing yet' : formatDuration(took)),
    ...(row.held_ms ? [fact('held', `${formatDuration(row.held_ms)}, not counted`)] : []),
    fact('CPU', row.cpu_ms === null ? 'not measured' : formatDuration(row.cpu_ms)),
    fact('memory', row.memory_bytes === null ? 'not measured' : `${row.memory_bytes < 0 ? '' : '+'}${formatBytes(row.memory_bytes)}`),
    fact('runs in', row.execution_context.replace('_', ' ')),
    fact('effect', effects[row.effect]),
  ];
  if (row.reused_from_run_id) lines.push(fact('reused from', row.reused_from_run_id));
  if (step.earlier.length > 0) {
    lines.push([], [span('Earlier attempts', 'heading')]);
    const longest = Math.max(took ?? 0, ...step.earlier.map((one) => one.duration_ms ?? 0), 1);
    for (const one of step.earlier) {
      lines.push([span(`${one.attempt}  ${state.glyphs.status[one.status]} ${one.status.padEnd(10)} ${formatDuration(one.duration_ms ?? 0).padStart(9)}  `), ...bar((one.duration_ms ?? 0) / longest, 20, state.glyphs, one.status)]);
    }
  }
  return lines;
}

const effects = {
  none: 'none: running it again changes nothing',
  idempotent: 'idempotent: running it again ends in the same',
  external: 'external: running it again happens again outside',
} as const;
