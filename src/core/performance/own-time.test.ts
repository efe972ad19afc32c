import { expect, it } from 'vitest';
import type { StepRow } from '../../protocol/rows.ts';
import { recordedRun } from '../compare/testing.ts';
import { heldInside, stepWorkMs } from './own-time.ts';
import { profileRun } from './profile-run.ts';

const start = Date.parse('2026-01-01T00:00:00.000Z');
const at = (ms: number): string => new Date(start + ms).toISOString();
const step = (key: string, from: number, to: number, more: Partial<StepRow> = {}) => ({ id: `${key}#${more.attempt ?? 1}`, step_key: key, parent_step_key: key.split('.').slice(0, -1).join('.') || null, started_at: at(from), completed_at: at(to), duration_ms: to - from, ...more });

it('what was held inside a step is no work of the steps around it, as in the profile of the run', () => {
  const { run, steps } = recordedRun('a', [
    step('parts', 0, 4_050), step('parts.a', 10, 20), step('parts.b', 20, 4_040), step('parts.b.x', 4_030, 4_035, { held_ms: 4_000 }),
  ], { total_duration_ms: 4_060 });
  const inside = heldInside(steps);
  const worked = steps.map((row) => [row.step_key, stepWorkMs(row, inside.get(row.id), 0)]);
  expect(worked).toEqual([['parts', 50], ['parts.a', 10], ['parts.b', 20], ['parts.b.x', 5]]);
  expect(worked).toEqual(profileRun(run, steps).steps.map(({ stepKey, durationMs }) => [stepKey, durationMs]));
});

it('a hold counts for the attempt in which it was', () => {
  const { steps } = recordedRun('a', [
    step('call', 0, 5_000, { status: 'failed' }), step('call', 6_000, 6_100, { attempt: 2 }),
    step('call.send', 4_900, 4_950, { status: 'failed', held_ms: 4_800 }), step('call.send', 6_010, 6_090, { attempt: 2 }),
  ]);
  const inside = heldInside(steps);
  expect(steps.map((row) => stepWorkMs(row, inside.get(row.id), 0))).toEqual([200, 100, 50, 80]);
});

it('the time of a step stands still while it is held inside', () => {
  const { steps } = recordedRun('a', [
    step('parts', 0, 0, { status: 'running', duration_ms: null, completed_at: null }),
    step('parts.a', 0, 0, { status: 'held', started_at: null, duration_ms: null, completed_at: null, created_at: at(300) }),
  ]);
  const inside = heldInside(steps);
  for (const ms of [300, 9_000]) expect(stepWorkMs(steps[0]!, inside.get(steps[0]!.id), start + ms)).toBe(300);
});
