import { formatDuration } from '../../core/format.ts';
import { cutTime, timelineOf, type Timeline } from '../../core/performance/timeline.ts';
import type { Area } from '../layout.ts';
import { scrolled } from '../layout.ts';
import { stepMs, stepsOf, stopsOf, type Step } from '../model/steps.ts';
import { fit, span, type Line } from '../output/line.ts';
import type { OpenRun, State } from '../state.ts';
import { stepBars, type BarScale } from './step-bars.ts';

const DURATION_CELLS = 8;
/** Cells of a row that are neither name nor bar: marks, number, duration and the blanks around it. */
const FIXED = 2 + 2 + 4 + 1 + DURATION_CELLS + 1;
/** With fewer cells bars say nothing. */
const LEAST_BAR = 8;

/** The steps with a timeline: when each began, how long it took, and how it stands. */
export function stepsPane(state: State, run: OpenRun, area: Area): readonly Line[] {
  const steps = stepsOf(run.view);
  if (steps.length === 0) return [[span(run.view.run ? ' No step has begun.' : ' Reading…', 'muted')]];
  const cursor = Math.max(0, steps.findIndex((step) => step.key === run.selected));
  // The selected step stands in the middle where there is something on both sides.
  const top = scrolled(cursor - Math.floor(area.rows / 2), cursor, area.rows, steps.length);
  // Where there is little room names give way: a duration without its unit is wrong.
  const nameCells = Math.max(4, Math.min(30, area.columns - FIXED, Math.max(...steps.map((step) => step.name.length + step.depth * 2))));
  const barCells = area.columns - FIXED - nameCells - 1;
  const timeline = run.view.run && timelineOf(run.view.run, run.view.index.steps.values(), {}, state.now);
  const scale = scaleOf(timeline, barCells);
  const stops = stopsOf(state, run);
  const commented = new Set(run.comments.filter((one) => !one.resolved).map((one) => one.step_key));

  return steps.slice(Math.max(0, top), Math.max(0, top) + area.rows).map((step): Line => {
    const selected = step.key === run.selected;
    const stop = stops.get(step.key);
    const took = stepMs(step, state.now);
    const focused = run.pane === 'steps';
    const name = fit(`${'  '.repeat(step.depth)}${step.name}`, nameCells, 'left', state.glyphs.more);
    return [
      span(selected ? state.glyphs.cursor : ' ', 'accent'),
      span(stop === undefined ? ' ' : stop ? state.glyphs.breakpoint : state.glyphs.breakpointOff, 'failed'),
      span(`${state.glyphs.status[step.status]} `, step.status),
      span(step.display, selected ? 'text' : 'muted'),
      span((commented.has(step.key) ? state.glyphs.comment : '').padEnd(Math.max(0, 4 - step.display.length)), 'accent'),
      span(name, selected && focused ? 'selection' : step.status === 'pending' ? 'muted' : step.status === 'failed' ? 'failed' : 'text'),
      span(` ${fit(words(step, took), DURATION_CELLS, 'right', state.glyphs.more)} `, 'muted'),
      ...(scale ? stepBars({ bars: timeline!.bars.get(step.key) ?? [], holds: timeline!.holds.get(step.key) ?? [], cutsHolds: true, work: state.glyphs.bar }, scale, state.glyphs) : []),
    ];
  });
}

/** What stands where the duration goes. */
function words(step: Step, took: number | undefined): string {
  if (step.row?.is_edited && step.status === 'held') return 'edited';
  if (step.status === 'held' || step.status === 'reused' || step.status === 'skipped') return step.status;
  return took === undefined ? '' : formatDuration(took);
}

/** All of the run's time on the cells beside the names; time held is cut out. Undefined where there is no room, or nothing has begun. */
function scaleOf(timeline: Timeline | undefined, cells: number): BarScale | undefined {
  if (!timeline || cells < LEAST_BAR) return undefined;
  const time = cutTime(timeline.from, [...timeline.holds.values()].flat());
  return { time, begin: 0, length: Math.max(1, time.at(timeline.to)), cells };
}
