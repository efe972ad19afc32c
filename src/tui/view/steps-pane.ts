import { formatDuration } from '../../core/format.ts';
import type { Area } from '../layout.ts';
import { scrolled } from '../layout.ts';
import { stepMs, stepsOf, stopsOf, type Step } from '../model/steps.ts';
import { fit, span, type Line } from '../output/line.ts';
import type { OpenRun, State } from '../state.ts';
import { spanBar } from './bar.ts';

const DURATION_CELLS = 8;

/** The steps with a timeline: when each began, how long it took, and how it stands. */
export function stepsPane(state: State, run: OpenRun, area: Area): readonly Line[] {
  const steps = stepsOf(run.view);
  if (steps.length === 0) return [[span(run.view.run ? ' No step has begun.' : ' Reading…', 'muted')]];
  const cursor = Math.max(0, steps.findIndex((step) => step.key === run.selected));
  // The selected step stands in the middle where there is something on both sides.
  const top = scrolled(cursor - Math.floor(area.rows / 2), cursor, area.rows, steps.length);
  const nameCells = Math.min(30, Math.max(...steps.map((step) => step.name.length + step.depth * 2)));
  const fixed = 2 + 2 + 4 + nameCells + 1 + DURATION_CELLS + 1;
  const barCells = area.columns - fixed - 1;
  const scale = timeScale(run, steps, state.now);
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
      ...(barCells >= 8 ? timeBar(step, scale, barCells, state) : []),
    ];
  });
}

/** What stands where the duration goes. */
function words(step: Step, took: number | undefined): string {
  if (step.row?.is_edited && step.status === 'held') return 'edited';
  if (step.status === 'held' || step.status === 'reused' || step.status === 'skipped') return step.status;
  return took === undefined ? '' : formatDuration(took);
}

interface TimeScale {
  readonly begin: number;
  readonly length: number;
  /** Time spent held before a moment; it is cut out, or one pause would make all bars dots. */
  readonly heldBefore: (moment: number) => number;
}

function timeScale(run: OpenRun, steps: readonly Step[], now: number): TimeScale {
  const rows = steps.flatMap((step) => (step.row?.started_at && step.status !== 'reused' ? [step.row] : []));
  const holds = rows.filter((row) => row.held_ms).map((row) => ({ until: Date.parse(row.started_at!), ms: row.held_ms! }));
  const heldBefore = (moment: number) => holds.reduce((sum, hold) => (hold.until <= moment ? sum + hold.ms : sum), 0);
  const begin = Math.min(...rows.map((row) => Date.parse(row.started_at!)));
  const moving = run.view.run?.status === 'running' && rows.some((row) => row.status === 'running');
  const end = moving ? now : Math.max(...rows.map((row) => Date.parse(row.completed_at ?? row.started_at!)));
  return { begin: begin - heldBefore(begin), length: Math.max(1, end - heldBefore(end) - (begin - heldBefore(begin))), heldBefore };
}

function timeBar(step: Step, scale: TimeScale, cells: number, state: State): Line {
  const row = step.row;
  if (!row?.started_at || step.status === 'reused') return [span(' '.repeat(cells))];
  const start = Date.parse(row.started_at);
  const end = row.completed_at ? Date.parse(row.completed_at) : state.now;
  const at = (moment: number) => (moment - scale.heldBefore(moment) - scale.begin) / scale.length;
  return spanBar(at(start), at(end), cells, state.glyphs, step.status);
}
