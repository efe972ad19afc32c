import { meet, readyBreakpoint } from '../core/breakpoints.ts';
import type { BreakEvent, BreakMemory, BreakPlace, ReadyBreakpoint, Stop } from '../core/breakpoints.ts';
import type { Scope } from '../core/evaluate.ts';
import { laterReason } from '../core/hold-reason.ts';
import { pointer, pointerTokens, valueAt } from '../core/json-diff.ts';
import type { Json } from '../protocol/json.ts';
import type { BreakpointRow } from '../protocol/rows.ts';
import type { LogLevel } from '../protocol/vocabulary.ts';

export interface BreakWatchOptions {
  /** What expressions see at a step. `extra` is what the moment adds. */
  readonly scopeOf: (stepId: string | null, extra: { readonly log?: Json; readonly error?: Json }) => Scope;
  /** Writes a line to the run's log: that of a log point, or why a breakpoint cannot be met. */
  readonly write: (stepId: string | null, line: { readonly level: LogLevel; readonly message: string; readonly number: number }) => void;
  /** How long the run was held so far, in milliseconds: no step's time. */
  readonly heldMs: () => number;
}

/** The 95th percentile of earlier runs, in milliseconds by step key. */
export type StepTimes = Readonly<Record<string, number>>;

interface Timed {
  readonly step: BreakPlace;
  readonly startedMs: number;
  readonly heldBeforeMs: number;
  readonly told: Set<string>;
  timer: NodeJS.Timeout | undefined;
}

/** A step's time is looked at again at least this late, however it was held meanwhile. */
const MOST_TIMER_MS = 2 ** 31 - 1;

/**
 * The breakpoints of one run: what has met them, what they count, and what still waits for a place where the run can
 * be held. Everything is decided here and now; nobody is asked.
 */
export function createBreakWatch(options: BreakWatchOptions) {
  let ready: readonly ReadyBreakpoint[] = [];
  let memory: BreakMemory = new Map();
  let times: StepTimes = {};
  let pending: { readonly stop: Stop; readonly stepId: string | null; readonly display: string | undefined }[] = [];
  let charged = 0;
  const seen = new Map<string, { readonly text: string | undefined; readonly value: Json | undefined }>();
  const running = new Map<string, Timed>();

  const met = (event: BreakEvent, stepId: string | null, extra: { readonly log?: Json; readonly error?: Json } = {}): readonly Stop[] => {
    if (ready.length === 0) return [];
    const { stops, lines, notices, memory: next } = meet(ready, event, options.scopeOf(stepId, extra), memory);
    memory = next;
    for (const { number, message } of lines) options.write(stepId, { level: 'info', message, number });
    for (const { number, message } of notices) options.write(stepId, { level: 'warn', message, number });
    return stops;
  };
  const meetLater = (event: BreakEvent, stepId: string | null, extra?: { readonly log?: Json; readonly error?: Json }) => {
    const stops = met(event, stepId, extra);
    pending = [...pending, ...stops.map((stop) => ({ stop, stepId, display: event.step?.display }))];
    return stops;
  };

  const limitOf = (row: BreakpointRow, step: BreakPlace) => row.threshold ?? times[step.key];
  /** Meets what the step has run longer than; how long until the next is due. */
  const checkTime = (stepId: string, timed: Timed): number | undefined => {
    const ranMs = performance.now() - timed.startedMs - (options.heldMs() - timed.heldBeforeMs);
    let nextMs: number | undefined;
    for (const { row } of ready) {
      const limitMs = row.kind === 'slow' ? limitOf(row, timed.step) : undefined;
      if (limitMs === undefined || timed.told.has(row.id)) continue;
      if (ranMs < limitMs) {
        nextMs = Math.min(nextMs ?? Infinity, limitMs - ranMs);
        continue;
      }
      timed.told.add(row.id);
      for (const stop of meetLater({ kind: 'slow', step: timed.step, id: row.id, limitMs }, stepId)) {
        options.write(stepId, { level: 'warn', message: `${stop.reason}: the run stops at the next place where it can be held`, number: stop.number });
      }
    }
    return nextMs;
  };
  const arm = (stepId: string, timed: Timed) => {
    clearTimeout(timed.timer);
    const nextMs = checkTime(stepId, timed);
    if (nextMs === undefined) return;
    timed.timer = setTimeout(() => arm(stepId, timed), Math.min(Math.ceil(nextMs) + 1, MOST_TIMER_MS));
    timed.timer.unref();
  };

  return {
    /** The breakpoints as they are from now on. Counts of those that stay are kept. */
    set: (rows: readonly BreakpointRow[], stepTimes: StepTimes = {}) => {
      const known = new Map(ready.map((one) => [one.row.id, one]));
      ready = rows.map((row) => {
        const before = known.get(row.id);
        return before !== undefined && before.row.updated_at === row.updated_at ? before : readyBreakpoint(row);
      });
      times = stepTimes;
      for (const [stepId, timed] of running) arm(stepId, timed);
    },
    met,
    meetLater,
    /** What was met since the run could last be held; asked for at `stepId`. */
    take: (stepId: string): readonly Stop[] => {
      const stops = pending.map(({ stop, stepId: at, display }) => (at === stepId ? stop : { ...stop, reason: laterReason(display, stop.reason) }));
      pending = [];
      return stops;
    },
    started: (stepId: string, step: BreakPlace) => {
      const timed: Timed = { step, startedMs: performance.now(), heldBeforeMs: options.heldMs(), told: new Set(), timer: undefined };
      running.set(stepId, timed);
      arm(stepId, timed);
    },
    /** A thread that did not let go has no timers: what is due is met here. */
    ended: (stepId: string) => {
      const timed = running.get(stepId);
      if (timed === undefined) return;
      running.delete(stepId);
      checkTime(stepId, timed);
      clearTimeout(timed.timer);
    },
    charge: (credits: number, stepId: string | null, step: BreakPlace | null): number => {
      const before = charged;
      charged += credits;
      meetLater({ kind: 'charged', step, before, after: charged }, stepId);
      return charged;
    },
    charged: () => charged,
    /** Compares the state with what it was when last seen. `part` gives the stored form of one of its top-level values. */
    sawState: (stepId: string, step: BreakPlace, part: (key: string) => Json | undefined) => {
      for (const { row } of ready) {
        if (row.kind !== 'path' || row.path === null) continue;
        const value = stateAt(row.path, part);
        const text = value === undefined ? undefined : JSON.stringify(value);
        const before = seen.get(row.id);
        seen.set(row.id, { text, value });
        if (before !== undefined && before.text !== text) meetLater({ kind: 'changed', step, id: row.id, before: before.value, after: value }, stepId);
      }
    },
    close: () => {
      for (const { timer } of running.values()) clearTimeout(timer);
      running.clear();
    },
  };
}

function stateAt(path: string, part: (key: string) => Json | undefined): Json | undefined {
  const [first, ...rest] = pointerTokens(path);
  const top = part(first ?? '');
  return top === undefined || rest.length === 0 ? top : valueAt(top, pointer(rest));
}
