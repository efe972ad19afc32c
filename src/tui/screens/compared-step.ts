import type { RunComparison, StructuralDifference, ValueDifferences } from '../../core/compare/comparison.ts';
import { rowOf, runLetter } from '../../core/compare/compare-runs.ts';
import { formatDuration, plural, shortId } from '../../core/format.ts';
import type { Json } from '../../protocol/json.ts';
import type { StepRow } from '../../protocol/rows.ts';
import { diffLines } from '../json/lines.ts';
import { fit, line, span, wrap, type Line } from '../output/line.ts';
import type { State } from '../state.ts';
import { SIDE_BY_SIDE } from './compare/rows.ts';
import { answerTo, newScreen, on, problemOf, sayRows, withOwn, type Screen, type ScreenBase, type ScreenRow } from './screen.ts';
import { only, told } from '../update/result.ts';

/** How one step differs between two of the compared runs. */
export interface ComparedStepState extends ScreenBase {
  readonly name: 'comparedStep';
  readonly runIds: readonly string[];
  readonly other: number;
  readonly ignoreVolatile: boolean;
  /** Index of the step in the comparison. */
  readonly index: number;
}

/** A step of a comparison that has been read: its answers come along. */
export function newComparedStep(from: Pick<ComparedStepState, 'runIds' | 'other' | 'ignoreVolatile' | 'answers'>, index: number): ComparedStepState {
  const { runIds, other, ignoreVolatile, answers } = from;
  return { ...newScreen, name: 'comparedStep', runIds, other, ignoreVolatile, index, answers };
}

const comparisonQuestion = ({ runIds }: ComparedStepState) => ({ kind: 'comparison', runIds }) as const;
const differencesQuestion = ({ runIds, other, ignoreVolatile, index }: ComparedStepState) => ({ kind: 'differences', runIds, other, ignoreVolatile, index }) as const;

/** Rows of one side of a difference that are shown. */
const MAX_SIDE = 60;

const kindWords = { inputs: 'inputs', outputs: 'outputs', stateBefore: 'state before', stateAfter: 'state after' } as const;

function rows(state: State, own: ComparedStepState, columns: number): readonly ScreenRow[] {
  const comparison = answerTo(own, comparisonQuestion(own));
  if (!comparison) return [];
  const step = comparison.steps[own.index]!;
  const [a, b] = [step.steps[0], step.steps[own.other]];
  const facts = factRows(state, own, a, b, columns);
  if (!a || !b) return [...facts, { line: [] }, ...sayRows(state, `Only run ${a ? runLetter(0) : runLetter(own.other)} has this step.`, columns)];
  const differences = answerTo(own, differencesQuestion(own));
  if (!differences) return [...facts, { line: [] }, ...sayRows(state, problemOf(own, differencesQuestion(own)) ?? 'Reading…', columns)];
  if (differences.length === 0) return [...facts, { line: [] }, ...sayRows(state, `Inputs, outputs and state are alike${own.ignoreVolatile ? ', ids and times aside: v counts them' : ''}.`, columns)];
  return [...facts, ...differences.flatMap((one) => valueRows(state, one, columns))];
}

/** What the rows of the step say: how it stood, how long it took, and its error. */
function factRows(state: State, own: ComparedStepState, a: StepRow | undefined, b: StepRow | undefined, columns: number): readonly ScreenRow[] {
  return ([[0, a], [own.other, b]] as const).flatMap(([index, step]): readonly ScreenRow[] => [
    {
      line: [
        span(`${runLetter(index)} `, 'heading', { bold: true }), span(shortId(own.runIds[index]!), 'muted'),
        ...(step ? [span(`  ${state.glyphs.status[step.status]} ${fit(step.status, 10)}`, step.status), span(step.duration_ms === null ? '' : fit(formatDuration(step.duration_ms), 9, 'right')), span(step.attempt > 1 ? `  attempt ${step.attempt}` : '', 'muted')] : [span('  not there', 'muted')]),
      ],
    },
    ...(step?.error_message ? wrap(step.error_message, columns - 5).map((text): ScreenRow => ({ line: line(`    ${text}`, 'error') })) : []),
  ]);
}

function valueRows(state: State, values: ValueDifferences, columns: number): readonly ScreenRow[] {
  const words = values.isOneSided ? 'recorded in one of the runs only' : plural(values.differences.length, 'difference');
  const unknown = values.unknown > 0 ? `, ${plural(values.unknown, 'value')} too large to have been recorded` : '';
  return [
    { line: [] },
    { line: [span(` ${kindWords[values.kind]}`, 'heading'), span(`  ${words}${unknown}`, 'muted')] },
    ...values.differences.flatMap((one) => differenceLines(state, one, columns).map((text, index): ScreenRow => ({ line: [span(' '), ...text], isStop: index === 0, id: `${values.kind} ${one.path}` }))),
  ];
}

function differenceLines(state: State, one: StructuralDifference, columns: number): readonly Line[] {
  if (one.kind === 'moved') return [[span('> ', 'changed', { bold: true }), span(one.path, 'jsonKey'), span(`  was at ${one.from ?? 'another place'}`, 'muted')]];
  if (columns + 1 < SIDE_BY_SIDE) return diffLines({ ...one, kind: one.kind }, columns - 1, state.glyphs);
  const cells = Math.floor((columns - 6) / 2);
  const side = (value: Json | undefined): readonly string[] => (value === undefined ? [] : wrap(JSON.stringify(value, null, 2), cells));
  const [old, now] = [side(one.before), side(one.after)];
  const height = Math.min(MAX_SIDE, Math.max(old.length, now.length, 1));
  const mark = { added: '+', removed: '-', changed: '~' }[one.kind];
  const rest = Math.max(old.length, now.length) - height;
  return [
    [span(`${mark} `, one.kind, { bold: true }), span(one.path === '' ? '(all of it)' : one.path, 'jsonKey'), span(one.from === undefined ? '' : `  was at ${one.from}`, 'muted')],
    ...Array.from({ length: height }, (_, row): Line => [span('  '), span(fit(old[row] ?? '', cells), 'removed'), span(` ${state.glyphs.divider} `, 'faint'), span(now[row] ?? '', 'added')]),
    ...(rest > 0 ? [line(`  (${rest} more rows)`, 'muted')] : []),
  ];
}

/** To the neighbour of a step that is shown. */
function turn(by: 1 | -1) {
  return on('comparedStep', (state, own) => {
    const comparison: RunComparison | undefined = answerTo(own, comparisonQuestion(own));
    const to = own.index + by;
    if (!comparison?.steps[to]) return only(told(state, by === 1 ? 'This is the last step.' : 'This is the first step.'));
    return only(withOwn(state, { ...own, index: to, cursor: 0, top: 0 }));
  });
}

export const comparedStepScreen: Screen<ComparedStepState> = {
  title: (_state, own) => {
    const step = answerTo(own, comparisonQuestion(own))?.steps[own.index];
    return step ? `${rowOf(step).display} ${rowOf(step).step_name} compared` : 'a step compared';
  },
  about: (state, own) => {
    const differences = answerTo(own, differencesQuestion(own));
    const problem = problemOf(own, comparisonQuestion(own), differencesQuestion(own));
    if (problem !== undefined) return [span(` ${state.glyphs.status.failed} ${problem}`, 'error')];
    const count = differences?.reduce((sum, one) => sum + one.differences.length, 0);
    const beside = state.size.columns >= SIDE_BY_SIDE ? `: ${runLetter(0)} left, ${runLetter(own.other)} right` : '';
    return [span(count === undefined ? ' Reading…' : ` ${plural(count, 'difference')} in its values${beside}`, 'muted'), span(own.ignoreVolatile ? ', ids and times aside' : '', 'muted')];
  },
  rows,
  wants: (_state, own) => [comparisonQuestion(own), differencesQuestion(own)],
  stops: 'difference',
  keys: [
    { action: 'comparedStep.next', keys: ['}'], place: 'comparedStep', label: 'next step', help: 'The next step of the comparison.', footer: 1 },
    { action: 'comparedStep.previous', keys: ['{'], place: 'comparedStep', label: 'previous step', help: 'The step before.', footer: 2 },
    { action: 'comparedStep.volatile', keys: ['v'], place: 'comparedStep', label: 'ids and times', help: 'Count ids and times as differences, or not: they differ in every run.', footer: 3 },
  ],
  actions: {
    'comparedStep.next': turn(1),
    'comparedStep.previous': turn(-1),
    'comparedStep.volatile': on('comparedStep', (state, own) => only(withOwn(state, { ...own, ignoreVolatile: !own.ignoreVolatile }))),
  },
};
