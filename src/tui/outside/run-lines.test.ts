import { describe, expect, it } from 'vitest';
import type { RunChange } from '../../protocol/change.ts';
import { logRow, runId, stepRow } from '../testing.tsx';
import { runLines } from './run-lines.ts';

const logs = (...seqs: readonly number[]) => seqs.map((seq): RunChange => ({ table: 'test_execution_logs', row: logRow(seq, `line ${seq}`) }));

describe('the lines of the run that is followed', () => {
  it('are taken out of its changes, once each, also when it is followed again after a lost session', () => {
    const kept = runLines();
    const step: RunChange = { table: 'test_execution_steps', row: stepRow('load_model') };
    const first = kept.take(runId, [step, ...logs(1, 2)]);
    expect(first.changes).toEqual([step]);
    const again = kept.take(runId, logs(1, 2, 3));
    expect(again.lines).toBe(first.lines);
    expect(Array.from({ length: again.lines!.length }, (_, index) => again.lines!.at(index).message)).toEqual(['line 1', 'line 2', 'line 3']);
    kept.close();
  });

  it('begin anew with another run', () => {
    const kept = runLines();
    kept.take(runId, logs(1, 2));
    expect(kept.take('another', logs(7)).lines!.length).toBe(1);
    kept.close();
    expect(kept.take('another', [])).toEqual({ changes: [] });
  });

  it('are let go at the beginning where fewer are kept, and keep their indexes', () => {
    const kept = runLines(1_000);
    const lines = kept.take(runId, logs(...Array.from({ length: 1_500 }, (_, index) => index + 1))).lines!;
    expect([lines.length, lines.most]).toEqual([1_500, 1_000]);
    expect(lines.first).toBeGreaterThanOrEqual(500);
    expect(lines.at(1_499).message).toBe('line 1500');
    kept.close();
  });
});
