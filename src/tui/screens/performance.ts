import { formatDuration, plural, shortId } from '../../core/format.ts';
import { judgementWords } from '../../core/performance/noise.ts';
import type { RunProfile, StepProfile, StepTrend } from '../../core/performance/performance.ts';
import type { TimeJudgement } from '../../protocol/comparison.ts';
import type { Command } from '../dialogs/commands/command.ts';
import { openRunOf, runIds, runOf } from '../dialogs/commands/references.ts';
import { ShellOnly } from '../dialogs/commands/words.ts';
import { clipLine, fit, line, span, wrap, type Line } from '../output/line.ts';
import type { State } from '../state.ts';
import { selectStep, showRun } from '../update/open-run.ts';
import { only, told, withRun } from '../update/result.ts';
import { bar } from '../view/bar.ts';
import { histogram } from '../charts/histogram.ts';
import { sparkline } from '../charts/sparkline.ts';
import { answerTo, newScreen, on, problemOf, withOwn, withScreen, type Screen, type ScreenBase, type ScreenRow } from './screen.ts';

/** Where the time of a run went, and how its steps did over earlier runs. */
export interface PerformanceState extends ScreenBase {
  readonly name: 'performance';
  readonly runId: string;
  /** Steps under which their earlier times are spread out; the empty key is the whole run. */
  readonly spread: ReadonlySet<string>;
}

export function newPerformanceScreen(runId: string): PerformanceState {
  return { ...newScreen, name: 'performance', runId, spread: new Set() };
}

const profileQuestion = ({ runId }: PerformanceState) => ({ kind: 'profile', runId }) as const;
const judgedQuestion = ({ runId }: PerformanceState) => ({ kind: 'judgedTimes', runId }) as const;
const earlierQuestion = ({ runId }: PerformanceState) => ({ kind: 'earlierTimes', runId }) as const;

const WIDE = 110;
/** Cells of a row that are neither name nor what gives way: marks, number, `took`, `p50` and `p95`. */
const FIXED = 32;
const LEAST_NAME = 10;

/** Cells of a row. Where there is little room the bar gives way first, then `self`, then the names; the other numbers never do. */
function cellsOf(columns: number): { readonly name: number; readonly self: number; readonly bar: number; readonly isWide: boolean } {
  const isWide = columns + 1 >= WIDE;
  const self = columns >= FIXED + SELF + LEAST_NAME ? SELF : 0;
  const bar = isWide ? 28 : columns >= FIXED + SELF + BAR_GAP + 12 + LEAST_NAME ? 12 : 0;
  const rest = FIXED + self + (bar === 0 ? 0 : BAR_GAP + bar) + (isWide ? 41 : 0);
  return { name: Math.max(4, Math.min(30, columns - rest)), self, bar, isWide };
}

const SELF = 9;
const BAR_GAP = 2;

function rows(state: State, own: PerformanceState, columns: number): readonly ScreenRow[] {
  const profile = answerTo(own, profileQuestion(own));
  if (!profile) return [];
  const judged = answerTo(own, judgedQuestion(own));
  const trends = new Map((judged?.trends ?? []).map((trend) => [trend.stepKey, trend]));
  const longest = Math.max(1, ...profile.steps.map((step) => Math.max(step.durationMs, judged?.steps.get(step.stepKey)?.p95 ?? 0)));
  const changes = [...trends.values()].flatMap((trend) => changeRows(state, trend, columns));
  return [
    headRow(state, columns),
    ...spreadRows(state, own, '', profile.totalMs, columns),
    ...profile.steps.flatMap((step) => [...stepRows(state, step, trends.get(step.stepKey), judged?.steps.get(step.stepKey), longest, columns), ...spreadRows(state, own, step.stepKey, step.durationMs, columns)]),
    ...(profile.steps.length === 0 ? [{ line: line(' No step has ended yet.', 'muted') }] : []),
    ...factRows(profile, columns),
    ...(changes.length > 0 ? [{ line: [] }, { line: [span(' Over earlier runs', 'heading')] }, ...changes] : []),
  ];
}

function headRow(state: State, columns: number): ScreenRow {
  const { name, self, bar, isWide } = cellsOf(columns);
  const words = `${' '.repeat(name + 6)}${fit('took', 8, 'right')}${fit(self === 0 ? '' : 'self', self, 'right')}${fit('', bar === 0 ? 0 : BAR_GAP + bar)} ${fit('p50', 8, 'right')} ${fit('p95', 8, 'right')}${isWide ? `  ${fit('CPU', 8, 'right')} ${fit('waited', 8, 'right')}  earlier runs` : ''}`;
  return { line: clipLine([span(words, 'muted')], columns, state.glyphs.more) };
}

/** `* 8e  Provider API Call   3.2 s   3.1 s  ━━━━|──   2.9 s   4.0 s`. */
function stepRows(state: State, step: StepProfile, trend: StepTrend | undefined, judgement: TimeJudgement | undefined, longest: number, columns: number): readonly ScreenRow[] {
  const cells = cellsOf(columns);
  const isSlow = judgement?.verdict === 'slower';
  const time = (ms: number | null | undefined): string => fit(ms === null || ms === undefined ? '' : formatDuration(ms), 8, 'right');
  const drawn: Line = [
    span(step.isCritical ? '* ' : '  ', 'accent', { bold: true }),
    span(step.display.padEnd(4), 'muted'),
    span(fit(`${'  '.repeat(step.depth)}${step.name}`, cells.name, 'left', state.glyphs.more), step.isCritical ? 'text' : 'muted'),
    span(time(step.durationMs), isSlow ? 'warn' : 'text'),
    span(cells.self === 0 ? '' : ` ${time(step.selfMs)}`, 'muted'),
    ...(cells.bar === 0 ? [] : [span(' '.repeat(BAR_GAP)), ...markedBar(state, step.durationMs / longest, [judgement?.median, judgement?.p95].flatMap((ms) => (typeof ms === 'number' ? [ms / longest] : [])), cells.bar, isSlow ? 'warn' : 'running')]),
    span(` ${time(judgement?.median)} ${time(judgement?.p95)}`, 'muted'),
    ...(cells.isWide ? [span(`  ${time(step.cpuMs)} ${time(step.providerMs)}  `, 'muted'), span(trend ? sparkline(trend.series.map((point) => point.ms), 20, state.glyphs.ascii) : '', 'accent')] : []),
  ];
  const row: ScreenRow = { line: clipLine(drawn, columns, state.glyphs.more), said: stepWords(step, judgement), id: step.stepKey, isStop: isSlow };
  if (!isSlow) return [row];
  return [row, { line: [span(`      ${judgementWords(judgement)}`, 'warn')], id: step.stepKey }];
}

/** The same in words: what the columns say. */
function stepWords(step: StepProfile, judgement: TimeJudgement | undefined): string {
  const fact = (name: string, ms: number | null | undefined): string => (ms === null || ms === undefined ? '' : `${name} ${formatDuration(ms)}`);
  return [
    `step ${step.display} ${step.name}`, fact('took', step.durationMs), fact('self', step.selfMs), fact('earlier runs p50', judgement?.median), fact('p95', judgement?.p95),
    fact('CPU', step.cpuMs), fact('waited', step.providerMs), step.isCritical ? 'decided when the run ended' : '',
  ].filter((one) => one !== '').join(', ');
}

/** `1.0 s ▁▃█▅▂▁ ▁  ▁ 4.2 s`: how often earlier runs took how long, and below it where this run lies. */
function spreadRows(state: State, own: PerformanceState, stepKey: string, ms: number | null, columns: number): readonly ScreenRow[] {
  if (!own.spread.has(stepKey)) return [];
  const say = (text: string): readonly ScreenRow[] => [{ line: clipLine(line(`      ${text}`, 'muted'), columns, state.glyphs.more), id: stepKey }];
  const problem = problemOf(own, earlierQuestion(own));
  const earlier = answerTo(own, earlierQuestion(own));
  if (!earlier) return say(problem ?? 'Reading earlier times…');
  const times = earlier.get(stepKey) ?? [];
  const drawn = histogram(times, ms ?? undefined, Math.max(10, Math.min(60, columns - 30)), state.glyphs.ascii);
  if (!drawn) return say('There is no earlier time to compare with.');
  const from = fit(formatDuration(drawn.from), 8, 'right');
  const shorter = times.filter((one) => one < (ms ?? 0)).length;
  const place = `this run: longer than ${shorter} of ${plural(times.length, 'earlier run')}`;
  // On the side where there is room for it.
  const at = drawn.at ?? 0;
  const below = at + place.length + 2 < drawn.signs.length + 9 ? `${' '.repeat(at)}^ ${place}` : `${place} ^`.padStart(at + 1);
  return [
    { line: [span(`      ${from} `, 'muted'), ...drawn.signs.map((sign, cell) => span(sign, cell === drawn.at ? 'warn' : 'accent', { bold: cell === drawn.at })), span(` ${formatDuration(drawn.to)}`, 'muted')], id: stepKey },
    ...(drawn.at === undefined ? [] : [{ line: clipLine([span(' '.repeat(15)), span(below, 'muted')], columns, state.glyphs.more), id: stepKey }]),
  ];
}

/** A bar on which earlier runs have left marks: `p50` and `p95`, as parts of it. */
function markedBar(state: State, part: number, marks: readonly number[], cells: number, token: 'running' | 'warn'): Line {
  const plain = bar(part, cells, state.glyphs, token).flatMap((one) => Array.from(one.text).map((text) => ({ ...one, text })));
  for (const mark of marks) {
    const at = Math.min(cells - 1, Math.round(mark * cells));
    if (plain[at]) plain[at] = span(state.glyphs.divider, 'text', { bold: true });
  }
  return plain;
}

/** What the whole run waited for. */
function factRows(profile: RunProfile, columns: number): readonly ScreenRow[] {
  const facts = [
    profile.queuedMs === null ? undefined : `waited ${formatDuration(profile.queuedMs)} for a runner`,
    profile.heldMs > 0 ? `was held ${formatDuration(profile.heldMs)}, which is not counted` : undefined,
    profile.providerMs === null ? 'how long it waited for answers was not recorded' : `waited ${formatDuration(profile.providerMs)} for answers`,
  ].filter((one) => one !== undefined);
  return [{ line: [] }, ...wrap(`The run ${facts.join('; ')}.`, columns - 2).map((text): ScreenRow => ({ line: line(` ${text}`, 'muted') })), { line: line(' * decided when the run ended (critical path)', 'muted') }];
}

/** Where the times of a step, or of the whole run, changed for good, with the commit. */
function changeRows(state: State, trend: StepTrend, columns: number): readonly ScreenRow[] {
  const name = trend.stepKey === null ? 'The whole run' : `${trend.display} ${trend.name}`;
  return trend.changes.flatMap((change) => {
    const at = trend.series[change.index];
    if (!at) return [];
    const before = trend.series[change.index - 1];
    const commit = at.gitCommit !== null && at.gitCommit !== before?.gitCommit ? `, with commit ${at.gitCommit.slice(0, 10)}` : '';
    const words = `${name}: ${change.ratio >= 1 ? 'slower' : 'faster'} since run ${shortId(at.runId)} of ${at.startedAt.slice(0, 10)}${commit}: ${formatDuration(change.beforeMs)} ${state.glyphs.arrow} ${formatDuration(change.afterMs)}`;
    return wrap(words, columns - 4).map((text, index): ScreenRow => ({ line: [span(index === 0 ? ' ~ ' : '   ', 'changed', { bold: true }), span(text)], id: trend.stepKey ?? undefined, isStop: index === 0 }));
  });
}

function about(state: State, own: PerformanceState): Line {
  const problem = problemOf(own, profileQuestion(own), judgedQuestion(own));
  if (problem !== undefined) return [span(` ${state.glyphs.status.failed} ${problem}`, 'error')];
  const profile = answerTo(own, profileQuestion(own));
  if (!profile) return line(' Reading the times…', 'muted');
  const judged = answerTo(own, judgedQuestion(own))?.steps;
  const whole = judged?.get('');
  const slow = profile.steps.filter((step) => judged?.get(step.stepKey)?.verdict === 'slower').length;
  const words = whole ? `, ${judgementWords(whole)}${whole.verdict === 'within-noise' ? ` of ${plural(whole.earlier, 'earlier run')}` : ''}` : '';
  return [span(` ${profile.totalMs === null ? 'It has not begun' : `It took ${formatDuration(profile.totalMs)}`}`), span(words, slow > 0 ? 'warn' : 'muted'), span(slow > 0 ? `; ${plural(slow, 'step')} slower` : '', 'warn')];
}

const perf: Command = {
  usage: 'perf [RUN]', help: 'where the time of a run went: the open one, or one that is named', plain: runIds, inShell: ['--runs', '-n', '--since'],
  run: (state, { plain: [word] }) => {
    if (state.lists.pipelines.some((one) => one.pipeline_key === word)) throw new ShellOnly('the times of a pipeline over many runs are for a shell');
    return only(withScreen(state, newPerformanceScreen((word === undefined ? openRunOf(state).view.run : runOf(state, word)).test_run_id)));
  },
};

export const performanceScreen: Screen<PerformanceState> = {
  title: (_state, own) => `performance of run ${shortId(own.runId)}`,
  about,
  rows,
  wants: (_state, own) => [profileQuestion(own), judgedQuestion(own), ...(own.spread.size > 0 ? [earlierQuestion(own)] : [])],
  stops: 'slow step or change',
  keys: [
    { action: 'performance.open', keys: ['enter', 'l', 'right'], place: 'performance', label: 'open the step', help: 'The step in the run.', footer: 1 },
    { action: 'performance.spread', keys: ['space'], place: 'performance', label: 'distribution', help: 'How often earlier runs took how long for the step, and where this one lies; on another row, for the whole run.', footer: 2 },
  ],
  actions: {
    'performance.spread': on('performance', (state, own) => {
      const spread = new Set(own.spread);
      const key = rows(state, own, state.size.columns - 1)[own.cursor]?.id ?? '';
      if (!spread.delete(key)) spread.add(key);
      return only(withOwn(state, { ...own, spread }));
    }),
    'performance.open': on('performance', (state, own) => {
      const key = rows(state, own, state.size.columns - 1)[own.cursor]?.id;
      if (!key) return only(told(state, 'Select a step; Enter opens it in its run.'));
      const opened = showRun(state, own.runId);
      return { ...opened, state: withRun(opened.state, (run) => selectStep({ ...run, pane: 'detail', detail: { ...run.detail, tab: 'timing' } }, key)) };
    }),
  },
  commands: { perf },
};
