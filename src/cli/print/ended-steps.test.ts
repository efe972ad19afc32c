import { describe, expect, it } from 'vitest';
import type { RunChange } from '../../protocol/change.ts';
import { applyChanges, emptyView } from '../../core/run-view.ts';
import { endedSteps } from './ended-steps.ts';

const declared = (key: string, ...steps: readonly object[]): object => ({ key, steps });
const tree = [declared('1'), declared('2', declared('2.a'), declared('2.b')), declared('3')];
const run = (status: string, step_tree: readonly object[] | null = tree): RunChange => ({ table: 'test_execution_runs', row: { seq: 1, status, step_tree } }) as unknown as RunChange;

/** Rows by key and status, told in the order in which they are declared; `at` is when they ended. */
const row = (key: string, status: string, ordinal: number, at: string | null = null): RunChange =>
  ({
    table: 'test_execution_steps',
    row: { seq: 10 + ordinal, id: key, step_key: key, parent_step_key: key.includes('.') ? key.split('.')[0]! : null, ordinal, attempt: 1, status, completed_at: at },
  }) as unknown as RunChange;

function permutations<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length < 2) return [items];
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));
}

/** What is printed of rows that come one by one, each as soon as it is due. */
function printed(first: RunChange, rows: readonly RunChange[]): readonly string[] {
  const keys: string[] = [];
  let view = applyChanges(emptyView(), [first]);
  const print = (isWhole: boolean): void => {
    keys.push(...endedSteps(view, isWhole).map((step) => step.id).filter((id) => !keys.includes(id)));
  };
  for (const change of rows) {
    view = applyChanges(view, [change]);
    print(false);
  }
  print(true);
  return keys;
}

describe('the steps of a run, as they are printed', () => {
  const stories: readonly (readonly [what: string, rows: readonly RunChange[], order: readonly string[]])[] = [
    ['that completed', [row('1', 'completed', 0), row('2', 'completed', 1), row('2.a', 'completed', 2), row('2.b', 'completed', 3), row('3', 'completed', 4)], ['1', '2.a', '2.b', '2', '3']],
    ['that were reused, whose times are their parents\'', [row('1', 'reused', 0, '9'), row('2', 'reused', 1, '5'), row('2.a', 'reused', 2, '5'), row('2.b', 'reused', 3, '4'), row('3', 'completed', 4, '1')], ['1', '2.a', '2.b', '2', '3']],
    ['that failed', [row('1', 'completed', 0), row('2', 'failed', 1), row('2.a', 'failed', 2)], ['1', '2.a', '2']],
    ['that were skipped', [row('1', 'completed', 0), row('2', 'skipped', 1), row('3', 'completed', 4)], ['1', '2', '3']],
  ];
  for (const [what, rows, order] of stories) {
    it(`${what}, stand in the order in which they ended, in whatever order they are heard of`, () => {
      for (const heard of permutations(rows)) expect(printed(run('running'), heard), heard.map((change) => (change.row as { id: string }).id).join(' ')).toEqual(order);
      expect(printed(run('completed'), rows.toReversed())).toEqual(order);
    });
  }

  it('are printed at once when they come in order', () => {
    const view = applyChanges(emptyView(), [run('running'), row('1', 'completed', 0), row('2', 'running', 1), row('2.a', 'completed', 2)]);
    expect(endedSteps(view, false).map((step) => step.id)).toEqual(['1', '2.a']);
  });

  it('show the failure a run is held at', () => {
    const view = applyChanges(emptyView(), [run('paused'), row('1', 'completed', 0), row('2', 'failed', 1)]);
    expect(endedSteps(view, false).map((step) => step.id)).toEqual(['1', '2']);
  });

  it('of a program that was only traced stand as the clock says, sub-steps before their step', () => {
    const rows = [row('x', 'completed', 0, '2026-01-01T00:00:03Z'), row('x.y', 'completed', 1, '2026-01-01T00:00:03Z'), row('w', 'completed', 2, '2026-01-01T00:00:01Z')];
    for (const heard of permutations(rows)) expect(endedSteps(applyChanges(emptyView(), [run('completed', null), ...heard]), true).map((step) => step.id)).toEqual(['w', 'x.y', 'x']);
  });
});
