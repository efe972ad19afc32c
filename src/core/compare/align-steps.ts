import { limits } from '../../protocol/limits.ts';
import type { StepRow } from '../../protocol/rows.ts';
import { latestAttempts } from '../fork-plan.ts';
import type { Match } from './comparison.ts';
import { LEAST_LIKENESS, likeness, ownKey, traitsOf } from './likeness.ts';
import type { StepHints } from './likeness.ts';
import { longestIncreasing } from './match-lists.ts';

/** A step of one run beside the one of another run that it is; at least one of both is there. */
export interface AlignedStep {
  readonly a: StepRow | undefined;
  readonly b: StepRow | undefined;
  /** 0 for a step, 1 for its sub-steps, and so on. */
  readonly depth: number;
  /** How they were found to be the same; undefined where one is missing. */
  readonly match: Match | undefined;
  /** 1 for steps of one key. */
  readonly likeness: number;
  /** Others that stayed came before it and come after it now, or the other way round. */
  readonly isMoved: boolean;
}

/** More about a step than its row, for those that no key matches. */
export type HintsOf = (step: StepRow) => StepHints | undefined;

/**
 * Aligns the latest attempts of two runs: steps of one key first, then those that are alike, in their order, and
 * sub-steps within the steps they belong to. What has no partner stands where it ran.
 */
export function alignSteps(a: readonly StepRow[], b: readonly StepRow[], hintsOf: HintsOf = () => undefined): readonly AlignedStep[] {
  const [left, right] = [treeOf(a), treeOf(b)];
  const align = (parentA: string | null | undefined, parentB: string | null | undefined, depth: number): AlignedStep[] => {
    const before = parentA === undefined ? [] : (left.get(parentA) ?? []);
    const after = parentB === undefined ? [] : (right.get(parentB) ?? []);
    return alignSiblings(before, after, depth, hintsOf).flatMap((pair) => [pair, ...align(pair.a?.step_key, pair.b?.step_key, depth + 1)]);
  };
  return align(null, null, 0);
}

/** Latest attempts by the key of their parent, in their order; a step whose parent is not there stands at the top. */
function treeOf(steps: readonly StepRow[]): ReadonlyMap<string | null, readonly StepRow[]> {
  const latest = latestAttempts(steps);
  const ordered = [...latest.values()].toSorted((x, y) => x.ordinal - y.ordinal || x.seq - y.seq);
  return Map.groupBy(ordered, ({ step_key: key, parent_step_key: parent }) => (parent !== null && parent !== key && latest.has(parent) ? parent : null));
}

interface Pair {
  readonly from: number;
  readonly to: number;
  readonly match: Match;
  readonly likeness: number;
}

function alignSiblings(a: readonly StepRow[], b: readonly StepRow[], depth: number, hintsOf: HintsOf): readonly AlignedStep[] {
  // At the top the whole key counts, also of sub-steps whose parent is not there.
  const keyOf = depth === 0 ? (step: StepRow): string => step.step_key : ownKey;
  const places = new Map(b.map((step, i) => [keyOf(step), i]));
  const byKey = a.flatMap((step, from): Pair[] => {
    const to = places.get(keyOf(step));
    places.delete(keyOf(step));
    return to === undefined ? [] : [{ from, to, match: 'key', likeness: 1 }];
  });
  const stayed = longestIncreasing(byKey.map(({ to }) => to));
  const anchors = byKey.filter((_, i) => stayed.has(i));
  const moved = byKey.filter((_, i) => !stayed.has(i));
  const taken = { from: new Set(byKey.map(({ from }) => from)), to: new Set(byKey.map(({ to }) => to)) };

  // Between two steps that stayed, those without a partner are compared with each other.
  const alike: Pair[] = [];
  let [i, j] = [0, 0];
  for (const anchor of [...anchors, { from: a.length, to: b.length }]) {
    const [olds, news] = [free(i, anchor.from, taken.from), free(j, anchor.to, taken.to)];
    alike.push(...alignAlike(olds, news, a, b, hintsOf));
    [i, j] = [anchor.from + 1, anchor.to + 1];
  }
  return inOrder(a, b, [...anchors, ...alike], moved, depth);
}

function free(from: number, to: number, taken: ReadonlySet<number>): readonly number[] {
  const found: number[] = [];
  for (let i = from; i < to; i++) if (!taken.has(i)) found.push(i);
  return found;
}

/** The order-preserving pairing of most likeness in all (Needleman and Wunsch, 1970), without pairs below the threshold. */
function alignAlike(olds: readonly number[], news: readonly number[], a: readonly StepRow[], b: readonly StepRow[], hintsOf: HintsOf): readonly Pair[] {
  // Beyond this, only keys count: a table of that size takes longer than a person waits.
  if (olds.length === 0 || news.length === 0 || olds.length * news.length > limits.alignedPairs) return [];
  const traitsA = olds.map((i) => traitsOf(a[i]!, hintsOf(a[i]!)));
  const traitsB = news.map((i) => traitsOf(b[i]!, hintsOf(b[i]!)));
  const longest = Math.max(a.length, b.length, 2) - 1;
  const [rows, columns] = [olds.length + 1, news.length + 1];
  const best = new Float32Array(rows * columns);
  const pairOf = new Float32Array(rows * columns);
  for (let i = 1; i < rows; i++) {
    for (let j = 1; j < columns; j++) {
      const at = i * columns + j;
      const like = likeness(traitsA[i - 1]!, traitsB[j - 1]!, Math.abs(olds[i - 1]! - news[j - 1]!) / longest);
      const paired = like < LEAST_LIKENESS ? -1 : best[at - columns - 1]! + like;
      pairOf[at] = like < LEAST_LIKENESS ? 0 : like;
      best[at] = Math.max(best[at - columns]!, best[at - 1]!, paired);
    }
  }
  const pairs: Pair[] = [];
  for (let i = rows - 1, j = columns - 1; i > 0 && j > 0;) {
    const at = i * columns + j;
    if (best[at] === best[at - columns]) i--;
    else if (best[at] === best[at - 1]) j--;
    else {
      pairs.push({ from: olds[i - 1]!, to: news[j - 1]!, match: 'likeness', likeness: pairOf[at]! });
      i--;
      j--;
    }
  }
  return pairs.toReversed();
}

/** Pairs that stayed keep both orders; between them stand first what only `a` has or has moved, then what only `b` has. */
function inOrder(a: readonly StepRow[], b: readonly StepRow[], stayed: readonly Pair[], moved: readonly Pair[], depth: number): readonly AlignedStep[] {
  const movedFrom = new Map(moved.map((pair) => [pair.from, pair]));
  const movedTo = new Set(moved.map((pair) => pair.to));
  const found: AlignedStep[] = [];
  let [i, j] = [0, 0];
  for (const next of [...stayed.toSorted((x, y) => x.from - y.from), undefined]) {
    for (; i < (next?.from ?? a.length); i++) {
      const pair = movedFrom.get(i);
      found.push({ a: a[i], b: pair === undefined ? undefined : b[pair.to], depth, match: pair?.match, likeness: pair?.likeness ?? 0, isMoved: pair !== undefined });
    }
    for (; j < (next?.to ?? b.length); j++) {
      if (!movedTo.has(j)) found.push({ a: undefined, b: b[j], depth, match: undefined, likeness: 0, isMoved: false });
    }
    if (next !== undefined) found.push({ a: a[i++], b: b[j++], depth, match: next.match, likeness: next.likeness, isMoved: false });
  }
  return found;
}
