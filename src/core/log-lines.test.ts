import { describe, expect, it } from 'vitest';
import type { LogRow } from '../protocol/rows.ts';
import { indexOfSeq, memoryLines } from './log-lines.ts';

const row = (seq: number) => ({ seq, message: `line ${seq}`, log_level: 'info', timestamp: '2026-03-01T12:00:00.000Z', step_key: null, execution_context: 'client' }) as LogRow;
const rows = (...seqs: readonly number[]) => seqs.map(row);
const seqsOf = (lines: ReturnType<typeof memoryLines>) => Array.from({ length: lines.length }, (_, index) => lines.seqAt(index));

describe('the lines of a log in memory', () => {
  it('are each there once and in order, however they come', () => {
    const lines = memoryLines(rows(5, 3, 5, 9));
    expect(lines.append(rows(9, 7, 3, 12))).toBe(2);
    expect(seqsOf(lines)).toEqual([3, 5, 7, 9, 12]);
    expect(lines.append(rows(3, 12))).toBe(0);
  });

  it('say from where on other lines stand than before', () => {
    const lines = memoryLines(rows(1, 2, 3));
    lines.append(rows(10));
    expect([lines.edition, lines.intactBelow(0)]).toEqual([0, 4]);
    lines.append(rows(5));
    lines.append(rows(20, 8));
    expect([lines.edition, lines.intactBelow(0), lines.intactBelow(1), lines.intactBelow(2)]).toEqual([2, 3, 4, 7]);
    for (let seq = 1_000; seq > 100; seq -= 1) lines.append(rows(seq));
    expect(lines.intactBelow(2)).toBe(0);
    expect(seqsOf(lines)).toEqual(seqsOf(lines).toSorted((a, b) => a - b));
  });

  it('tell where a number stands, or would', () => {
    const lines = memoryLines(rows(2, 4, 6));
    expect([1, 2, 5, 7].map((seq) => indexOfSeq(lines, seq))).toEqual([0, 0, 2, 3]);
  });
});
