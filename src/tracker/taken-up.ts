import { encodeObject } from '../core/encode-value.ts';
import { firstLoss } from '../core/first-loss.ts';
import type { Loss } from '../core/first-loss.ts';
import type { Masker } from '../core/mask.ts';
import type { EarlierHold } from './gate-keeper.ts';
import type { WrittenSnapshot, WrittenStep } from './make-rows.ts';
import { stateLimits } from './snapshot-writer.ts';

/** A run that its earlier holder left held before a step, as it goes on in this process. */
export interface TakenUp {
  readonly startedAt: string | null;
  readonly hold: EarlierHold;
  /** The step it is held before and those around it, which go on in the rows they have. */
  readonly open: readonly { readonly step: WrittenStep; readonly snapshot: WrittenSnapshot | undefined }[];
  /** Steps at which it was to be held once, from pauses that were obeyed. */
  readonly pauseAt: readonly string[];
}

/** What somebody who takes the run up here would not have of its state and inputs; undefined when all is recorded. */
export function lossAtHold(inputs: unknown, state: unknown, masker: Masker): Loss | undefined {
  const all = { state: encodeObject(state, stateLimits), inputs: encodeObject(inputs, stateLimits) };
  return firstLoss(masker.marked(all));
}
