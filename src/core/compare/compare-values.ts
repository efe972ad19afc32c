import type { CompareOptions, StepValues, ValueDifferences } from './comparison.ts';
import { diffStructure } from './diff-structure.ts';

/** The values of a step, in the order in which they come to be. */
const kinds = ['inputs', 'stateBefore', 'outputs', 'stateAfter'] as const;

/** How the values of one step differ, kind by kind; kinds without a difference are left out, those only one run recorded are not. */
export function compareValues(a: StepValues, b: StepValues, options: CompareOptions = {}): readonly ValueDifferences[] {
  return kinds.flatMap((kind): readonly ValueDifferences[] => {
    const [before, after] = [a[kind], b[kind]];
    if (before === after) return [];
    if (before === null || after === null) return [{ kind, differences: [], unknown: 0, isOneSided: true }];
    const { differences, unknown } = diffStructure(before, after, options);
    return differences.length === 0 && unknown === 0 ? [] : [{ kind, differences, unknown, isOneSided: false }];
  });
}
