import { formatDuration, plural, shortId } from '../../core/format.ts';
import { isFinal } from '../../core/run-state.ts';
import { covered } from '../../core/performance/intervals.ts';
import { profileRun } from '../../core/performance/profile-run.ts';
import { ascending, quantile } from '../../core/performance/statistics.ts';
import { cutTime, timelineOf, type Timeline } from '../../core/performance/timeline.ts';
import { workTimeOf } from '../../core/work-time.ts';
import { logDensity } from '../charts/log-density.ts';
import { countSigns } from '../charts/sparkline.ts';
import { axisLength, timeAxis } from '../charts/time-axis.ts';
import { openRunOf, runIds, runOf } from '../dialogs/commands/references.ts';
import { stepMs, stepsOf, type Step } from '../model/steps.ts';
import type { Answer, AnswerTo } from '../outside/questions.ts';
import { clipLine, fit, line, lineWidth, span, type Line } from '../output/line.ts';
import type { OpenRun, State } from '../state.ts';
import { openRun, selectStep } from '../update/open-run.ts';
import { only, told, withRun } from '../update/result.ts';
import { stepBars, type BarScale, type GhostTimes } from '../view/step-bars.ts';
import { answerTo, newScreen, on, withOwn, withScreen, type Screen, type ScreenBase, type ScreenRow } from './screen.ts';

/** When everything in the open run happened, beside what earlier runs took. */
export interface TimelineState extends ScreenBase {
  readonly name: 'timeline';
  /** How many times the axis is magnified, and the step in the middle of what is shown then. */
  readonly zoom: number;
  readonly around: string | undefined;
  /** Time held is part of the axis; otherwise it is cut out. */
  readonly showsHeld: boolean;
}

const MAX_ZOOM = 64;
/** Fewer earlier runs have no quantiles worth a bar. */
const FEWEST_EARLIER = 3;
const WIDE = 110;

/** The timeline with its cursor on the selected step. */
export function newTimelineScreen(run: OpenRun | undefined): TimelineState {
  const at = run ? stepsOf(run.view).findIndex((step) => step.key === run.selected) : -1;
  return { ...newScreen, name: 'timeline', cursor: Math.max(0, at), zoom: 1, around: undefined, showsHeld: false };
}

/** What rows, head and words are made from. */
interface Known {
  readonly run: OpenRun;
  readonly steps: readonly Step[];
  readonly timeline: Timeline | undefined;
  readonly now: number;
  readonly critical: ReadonlySet<string>;
  readonly earlier: AnswerTo<'earlierTimes'> | undefined;
  readonly ghosts: ReadonlyMap<string, GhostTimes>;
}

let last: { readonly key: readonly unknown[]; readonly known: Known } | undefined;

function knownOf(state: State, own: TimelineState): Known | undefined {
  const run = state.open;
  const row = run?.view.run;
  if (!run || !row) return undefined;
  const now = run.playback?.at ?? state.now;
  const key = [run.view, own.answers, now];
  if (last && last.key.every((part, index) => part === key[index])) return last.known;
  const waits = newestWaits(own, run.runId) ?? {};
  const earlier = answerTo(own, earlierQuestion(run));
  const rows = [...run.view.index.steps.values()];
  const known: Known = {
    run, now, earlier, steps: stepsOf(run.view),
    timeline: timelineOf(row, rows, waits, now),
    critical: new Set(profileRun(row, rows, waits).criticalPath),
    ghosts: new Map([...(earlier ?? [])].flatMap(([step, times]) => (times.length < FEWEST_EARLIER ? [] : [[step, ghostOf(times)] as const]))),
  };
  last = { key, known };
  return known;
}

function ghostOf(times: readonly number[]): GhostTimes {
  const sorted = ascending(times);
  return { p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95) };
}

const earlierQuestion = (run: OpenRun) => ({ kind: 'earlierTimes', runId: run.runId }) as const;

/** Asked again with every step that ends: what it waited for is known then. */
function waitsQuestion(run: OpenRun) {
  const rows = [...(run.playback?.recorded ?? run.view).index.steps.values()];
  return { kind: 'waits', runId: run.runId, ended: rows.filter((row) => row.completed_at !== null).length } as const;
}

/** The last answer there is, while the next is under way. */
function newestWaits(own: TimelineState, runId: string): AnswerTo<'waits'> | undefined {
  const answers = Object.entries(own.answers).flatMap(([text, one]) => {
    const question = JSON.parse(text) as { readonly kind: string; readonly runId?: string };
    return question.kind === 'waits' && question.runId === runId && one.state === 'ready' ? [one.answer as Answer] : [];
  });
  return answers.at(-1) as AnswerTo<'waits'> | undefined;
}

/** How long a step took beyond what nearly all earlier runs did; undefined while it is within. */
function overP95({ ghosts, now }: Known, step: Step): GhostTimes | undefined {
  const ghost = ghosts.get(step.key);
  const took = stepMs(step, now);
  return ghost && took !== undefined && step.status !== 'reused' && took > ghost.p95 ? ghost : undefined;
}

/** Cells of a row: those of the names, and those that are left for the bars. */
function cellsOf(steps: readonly Step[], columns: number): { readonly names: number; readonly bars: number; readonly isWide: boolean } {
  const isWide = columns + 1 >= WIDE;
  const longest = steps.reduce((most, step) => Math.max(most, step.name.length + step.depth * 2), 8);
  const names = Math.min(longest, isWide ? 30 : columns < 60 ? 10 : 18);
  return { names, isWide, bars: Math.max(4, columns - FIXED - names - (isWide ? TIMES : 0)) };
}

/** Marks, number, duration and the blanks between; and the times of earlier runs. */
const FIXED = 3 + 4 + 1 + 8 + 1;
const TIMES = 27;

function scaleOf({ timeline, run, ghosts, now }: Known, own: TimelineState, cells: number): BarScale | undefined {
  if (!timeline) return undefined;
  const time = cutTime(timeline.from, own.showsHeld ? [] : [...timeline.holds.values()].flat());
  // A run under way gets the room that it will probably need, or the scale would change with every moment.
  const expected = run.view.run && !isFinal(run.view.run) && now === timeline.to ? (ghosts.get('')?.p50 ?? 0) : 0;
  const whole = axisLength(Math.max(time.at(timeline.to), expected), cells);
  const length = whole / own.zoom;
  const middle = timeline.bars.get(own.around ?? '')?.at(-1);
  const begin = own.zoom === 1 ? 0 : Math.max(0, Math.min(whole - length, (middle ? (time.at(middle.from) + time.at(middle.to)) / 2 : 0) - length / 2));
  return { time, begin, length, cells };
}

function rows(state: State, own: TimelineState, columns: number): readonly ScreenRow[] {
  const known = knownOf(state, own);
  if (!known) return [];
  const cells = cellsOf(known.steps, columns);
  const scale = scaleOf(known, own, cells.bars);
  return known.steps.map((step): ScreenRow => {
    const over = overP95(known, step);
    return { line: clipLine(stepLine(state, own, known, step, over, scale, cells), columns, state.glyphs.more), said: stepWords(known, step, over), id: step.key, isStop: over !== undefined || step.status === 'failed' };
  });
}

/** `*✔ 8e  Provider API Call   3.2 s   ██▒▒▒▒▒▒▒│██ over p95 2.9 s`. */
function stepLine(state: State, own: TimelineState, known: Known, step: Step, over: GhostTimes | undefined, scale: BarScale | undefined, cells: ReturnType<typeof cellsOf>): Line {
  const { timeline, ghosts, critical } = known;
  const took = stepMs(step, known.now);
  const bars = timeline?.bars.get(step.key) ?? [];
  const ghost = ghosts.get(step.key);
  const time = (ms: number | undefined): string => fit(ms === undefined || Number.isNaN(ms) ? '' : formatDuration(ms), 8, 'right');
  const words = step.status === 'held' || step.status === 'reused' || step.status === 'skipped' ? step.status : took === undefined ? '' : formatDuration(took);
  const waited = bars.length === 0 ? undefined : covered(bars.flatMap((bar) => bar.waits));
  return [
    span(critical.has(step.key) ? '*' : ' ', 'accent', { bold: true }),
    span(`${state.glyphs.status[step.status]} `, step.status),
    span(fit(step.display, 4), 'muted'),
    span(fit(`${'  '.repeat(step.depth)}${step.name}`, cells.names, 'left', state.glyphs.more), step.status === 'pending' ? 'muted' : step.status === 'failed' ? 'failed' : 'text'),
    span(` ${fit(words, 8, 'right', state.glyphs.more)} `, over ? 'warn' : 'muted'),
    ...(scale ? stepBars({ bars, ghost, holds: timeline!.holds.get(step.key) ?? [], cutsHolds: !own.showsHeld, words: over && `over p95 ${formatDuration(over.p95)}` }, scale, state.glyphs) : []),
    ...(cells.isWide ? [span(`${time(ghost?.p50)} ${time(ghost?.p95)} ${time(waited === 0 ? undefined : waited)}`, 'muted')] : []),
  ];
}

/** The same in words: what the shapes and the columns say. */
function stepWords({ timeline, ghosts, critical, now }: Known, step: Step, over: GhostTimes | undefined): string {
  const took = stepMs(step, now);
  const ghost = ghosts.get(step.key);
  const waited = covered((timeline?.bars.get(step.key) ?? []).flatMap((bar) => bar.waits));
  return [
    `step ${step.display} ${step.name}`, step.status, took === undefined ? '' : `took ${formatDuration(took)}`, over ? 'over the p95 of earlier runs' : '',
    ghost ? `earlier runs p50 ${formatDuration(ghost.p50)}, p95 ${formatDuration(ghost.p95)}` : '', waited > 0 ? `waited ${formatDuration(waited)} for answers` : '', critical.has(step.key) ? 'decided when the run ended' : '',
  ].filter((one) => one !== '').join(', ');
}

/** What the shapes mean and the time axis, then where in it the log has its lines. */
function head(state: State, own: TimelineState, columns: number): readonly Line[] {
  const known = knownOf(state, own);
  const cells = cellsOf(known?.steps ?? [], columns);
  const scale = known && scaleOf(known, own, cells.bars);
  const { blocks, divider } = state.glyphs;
  const left = FIXED + cells.names;
  // A step may pause for itself too, which nobody records: what is no wait for an answer is not known to be work.
  const legend = (waits: string): Line => [
    span(` ${blocks.work}`, 'completed'), span(' step ', 'muted'), span(blocks.waits, 'accent'), span(` ${waits} `, 'muted'),
    span(blocks.ghost, 'faint'), span(' p95 ', 'muted'), span(divider, 'text', { bold: true }), span(' p50 ', 'muted'),
  ];
  const whole = legend('waits for an answer');
  const fitted = clipLine(lineWidth(whole) <= left ? whole : legend('waits'), left, state.glyphs.more);
  const times: Line = cells.isWide ? [span(`${fit('p50', 8, 'right')} ${fit('p95', 8, 'right')} ${fit('waited', 8, 'right')}`, 'muted')] : [];
  const axis = scale ? timeAxis(scale.begin, scale.length, cells.bars, state.glyphs) : line(' '.repeat(cells.bars));
  const padding = span(' '.repeat(Math.max(0, left - fitted.reduce((sum, one) => sum + one.text.length, 0))));
  return [[...fitted, padding, ...axis, ...times], [span(fit(` log lines, ${state.glyphs.level.error} errors`, left, 'left', state.glyphs.more), 'muted'), ...(known && scale ? densityLine(state, known, scale) : [])]];
}

/** How many lines the log has where; a cell with errors says so. */
function densityLine(state: State, { run, timeline }: Known, { time, begin, length, cells }: BarScale): Line {
  const { lines, errors } = logDensity(run.view.logs, cells, (moment) => (moment > timeline!.to ? undefined : Math.floor(((time.at(moment) - begin) / length) * cells)));
  return countSigns(lines, state.glyphs.ascii).map((sign, cell) => (errors[cell]! > 0 ? span(state.glyphs.level.error, 'error', { bold: true }) : span(sign, 'muted')));
}

function about(state: State, own: TimelineState): Line {
  const known = knownOf(state, own);
  const row = known?.run.view.run;
  if (!known || !row) return line(' Reading…', 'muted');
  if (!known.timeline) return line(' No step has begun.', 'muted');
  const { work, held, waited } = timesOf(known);
  const over = known.steps.filter((step) => overP95(known, step)).length;
  const earlier = known.earlier?.get('')?.length ?? 0;
  const judged = known.earlier === undefined ? '' : earlier < FEWEST_EARLIER ? `; ${earlier === 0 ? 'no earlier runs' : `only ${plural(earlier, 'earlier run')}`} to compare with` : over === 0 ? `; no step over the p95 of ${plural(earlier, 'earlier run')}` : '';
  return [
    span(` ran ${formatDuration(work)}`), span(over > 0 ? `, ${plural(over, 'step')} over the p95 of ${plural(earlier, 'earlier run')}` : '', 'warn'), span(waited > 0 ? `, ${formatDuration(waited)} of it waiting for answers` : '', 'muted'), span(held > 0 ? `; held ${formatDuration(held)}${own.showsHeld ? '' : ', cut out'}` : '', 'held'), span(judged, 'muted'),
  ];
}

function timesOf({ run, timeline, now }: Known): { readonly work: number; readonly held: number; readonly waited: number } {
  const time = workTimeOf(run.view.run!, run.view.index.steps.values(), now);
  return { work: time?.workMs ?? 0, held: time?.heldMs ?? 0, waited: covered([...timeline!.bars.values()].flat().flatMap((bar) => bar.waits)) };
}

/** Another magnification, around the step under the cursor. */
const zoom = (factor: number) =>
  on('timeline', (state, own) => {
    const next = Math.max(1, Math.min(MAX_ZOOM, own.zoom * factor));
    const around = knownOf(state, own)?.steps[own.cursor]?.key;
    return only(next === own.zoom ? told(state, factor > 1 ? 'It gets no larger.' : 'This is all of it.') : withOwn(state, { ...own, zoom: next, around }));
  });

export const timelineScreen: Screen<TimelineState> = {
  title: (state, own) => {
    const at = state.open?.playback?.at;
    const began = state.open?.view.run?.started_at;
    const moment = at === undefined ? '' : ` as it was${began ? ` after ${formatDuration(at - Date.parse(began))}` : ''}`;
    return `timeline of run ${shortId(state.open?.runId ?? '')}${moment}${own.zoom > 1 ? `, ${own.zoom} times as large` : ''}`;
  },
  about,
  head,
  rows,
  moves: (state) => state.open?.view.run !== undefined && !isFinal(state.open.view.run),
  wants: (state) => (state.open?.view.run ? [earlierQuestion(state.open), waitsQuestion(state.open)] : []),
  stops: 'step that failed or took longer than the p95',
  keys: [
    { action: 'timeline.open', keys: ['enter', 'l', 'right'], place: 'timeline', label: 'open the step', help: 'The step in the run.', footer: 1 },
    { action: 'timeline.larger', keys: ['+'], place: 'timeline', label: 'larger', help: 'A part of the time, twice as large, around the step under the cursor.', footer: 2 },
    { action: 'timeline.smaller', keys: ['-'], place: 'timeline', label: 'smaller', help: 'Twice as much time; at the end all of it.', footer: 3, footerWhen: (state) => state.screens.at(-1)?.name === 'timeline' && (state.screens.at(-1) as TimelineState).zoom > 1 },
    { action: 'timeline.held', keys: ['h'], place: 'timeline', label: 'held time', help: 'Time in which the run was held: cut out and marked, or drawn as long as it was.', footer: 4 },
    { action: 'playback.earlier', keys: ['('], place: 'timeline', label: 'rewind', help: 'The run as it was a fortieth of its time earlier.' },
    { action: 'playback.later', keys: [')'], place: 'timeline', label: 'forward', help: 'A fortieth of the time later.' },
    { action: 'playback.previousStep', keys: ['{'], place: 'timeline', label: 'previous step', help: 'To when the step before began.' },
    { action: 'playback.nextStep', keys: ['}'], place: 'timeline', label: 'next step', help: 'To when the next step began.' },
  ],
  actions: {
    'timeline.open': on('timeline', (state, own) => {
      const key = state.open && stepsOf(state.open.view)[own.cursor]?.key;
      if (key === undefined) return only(told(state, 'There is no step yet.'));
      return only(withRun({ ...state, screens: [] }, (run) => selectStep({ ...run, pane: run.pane === 'log' ? 'detail' : run.pane }, key)));
    }),
    'timeline.larger': zoom(2),
    'timeline.smaller': zoom(0.5),
    'timeline.held': on('timeline', (state, own) => only(withOwn(state, { ...own, showsHeld: !own.showsHeld }))),
  },
  commands: {
    timeline: {
      usage: 'timeline [RUN]', help: 'when everything in a run happened, as bars: the open run, or one that is named', plain: runIds,
      run: (state, words) => {
        const { test_run_id: id } = words.plain[0] === undefined ? openRunOf(state).view.run : runOf(state, words.plain[0]);
        const shown = state.open?.runId === id ? only(state) : openRun(state, id);
        return { ...shown, state: withScreen(shown.state, newTimelineScreen(shown.state.open)) };
      },
    },
  },
};
