import type { RunRow } from '../protocol/rows.ts';

/** A run with the runs that were forked from it, oldest first. */
export interface FamilyTree {
  readonly run: RunRow;
  readonly forks: readonly FamilyTree[];
}

/**
 * Runs as families: forks under the runs they were made from, the family with the newest member first. A run whose parent
 * is not among them, or is its own descendant, begins a family.
 */
export function familyTrees(runs: readonly RunRow[]): readonly FamilyTree[] {
  const byId = new Map(runs.map((run) => [run.test_run_id, run]));
  const children = Map.groupBy(runs, (run) => (run.parent_run_id !== null && byId.has(run.parent_run_id) ? run.parent_run_id : null));
  const placed = new Set<string>();
  const place = (run: RunRow): FamilyTree => {
    placed.add(run.test_run_id);
    const forks = (children.get(run.test_run_id) ?? []).filter((fork) => !placed.has(fork.test_run_id)).toSorted(byAge);
    return { run, forks: forks.map(place) };
  };
  const trees = (children.get(null) ?? []).map(place);
  for (const run of runs.toSorted(byAge)) if (!placed.has(run.test_run_id)) trees.push(place(run));
  return trees.toSorted((a, b) => compare(newest(b), newest(a)));
}

/** A line of a tree: how deep it is, and for each level whether more follows there. */
export interface FamilyLine {
  readonly run: RunRow;
  /** Outermost first; the last says it of the run itself. Empty for a root. */
  readonly more: readonly boolean[];
}

/** Trees as lines from top to bottom. */
export function familyLines(trees: readonly FamilyTree[], around: readonly boolean[] = []): readonly FamilyLine[] {
  return trees.flatMap(({ run, forks }) => [
    { run, more: around },
    ...forks.flatMap((fork, index) => familyLines([fork], [...around, index < forks.length - 1])),
  ]);
}

function newest({ run, forks }: FamilyTree): string {
  return forks.reduce((last, fork) => (newest(fork) > last ? newest(fork) : last), run.created_at);
}

function byAge(a: RunRow, b: RunRow): number {
  return compare(a.created_at, b.created_at) || compare(a.test_run_id, b.test_run_id);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
