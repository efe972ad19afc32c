import { describe, expect, it } from 'vitest';
import type { RunChange } from '../protocol/change.ts';
import { applyChanges, emptyView, flattenViews } from './run-view.ts';

const run = (seq: number, status: string) => ({ table: 'test_execution_runs', row: { seq, status } }) as unknown as RunChange;
const step = (seq: number, key: string, fields: object = {}) =>
  ({
    table: 'test_execution_steps',
    row: {
      seq,
      id: `${key}-1`,
      step_key: key,
      parent_step_key: key.includes('.') ? key.slice(0, key.lastIndexOf('.')) : null,
      ordinal: 0,
      attempt: 1,
      status: 'pending',
      ...fields,
    },
  }) as unknown as RunChange;
const log = (seq: number) => ({ table: 'test_execution_logs', row: { seq, id: `log-${seq}` } }) as unknown as RunChange;
const command = (seq: number, id: string, state: string, created_at = id) =>
  ({ table: 'test_execution_commands', row: { seq, id, state, created_at } }) as unknown as RunChange;

const story: readonly RunChange[] = [
  run(1, 'running'),
  step(2, 'a'),
  step(3, 'b', { ordinal: 1 }),
  step(4, 'b.x', { ordinal: 2 }),
  step(5, 'b.y', { ordinal: 3 }),
  log(6),
  command(7, 'c1', 'pending'),
  step(8, 'a', { status: 'completed' }),
  log(9),
  run(10, 'paused'),
  command(11, 'c2', 'pending'),
  command(12, 'c1', 'done'),
  step(13, 'b.x', { id: 'b.x-2', attempt: 2, ordinal: 2 }),
  log(14),
];
const facts = (changes: readonly (readonly RunChange[])[]) => {
  const view = changes.reduce(applyChanges, emptyView());
  return {
    status: view.run?.status,
    steps: flattenViews(view.steps).map(({ row, earlier, steps }) => [row.id, row.status, earlier.length, steps.length]),
    logs: Array.from({ length: view.logCount }, (_, index) => view.logs.at(index).seq),
    commands: view.commands.map((row) => [row.id, row.state]),
    seq: view.seq,
  };
};

describe('the view of a run', () => {
  it('nests sub-steps, shows the latest attempt and keeps the earlier ones', () => {
    expect(facts([story])).toEqual({
      status: 'paused',
      steps: [
        ['a-1', 'completed', 0, 0],
        ['b-1', 'pending', 0, 2],
        ['b.x-2', 'pending', 1, 0],
        ['b.y-1', 'pending', 0, 0],
      ],
      logs: [6, 9, 14],
      commands: [
        ['c1', 'done'],
        ['c2', 'pending'],
      ],
      seq: 14,
    });
  });

  it('is the same whatever the order, the repetition and the cutting of what arrives', () => {
    const whole = facts([story]);
    expect(facts(story.map((one) => [one]))).toEqual(whole);
    expect(facts([story.toReversed()])).toEqual(whole);
    expect(facts(story.toReversed().map((one) => [one]))).toEqual(whole);
    expect(facts([story, story, story.slice(3, 9)])).toEqual(whole);
    expect(facts([story.filter((_, i) => i % 2 === 0), story.filter((_, i) => i % 2 === 1)])).toEqual(whole);
  });

  it('is itself when nothing is new', () => {
    const view = applyChanges(emptyView(), story);
    expect(applyChanges(view, story)).toBe(view);
    expect(applyChanges(view, [])).toBe(view);
  });

  it('leaves earlier views readable up to their count', () => {
    const first = applyChanges(emptyView(), [log(1), log(2)]);
    const second = applyChanges(first, [log(3)]);
    expect([first.logCount, second.logCount]).toEqual([2, 3]);
    expect(second.logs).toBe(first.logs);
  });

  it('holds a step whose parent is not known yet at the top', () => {
    expect(facts([[step(1, 'b.x')]]).steps).toEqual([['b.x-1', 'pending', 0, 0]]);
  });
});
