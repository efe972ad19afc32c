import { momentOf, stepMoments } from '../../core/playback.ts';
import { formatDuration } from '../../core/format.ts';
import type { OpenRun } from '../state.ts';
import { playbackOf, playTo, playToEnd } from '../update/playback.ts';
import { only, told, withRun, type Action } from '../update/result.ts';

/** Moving by time takes this many keys from end to end. */
const STRIDES = 40;

/** The moments at which something begins. */
function stepBegins(run: OpenRun): readonly number[] {
  const { index } = run.playback?.recorded ?? run.view;
  const begins = [...index.steps.values()].flatMap((step) => (step.reused_from_run_id === null && step.started_at !== null ? [Date.parse(step.started_at)] : []));
  return begins.toSorted((a, b) => a - b);
}

/** When the lines that pass the filters were logged; of those that are not shown yet all count. */
function lineMoments(run: OpenRun): readonly number[] {
  const { logs, logCount } = run.playback?.recorded ?? run.view;
  const shown = new Set(run.log.matches.slice(0, run.log.matchCount));
  return logs.slice(0, logCount).flatMap((row, index) => (index >= run.view.logCount || shown.has(row) ? [momentOf(row)] : []));
}

/** To the next moment in a direction, of those that matter in the pane that has the keyboard. */
function move(direction: 1 | -1, momentsOf: (run: OpenRun) => readonly number[]): Action {
  return (state) => {
    const run = state.open!;
    const { at } = playbackOf(run)!;
    const moments = momentsOf(run);
    const next = direction === 1 ? moments.find((moment) => moment > at) : moments.findLast((moment) => moment < at);
    if (next !== undefined) return only(withRun(state, (one) => playTo(one, next)));
    if (direction === -1) return only(told(state, 'This is the beginning.'));
    return only(told(withRun(state, playToEnd), 'This is as far as is known.'));
  };
}

/** By a part of the whole time. */
function stride(direction: 1 | -1): Action {
  return (state) => {
    const { from, to, at } = playbackOf(state.open!)!;
    if (direction === -1 && at <= from) return only(told(state, 'This is the beginning.'));
    const by = Math.max(1, (to - from) / STRIDES);
    const next = withRun(state, (run) => playTo(run, Math.round(at + direction * by)));
    return only(next.open?.playback ? told(next, `${formatDuration(next.open.playback.at - from)} from the beginning.`) : told(next, 'This is as far as is known.'));
  };
}

const inPane = (run: OpenRun): readonly number[] => (run.pane === 'log' ? lineMoments(run) : stepMoments(run.playback?.recorded ?? run.view));

export const playbackActions = {
  'playback.back': move(-1, inPane),
  'playback.forward': move(1, inPane),
  'playback.previousStep': move(-1, stepBegins),
  'playback.nextStep': move(1, stepBegins),
  'playback.earlier': stride(-1),
  'playback.later': stride(1),
} satisfies Record<string, Action>;
