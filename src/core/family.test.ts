import { describe, expect, it } from 'vitest';
import type { RunRow } from '../protocol/rows.ts';
import { familyLines, familyTrees } from './family.ts';

/** `id<parent`, one a second. */
const runs = (...written: readonly string[]): readonly RunRow[] =>
  written.map((text, index) => {
    const [id, parent = null] = text.split('<');
    return { test_run_id: id, parent_run_id: parent, created_at: `2026-11-21T10:00:${String(index).padStart(2, '0')}Z` } as RunRow;
  });
const shown = (...written: readonly string[]): readonly string[] => familyLines(familyTrees(runs(...written))).map(({ run, more }) => more.map((one) => (one ? '|' : '.')).join('') + run.test_run_id);

describe('families of runs', () => {
  it('show forks under their parents, oldest first, and the family with the newest run first', () => {
    expect(shown('a', 'b', 'a1<a', 'b1<b', 'a2<a', 'a11<a1')).toEqual(['a', '|a1', '|.a11', '.a2', 'b', '.b1']);
  });

  it('begin with a run whose parent is not there', () => {
    expect(shown('x<gone', 'y<x')).toEqual(['x', '.y']);
  });

  it('come to an end where runs say that they are forks of each other', () => {
    expect(shown('a<b', 'b<a', 'c<c')).toEqual(['c', 'a', '.b']);
  });
});
