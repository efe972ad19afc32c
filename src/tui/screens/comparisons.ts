import { runLetter } from '../../core/compare/compare-runs.ts';
import { formatRelative, plural, shortId } from '../../core/format.ts';
import { DifferencesSummary, PerformanceDelta } from '../../protocol/comparison.ts';
import type { ComparisonRow } from '../../protocol/rows.ts';
import type { Command } from '../dialogs/commands/command.ts';
import { keyFor } from '../keymap/key-marks.ts';
import { cannotChange } from '../keymap/reasons.ts';
import { clipLine, fit, line, span, type Line } from '../output/line.ts';
import type { State } from '../state.ts';
import { only, told, withOverlay } from '../update/result.ts';
import { newCompareScreen } from './compare.ts';
import { divergenceWords } from './compare/words.ts';
import { answerTo, newScreen, on, problemOf, sayRows, withScreen, type Screen, type ScreenBase, type ScreenRow } from './screen.ts';

/** The comparisons that were kept. */
export interface ComparisonsState extends ScreenBase {
  readonly name: 'comparisons';
}

export function newComparisonsScreen(): ComparisonsState {
  return { ...newScreen, name: 'comparisons' };
}

const question = { kind: 'comparisons' } as const;

/** Cells of a row that are no name. */
const FIXED = 40;

function rows(state: State, own: ComparisonsState, columns: number): readonly ScreenRow[] {
  const kept = answerTo(own, question);
  if (!kept) return [];
  if (kept.length > 0) return kept.flatMap((one) => comparisonRows(state, one, columns));
  return sayRows(state, `None is kept yet. In the list of runs ${keyFor('run.compare')} marks a run, and on another compares the two; there ${keyFor('compare.save')} keeps the comparison under a name.`, columns);
}

/** The comparison in a row, and below it where each run first went another way than the first of them. */
function comparisonRows(state: State, one: ComparisonRow, columns: number): readonly ScreenRow[] {
  const { glyphs } = state;
  const summary = DifferencesSummary.safeParse(one.differences_summary).data;
  const differs = summary?.runs.some((run) => run.firstDivergence !== null);
  const head: Line = [
    span(differs === undefined ? ' ?' : differs ? ` ${glyphs.status.failed}` : ` ${glyphs.status.completed}`, differs === undefined ? 'muted' : differs ? 'changed' : 'completed'),
    span(` ${fit(differs === undefined ? 'unknown' : differs ? 'differ' : 'alike', 8)}`, differs === true ? 'changed' : 'muted'),
    span(`${fit(formatRelative(Date.parse(one.created_at), state.now), 11, 'right')}  `, 'muted'),
    span(fit(one.comparison_name ?? 'without a name', Math.max(12, columns - FIXED - 7 * (one.run_ids.length - 2)), 'left', glyphs.more)),
    span(` ${one.run_ids.map(shortId).join(' ')}`, 'muted'),
  ];
  const details = (summary?.runs ?? []).map((run, index): Line => {
    const found = run.firstDivergence;
    const lead = span(`      ${runLetter(index + 1)} `, 'muted');
    if (!found) return [lead, span(`no divergence in the values of ${plural(run.comparedSteps, 'step')}`, 'muted')];
    return [lead, span(`${found.display} ${found.name}`, 'changed'), span(`  ${divergenceWords(found, glyphs.arrow)}`, 'muted')];
  });
  const slower = slowerSteps(one);
  const times: readonly Line[] = slower === 0 ? [] : [[span(`        ${plural(slower, 'step')} slower than the noise of earlier runs`, 'warn')]];
  return [head, ...details, ...times].map((text, index) => ({ line: clipLine(text, columns, glyphs.more), id: one.id, isStop: index === 0 }));
}

function slowerSteps(one: ComparisonRow): number {
  const delta = PerformanceDelta.safeParse(one.performance_delta).data;
  return delta?.steps.filter((step) => step.times.some((time) => time.judgement?.verdict === 'slower')).length ?? 0;
}

function chosen(state: State, own: ComparisonsState): ComparisonRow | undefined {
  const id = rows(state, own, state.size.columns - 1)[own.cursor]?.id;
  return answerTo(own, question)?.find((one) => one.id === id);
}

const nothing = `No comparison is kept yet: ${keyFor('run.compare')} on a run marks it, and on another compares the two.`;

const comparisons: Command = {
  usage: 'comparisons', help: 'the comparisons that were kept',
  run: (state) => only(withScreen(state, newComparisonsScreen())),
};

export const comparisonsScreen: Screen<ComparisonsState> = {
  title: () => 'comparisons',
  about: (state, own) => {
    const problem = problemOf(own, question);
    if (problem !== undefined) return [span(` ${state.glyphs.status.failed} ${problem}`, 'error')];
    const kept = answerTo(own, question);
    if (!kept) return line(' Reading the comparisons…', 'muted');
    return line(kept.length === 0 ? ' A comparison that was kept can be looked at when its runs are gone' : ` ${plural(kept.length, 'comparison')}, the newest first`, 'muted');
  },
  rows,
  wants: () => [question],
  stops: 'comparison',
  keys: [
    { action: 'comparisons.open', keys: ['enter', 'l', 'right'], place: 'comparisons', label: 'open', help: 'Compare the runs again, as they are now.', footer: 1 },
    { action: 'comparisons.remove', keys: ['d', 'delete'], place: 'comparisons', label: 'remove', help: 'Remove the comparison, after asking. Its runs stay.', footer: 2, disabled: cannotChange },
  ],
  actions: {
    'comparisons.open': on('comparisons', (state, own) => {
      const one = chosen(state, own);
      return only(one ? withScreen(state, newCompareScreen(one.run_ids)) : told(state, nothing));
    }),
    'comparisons.remove': on('comparisons', (state, own) => {
      const one = chosen(state, own);
      if (!one) return only(told(state, nothing));
      return only(withOverlay(state, {
        type: 'confirm', title: 'Remove a comparison', effects: [{ type: 'write', write: { kind: 'removeComparison', id: one.id } }],
        text: [`"${one.comparison_name ?? 'without a name'}" of ${one.run_ids.map(shortId).join(' and ')} goes, for everybody. The runs stay, and can be compared again.`],
      }));
    }),
  },
  commands: { comparisons },
};
