import { describe, expect, it } from 'vitest';
import { applyChanges, emptyView, flattenViews, type RunView } from './run-view.ts';
import { logsUntil, playbackRange, stepMoments, viewAt } from './playback.ts';
import type { LogRow, RunRow, StepRow } from '../protocol/rows.ts';

const start = Date.parse('2026-03-01T12:00:00.000Z');
const at = (ms: number) => new Date(start + ms).toISOString();

const step = (key: string, change: Partial<StepRow>) =>
  ({ id: `${key}#${change.attempt ?? 1}`, step_key: key, parent_step_key: null, ordinal: change.ordinal ?? 0, attempt: 1, status: 'completed', started_at: at(0), completed_at: at(100), duration_ms: 100, held_ms: null, reused_from_run_id: null, error_message: null, created_at: at(0), seq: 10, ...change }) as StepRow;

/** Load, then a step that is held for 500 ms, then one that fails twice. */
function recording(): RunView {
  const run = { test_run_id: 'r', status: 'failed', started_at: at(0), completed_at: at(2_000), total_duration_ms: 2_000, failed_step: 'call', error_message: 'boom', paused_at: null, completed_steps: 2, seq: 1 } as RunRow;
  const steps = [
    step('load', { ordinal: 0, started_at: at(0), completed_at: at(100) }),
    step('upload', { ordinal: 1, started_at: at(700), completed_at: at(900), duration_ms: 200, held_ms: 500 }),
    step('call', { ordinal: 2, attempt: 1, status: 'failed', started_at: at(1_000), completed_at: at(1_200), duration_ms: 200, error_message: 'first' }),
    step('call', { ordinal: 2, attempt: 2, status: 'failed', started_at: at(1_500), completed_at: at(2_000), duration_ms: 500, error_message: 'boom' }),
  ];
  const logs = [50, 800, 1_900].map((ms, index) => ({ id: `l${index}`, seq: 20 + index, timestamp: at(ms), log_level: 'info' }) as LogRow);
  return applyChanges(emptyView(), [
    { table: 'test_execution_runs', row: run },
    ...steps.map((row) => ({ table: 'test_execution_steps', row }) as const),
    ...logs.map((row) => ({ table: 'test_execution_logs', row }) as const),
  ]);
}

const standing = (view: RunView) => [view.run!.status, ...flattenViews(view.steps).map(({ row }) => `${row.step_key}${row.attempt > 1 ? `#${row.attempt}` : ''} ${row.status}`), `${view.logCount} lines`].join(', ');

describe('a recording as of an earlier moment', () => {
  it('shows steps as they stood, and only lines that had been logged', () => {
    const view = recording();
    expect([-1, 0, 60, 150, 300, 750, 1_100, 1_300, 1_600, 2_000].map((ms) => `${ms}: ${standing(viewAt(view, start + ms))}`)).toEqual([
      '-1: pending, 0 lines',
      '0: running, load running, 0 lines',
      '60: running, load running, 1 lines',
      '150: running, load completed, 1 lines',
      '300: paused, load completed, upload held, 1 lines',
      '750: running, load completed, upload running, 1 lines',
      '1100: running, load completed, upload completed, call running, 2 lines',
      '1300: running, load completed, upload completed, call failed, 2 lines',
      '1600: running, load completed, upload completed, call#2 running, 2 lines',
      '2000: failed, load completed, upload completed, call#2 failed, 3 lines',
    ]);
  });

  it('tells nothing before its time: no error, no duration, no end', () => {
    const before = viewAt(recording(), start + 1_600);
    expect(before.run).toMatchObject({ error_message: null, completed_at: null, failed_step: null, current_step: 'call', completed_steps: 2 });
    const { row, earlier } = flattenViews(before.steps).at(-1)!;
    expect(row).toMatchObject({ attempt: 2, error_message: null, completed_at: null, duration_ms: null });
    expect(earlier.map((one) => one.error_message)).toEqual(['first']);
  });

  it('is the recording itself at its end', () => {
    const view = recording();
    expect(viewAt(view, playbackRange(view)!.to).run).toBe(view.run);
  });

  it('has the moments at which something changed, in order', () => {
    expect(stepMoments(recording()).map((moment) => moment - start)).toEqual([0, 100, 200, 700, 900, 1_000, 1_200, 1_500, 2_000]);
  });

  it('leaves what a fork took over as it was', () => {
    const view = applyChanges(recording(), [{ table: 'test_execution_steps', row: step('given', { ordinal: -1, status: 'reused', reused_from_run_id: 'parent', started_at: at(-90_000), completed_at: at(-80_000) }) }]);
    expect(standing(viewAt(view, start))).toContain('given reused');
    expect(stepMoments(view)[0]! - start).toBe(0);
  });

  it('counts lines by their time, also where many have the same', () => {
    const view = recording();
    expect([49, 50, 799, 5_000].map((ms) => logsUntil(view, start + ms))).toEqual([0, 1, 1, 3]);
  });
});
