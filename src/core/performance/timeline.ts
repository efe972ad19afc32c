import type { RunRow, StepRow } from '../../protocol/rows.ts';
import { isFinal } from '../run-state.ts';
import { within } from './intervals.ts';
import type { Interval } from './intervals.ts';
import { waitsByStep, type TimedExchange, type TimedLog } from './profile-run.ts';

/** One attempt at a step on the time axis, in milliseconds since 1970. */
export interface TimelineBar extends Interval {
  readonly attempt: number;
  readonly status: StepRow['status'];
  /** It has not ended: `to` is now. */
  readonly isOpen: boolean;
  /** When it waited for the provider and others, its sub-steps included. */
  readonly waits: readonly Interval[];
}

/** When everything in a run happened. */
export interface Timeline extends Interval {
  /** By step key, first attempts first. Reused and pending steps have none. */
  readonly bars: ReadonlyMap<string, readonly TimelineBar[]>;
  /** By step key, when the run was held at it. */
  readonly holds: ReadonlyMap<string, readonly Interval[]>;
}

/** The steps of a run on one time axis. Undefined before the first has begun. */
export function timelineOf(
  run: RunRow,
  rows: Iterable<StepRow>,
  others: { readonly logs?: readonly TimedLog[] | undefined; readonly exchanges?: readonly TimedExchange[] | undefined },
  now: number,
): Timeline | undefined {
  const own = [...rows].filter((row) => row.status !== 'reused').toSorted((a, b) => a.attempt - b.attempt);
  const parents = new Map(own.map((row) => [row.step_key, row.parent_step_key]));
  const waits = waitsWithin(waitsByStep(others.exchanges ?? [], others.logs ?? []), parents);
  const bars = new Map<string, TimelineBar[]>();
  const holds = new Map<string, Interval[]>();
  for (const row of own) {
    const hold = holdOf(row, now);
    if (hold) add(holds, row.step_key, hold);
    const bar = barOf(row, run, now, waits.get(row.step_key) ?? []);
    if (bar) add(bars, row.step_key, bar);
  }
  const all = [...bars.values(), ...holds.values()].flat();
  if (all.length === 0) return undefined;
  // A run of a thousand steps is too much for the arguments of one call.
  const from = all.reduce((least, one) => Math.min(least, one.from), Infinity);
  return { bars, holds, from, to: all.reduce((most, one) => Math.max(most, one.to), from) };
}

function barOf(row: StepRow, run: RunRow, now: number, waits: readonly Interval[]): TimelineBar | undefined {
  if (row.started_at === null) return undefined;
  const from = Date.parse(row.started_at);
  // A step that its run's end has overtaken is not in flight.
  const isOpen = row.completed_at === null && row.duration_ms === null && !isFinal(run);
  const to = Math.max(from, isOpen ? now : row.duration_ms === null ? Date.parse(row.completed_at ?? run.completed_at ?? row.started_at) : from + row.duration_ms);
  return { attempt: row.attempt, status: row.status, isOpen, from, to, waits: within(waits, { from, to }) };
}

/** When the gate held a step: until it began, or still. */
function holdOf(row: StepRow, now: number): Interval | undefined {
  if (row.status === 'held') return { from: Date.parse(row.created_at), to: Math.max(Date.parse(row.created_at), now) };
  if (!row.held_ms || row.started_at === null) return undefined;
  const to = Date.parse(row.started_at);
  return { from: to - row.held_ms, to };
}

/** Steps wait for what their sub-steps wait for. */
function waitsWithin(own: ReadonlyMap<string, readonly Interval[]>, parents: ReadonlyMap<string, string | null>): ReadonlyMap<string, readonly Interval[]> {
  const found = new Map<string, Interval[]>();
  for (const [key, spans] of own) {
    const seen = new Set<string>();
    for (let at: string | null = key; at !== null && !seen.has(at); at = parents.get(at) ?? null) {
      seen.add(at);
      for (const span of spans) add(found, at, span);
    }
  }
  return found;
}

function add<Value>(to: Map<string, Value[]>, key: string, value: Value): void {
  const known = to.get(key);
  if (known) known.push(value);
  else to.set(key, [value]);
}

/** Time with some spans cut out of it. */
export interface CutTime {
  /** A moment, in milliseconds after the beginning. */
  readonly at: (moment: number) => number;
  /** The moment at which a place of the axis lies. */
  readonly momentAt: (ms: number) => number;
  readonly cutMs: number;
}

/** An axis from a moment on without these spans, which may overlap: one long pause would make all bars dots. */
export function cutTime(begin: number, spans: readonly Interval[]): CutTime {
  const cuts: { readonly from: number; to: number }[] = [];
  for (const { from, to } of spans.toSorted((a, b) => a.from - b.from)) {
    const last = cuts.at(-1);
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else cuts.push({ from: Math.max(begin, from), to: Math.max(begin, to) });
  }
  const cutBefore = (moment: number) => cuts.reduce((sum, { from, to }) => sum + Math.max(0, Math.min(to, moment) - from), 0);
  return {
    at: (moment) => moment - begin - cutBefore(moment),
    momentAt: (ms) => cuts.reduce((moment, { from, to }) => (from <= moment ? moment + to - from : moment), begin + ms),
    cutMs: cutBefore(Infinity),
  };
}
