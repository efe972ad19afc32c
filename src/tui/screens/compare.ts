import { UserError } from '../../protocol/error.ts';

import { runLetter } from '../../core/compare/compare-runs.ts';
import { plural, shortId } from '../../core/format.ts';
import { isOpen, openRunOf, runIds as runIdsOf, runOf } from '../dialogs/commands/references.ts';
import { openSaveComparison } from '../dialogs/forms/save-comparison.ts';
import { cannotChange } from '../keymap/reasons.ts';
import { span, type Line } from '../output/line.ts';
import type { State } from '../state.ts';
import { showRun } from '../update/open-run.ts';
import { only, told, withOverlay, type Update } from '../update/result.ts';
import { newComparedStep } from './compared-step.ts';
import { comparisonRows, stepOfRow } from './compare/rows.ts';
import { divergenceWords } from './compare/words.ts';
import { answerTo, newScreen, on, problemOf, withOwn, withScreen, type Screen, type ScreenBase } from './screen.ts';

/** Runs beside each other, step by step. */
export interface CompareState extends ScreenBase {
  readonly name: 'compare';
  /** The first is what the others are compared with. */
  readonly runIds: readonly string[];
  /** Index of the run that is looked at beside the first. */
  readonly other: number;
  /** Ids and times differ in every run; they count as no difference. */
  readonly ignoreVolatile: boolean;
}

export function newCompareScreen(runIds: readonly string[]): CompareState {
  return { ...newScreen, name: 'compare', runIds, other: 1, ignoreVolatile: true };
}

const comparisonQuestion = ({ runIds }: CompareState) => ({ kind: 'comparison', runIds }) as const;
const judgedQuestion = ({ runIds }: CompareState) => ({ kind: 'judgedComparison', runIds }) as const;
const divergenceQuestion = ({ runIds, other, ignoreVolatile }: CompareState) => ({ kind: 'divergence', runIds, other, ignoreVolatile }) as const;

function about(state: State, own: CompareState): Line {
  const problem = problemOf(own, comparisonQuestion(own), divergenceQuestion(own));
  if (problem !== undefined) return [span(` ${state.glyphs.status.failed} ${problem}`, 'error')];
  const found = answerTo(own, divergenceQuestion(own));
  if (!found) return [span(answerTo(own, comparisonQuestion(own)) ? ' Looking for the first divergence…' : ' Reading the runs…', 'muted')];
  const left = own.ignoreVolatile ? ', ids and times aside' : '';
  if (!found.divergence) return [span(` ${state.glyphs.status.completed} No divergence`, 'completed'), span(` in the values of ${plural(found.comparedSteps, 'step')}${left}`, 'muted')];
  const { display, name } = found.divergence;
  return [span(' First divergence: ', 'muted'), span(`${display} ${name}`, 'changed', { bold: true }), span(`  ${divergenceWords(found.divergence, state.glyphs.arrow)}`)];
}

/** The rows, with the first divergence under the step it is in. */
function rows(state: State, own: CompareState, columns: number) {
  const comparison = answerTo(own, judgedQuestion(own)) ?? answerTo(own, comparisonQuestion(own));
  if (!comparison) return [];
  return comparisonRows(state, comparison, { other: own.other, found: answerTo(own, divergenceQuestion(own)) }, columns);
}

/** Rows above the first divergence. */
const LEAD_ROWS = 8;

/** Before anybody has moved: the first divergence. */
function settled(state: State, own: CompareState): CompareState {
  if (own.cursor !== 0 || !answerTo(own, divergenceQuestion(own))?.divergence) return own;
  const at = rows(state, own, state.size.columns - 1).findIndex((row) => row.isDivergence);
  // What led there is worth seeing too.
  return at === -1 ? own : { ...own, cursor: at, top: Math.max(0, at - LEAD_ROWS) };
}

const chosen = (state: State, own: CompareState): number | undefined => stepOfRow(rows(state, own, state.size.columns - 1)[own.cursor]);

function openAt(index: (own: CompareState) => number) {
  return on('compare', (state, own): Update => showRun(state, own.runIds[index(own)]!));
}

export const compareScreen: Screen<CompareState> = {
  title: (_state, own) => `compare ${own.runIds.map((id, index) => `${runLetter(index)} ${shortId(id)}`).join(', ')}`,
  about,
  rows,
  settled,
  wants: (_state, own) => [comparisonQuestion(own), ...(answerTo(own, comparisonQuestion(own)) ? [divergenceQuestion(own), judgedQuestion(own)] : [])],
  stops: 'difference',
  keys: [
    { action: 'compare.open', keys: ['enter', 'l', 'right'], place: 'compare', label: 'values', help: 'How inputs, outputs and state of the step differ.', footer: 1 },
    { action: 'compare.volatile', keys: ['v'], place: 'compare', label: 'ids and times', help: 'Count ids and times as differences, or not: they differ in every run.', footer: 3 },
    { action: 'compare.first', keys: ['o'], place: 'compare', label: 'open A', help: 'Open the run that the others are compared with.', footer: 4 },
    { action: 'compare.other', keys: ['O'], place: 'compare', label: 'open B', help: 'Open the run that is looked at beside it.', footer: 5 },
    { action: 'compare.next', keys: ['tab'], place: 'compare', label: 'next run', help: 'Look at the next of several runs beside the first.', footer: 6, footerWhen: hasMore, disabled: (state) => (hasMore(state) ? undefined : 'only two runs are compared') },
    { action: 'compare.swap', keys: ['x'], place: 'compare', label: 'swap', help: 'What was compared with is compared, and the other way round.' },
    { action: 'compare.save', keys: ['m'], place: 'compare', label: 'keep', help: 'Keep the comparison under a name.', footer: 2, disabled: cannotChange },
  ],
  actions: {
    'compare.open': on('compare', (state, own) => {
      const index = chosen(state, own);
      if (index === undefined) return only(told(state, 'Select a step; its values are compared then.'));
      return only(withScreen(state, newComparedStep(own, index)));
    }),
    'compare.volatile': on('compare', (state, own) => only(told(withOwn(state, { ...own, ignoreVolatile: !own.ignoreVolatile }), own.ignoreVolatile ? 'Ids and times count as differences.' : 'Ids and times are left out.'))),
    'compare.save': on('compare', (state, own) => only(withOverlay(state, openSaveComparison(own.runIds, own.ignoreVolatile)))),
    'compare.first': openAt(() => 0),
    'compare.other': openAt((own) => own.other),
    'compare.next': on('compare', (state, own) => only(withOwn(state, { ...own, cursor: 0, top: 0, other: own.other + 1 < own.runIds.length ? own.other + 1 : 1 }))),
    'compare.swap': on('compare', (state, own) => {
      const [first, ...others] = own.runIds;
      const swapped = [own.runIds[own.other]!, ...others.map((id, index) => (index === own.other - 1 ? first! : id))];
      return only(withOwn(state, { ...own, runIds: swapped, cursor: 0, top: 0 }));
    }),
  },
  commands: {
    compare: {
      usage: 'compare [RUN] RUN…', help: 'runs beside each other; with one, the open run with it; alone, a rerun with the run it came from', plain: runIdsOf,
      inShell: ['--ignore', '--ignore-volatile', '--tolerance', '--step', '-s', '--save', '--fail-on-divergence', '--list', '--remove'],
      run: (state, words) => only(withScreen(state, newCompareScreen(namedRuns(state, words.plain)))),
    },
  },
};

function hasMore(state: State): boolean {
  const own = state.screens.at(-1);
  return own?.name === 'compare' && own.runIds.length > 2;
}

function namedRuns(state: State, words: readonly string[]): readonly string[] {
  if (words.length === 0) {
    const { parent_run_id: parent, test_run_id: id } = openRunOf(state).view.run;
    if (parent === null) throw new UserError('usage', 'this run is no rerun of another', { hint: 'Name the run to compare it with: compare RUN' });
    return [parent, id];
  }
  const named = words.map((word) => runOf(state, word));
  const ids = [...(named.length === 1 && state.open ? [openRunOf(state).view.run.test_run_id] : []), ...named.map((run) => run.test_run_id)];
  if (named.length === 1 && (!state.open || isOpen(state, named[0]!))) throw new UserError('usage', 'a run is compared with another one', { hint: 'compare RUN RUN' });
  return [...new Set(ids)];
}

