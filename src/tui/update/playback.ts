import { playbackRange, viewAt } from '../../core/playback.ts';
import { scanLog } from '../model/log.ts';
import type { OpenRun } from '../state.ts';
import { followRun } from './open-run.ts';

/** The run as it was at a moment; at its end, and beyond, as it is. */
export function playTo(run: OpenRun, at: number): OpenRun {
  const recorded = run.playback?.recorded ?? run.view;
  const range = playbackRange(recorded);
  if (!range || at >= range.to) return playToEnd(run);
  const moment = Math.max(range.from, at);
  const log = { ...run.log, follows: true };
  return followRun(scanLog({ ...run, playback: { at: moment, recorded }, view: viewAt(recorded, moment), followsRun: true, log }));
}

/** Back to what is known now. */
export function playToEnd(run: OpenRun): OpenRun {
  if (!run.playback) return run;
  return followRun(scanLog({ ...run, view: run.playback.recorded, playback: undefined, followsRun: true, log: { ...run.log, follows: true } }));
}

/** From when to when the run can be looked at, and where that is now. Undefined before it has begun. */
export function playbackOf(run: OpenRun): { readonly from: number; readonly to: number; readonly at: number } | undefined {
  const range = playbackRange(run.playback?.recorded ?? run.view);
  return range && { ...range, at: run.playback?.at ?? range.to };
}
