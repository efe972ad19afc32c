import { stepMoments } from '../../core/playback.ts';
import { formatDuration } from '../../core/format.ts';
import { firstIndex } from '../../core/log-lines.ts';
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

/** The next moment in a direction, of those in order. */
const among = (momentsOf: (run: OpenRun) => readonly number[]) => (run: OpenRun, at: number, direction: 1 | -1): number | undefined =>
  direction === 1 ? momentsOf(run).find((moment) => moment > at) : momentsOf(run).findLast((moment) => moment < at);

/** When the next line that passes the filters was logged; of those that are not shown yet all count. */
function nextLine(run: OpenRun, at: number, direction: 1 | -1): number | undefined {
  const { logs, logCount } = run.playback?.recorded ?? run.view;
  if (direction === 1) {
    const next = firstIndex(Math.max(logs.first, run.view.logCount), logCount, (index) => logs.timeAt(index) > at);
    return next < logCount ? logs.timeAt(next) : undefined;
  }
  for (let place = run.log.matchCount - 1; place >= run.log.matchFirst; place -= 1) {
    const time = logs.timeAt(run.log.matches.at(place));
    if (time < at) return time;
  }
  return undefined;
}

/** To the next moment in a direction, of those that matter in the pane that has the keyboard. */
function move(direction: 1 | -1, nextOf: (run: OpenRun, at: number, direction: 1 | -1) => number | undefined): Action {
  return (state) => {
    const run = state.open!;
    const { at } = playbackOf(run)!;
    const next = nextOf(run, at, direction);
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

const nextStepMoment = among((run) => stepMoments(run.playback?.recorded ?? run.view));
const nextBegin = among(stepBegins);
const inPane: typeof nextLine = (run, at, direction) => (run.pane === 'log' ? nextLine : nextStepMoment)(run, at, direction);

export const playbackActions = {
  'playback.back': move(-1, inPane),
  'playback.forward': move(1, inPane),
  'playback.previousStep': move(-1, nextBegin),
  'playback.nextStep': move(1, nextBegin),
  'playback.earlier': stride(-1),
  'playback.later': stride(1),
} satisfies Record<string, Action>;
