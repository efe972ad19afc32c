import { isFinal } from '../core/run-state.ts';
import type { Effect } from './effect.ts';
import type { Message } from './message.ts';
import { isScanning } from './model/log.ts';
import { underWay } from './update/pending.ts';
import type { State } from './state.ts';
import { update } from './update.ts';

/** Data is drawn this often at most, and over a poor link; the echo of a key at once. */
const FRAME_MS = 100;
const LOW_BANDWIDTH_FRAME_MS = 500;
/**
 * Frames that cost more than a line should carry come less often: 4 KB a second, but never later than this. Nobody
 * reads a log that fills the screen anew ten times a second, and keys are waiting behind it.
 */
const LINE_BYTES_PER_MS = 4.096;
const MAX_FRAME_MS = 375;
/** Bars grow and clocks turn this often while something moves. */
const TICK_MS = 250;
/** Where nothing moves but a clock. */
const CLOCK_MS = 1_000;
/** How long ago something young was is worth its bytes this often. */
const YOUNG_MS = 5_000;
const MINUTE_MS = 60_000;

export interface Program {
  readonly state: () => State;
  dispatch(message: Message): void;
  stop(): void;
}

export interface ProgramOptions {
  readonly initial: State;
  readonly perform: (effect: Effect) => void;
  readonly draw: (state: State) => void;
  /** Bytes of the frame that was drawn last. */
  readonly frameBytes?: (() => number) | undefined;
  readonly now: () => number;
}

/** The loop: messages in, one update each, effects out, frames when there is something to see. */
export function createProgram({ initial, perform, draw, frameBytes = () => 0, now }: ProgramOptions): Program {
  let state = initial;
  let drawn = initial;
  let frame: NodeJS.Timeout | undefined;
  let echo: NodeJS.Immediate | undefined;
  let shownAt = Number.NEGATIVE_INFINITY;
  let tick: { readonly timer: NodeJS.Timeout; readonly due: number } | undefined;
  let scan: NodeJS.Immediate | undefined;
  let stopped = false;

  const show = () => {
    clearTimeout(frame);
    clearImmediate(echo);
    frame = echo = undefined;
    if (stopped || state === drawn) return;
    drawn = state;
    shownAt = now();
    draw(state);
  };

  const dispatch = (message: Message): void => {
    if (stopped) return;
    const next = update(state, message, now());
    state = next.state;
    for (const effect of next.effects) perform(effect);
    // Keys that came together are answered together.
    if (message.type === 'key' || message.type === 'paste') echo ??= setImmediate(show);
    else if (message.type === 'resized') show();
    else frame ??= setTimeout(show, untilNextFrame());
    scheduleTick();
    scheduleScan();
  };

  /** The first news after a pause are drawn at once, with whatever else comes in the same turn. */
  const untilNextFrame = (): number => {
    const frameMs = state.settings.values.lowBandwidth ? LOW_BANDWIDTH_FRAME_MS : Math.min(MAX_FRAME_MS, Math.max(FRAME_MS, frameBytes() / LINE_BYTES_PER_MS));
    return Math.min(frameMs, Math.max(0, shownAt + frameMs - now()));
  };

  /** A long log is looked at in slices, with time for keys between them. */
  function scheduleScan(): void {
    if (stopped || !state.open || !isScanning(state.open)) return;
    scan ??= setImmediate(() => {
      scan = undefined;
      dispatch({ type: 'scanned' });
    });
  }

  function scheduleTick(): void {
    const pace = paceOf(state);
    if (stopped || pace === undefined) return;
    const due = now() + pace;
    // What was opened since may need it sooner than what was shown when it was set.
    if (tick !== undefined && tick.due <= due) return;
    clearTimeout(tick?.timer);
    const timer = setTimeout(() => {
      tick = undefined;
      dispatch({ type: 'ticked' });
    }, pace);
    tick = { timer, due };
  }

  scheduleTick();
  return {
    state: () => state,
    dispatch,
    stop() {
      stopped = true;
      clearTimeout(frame);
      clearTimeout(tick?.timer);
      clearImmediate(scan);
      clearImmediate(echo);
    },
  };
}

/** How soon time alone changes what is shown; undefined while it does not, and then the program sleeps. */
function paceOf(state: State): number | undefined {
  const pace = livelyPaceOf(state);
  return pace === TICK_MS && state.settings.values.lowBandwidth ? CLOCK_MS : pace;
}

function livelyPaceOf(state: State): number | undefined {
  const run = state.open;
  const status = run?.view.run?.status;
  const link = (run?.link ?? state.lists.link).state;
  if (state.session.phase === 'connecting' || (status === 'running' && !run?.playback) || (run && underWay(run).length > 0)) return TICK_MS;
  const paces = [
    state.notice && Math.max(1, state.notice.until - state.now),
    status === 'paused' || status === 'pending' || link === 'lost' ? CLOCK_MS : undefined,
    !run && state.lists.runs?.some((one) => !isFinal(one)) ? CLOCK_MS : undefined,
    // Relative times count while what they tell of is young, and minutes afterwards.
    !run || state.timeFormat === 'relative' ? (isYoung(state) ? YOUNG_MS : MINUTE_MS / 2) : undefined,
  ].filter((pace) => pace !== undefined);
  return paces.length > 0 ? Math.min(...paces) : undefined;
}

function isYoung(state: State): boolean {
  const newest = state.open ? state.open.view.run?.completed_at : state.lists.runs?.[0]?.created_at;
  return newest !== undefined && newest !== null && state.now - Date.parse(newest) < MINUTE_MS;
}
