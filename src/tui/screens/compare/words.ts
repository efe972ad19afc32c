import type { Divergence } from '../../../protocol/comparison.ts';
import { clip } from '../../output/line.ts';

/** `outputs /image/width: 512 -> 1024`. */
export function divergenceWords({ kind, path, expected, actual }: Divergence, arrow: string): string {
  if (kind === 'presence') return expected === undefined ? 'only in the other run' : 'missing in the other run';
  const name = { inputs: 'inputs', outputs: 'outputs', stateBefore: 'state before', stateAfter: 'state after', status: 'status', error: 'error' }[kind];
  const text = (value: Divergence['expected']): string => (value === undefined ? 'nothing' : clip(JSON.stringify(value), 60));
  return `${name}${path === '' ? '' : ` ${path}`}: ${text(expected)} ${arrow} ${text(actual)}`;
}
