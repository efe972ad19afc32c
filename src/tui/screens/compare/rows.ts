import { rowOf, runLetter, sameStatus } from '../../../core/compare/compare-runs.ts';
import type { ComparedStep, DivergenceFound, RunComparison } from '../../../core/compare/comparison.ts';
import { endingWords } from '../../../core/compare/summarise.ts';
import { formatDuration, formatRelative, plural, shortId } from '../../../core/format.ts';
import { judgementWords } from '../../../core/performance/noise.ts';
import type { TimeJudgement } from '../../../protocol/comparison.ts';
import type { StepRow } from '../../../protocol/rows.ts';
import { clipLine, fit, lineWidth, span, wrap, type Line, type Span } from '../../output/line.ts';
import type { State } from '../../state.ts';
import { divergenceWords } from './words.ts';
import type { ScreenRow } from '../screen.ts';

/** From here on the runs stand side by side. */
export const SIDE_BY_SIDE = 100;

interface CompareRow extends ScreenRow {
  readonly isDivergence?: boolean | undefined;
}

interface Looked {
  readonly other: number;
  readonly found: DivergenceFound | undefined;
}

/** Index of the step that a row is about. */
export function stepOfRow(row: ScreenRow | undefined): number | undefined {
  return row?.id === undefined ? undefined : Number(row.id);
}

/** The runs, then their steps beside each other, and under its step the first divergence. */
export function comparisonRows(state: State, comparison: RunComparison, looked: Looked, columns: number): readonly CompareRow[] {
  const wide = columns + 1 >= SIDE_BY_SIDE;
  const steps = comparison.steps.flatMap((line, index): readonly CompareRow[] => {
    const isFirst = looked.found?.index === index;
    const differs = line.rowDifferences[looked.other]!.length > 0;
    const row: CompareRow = { line: wide ? sideBySide(state, line, looked.other, columns, isFirst) : unified(state, line, looked.other, columns, isFirst), id: String(index), isStop: differs || isFirst, isDivergence: isFirst };
    if (!isFirst || !looked.found?.divergence) return [row];
    return [row, ...wrap(divergenceWords(looked.found.divergence, state.glyphs.arrow), columns - 9).map((text, at): CompareRow => ({ line: [span(at === 0 ? `       ${state.glyphs.arrow} ` : '         ', 'accent'), span(text, 'accent')], id: String(index) }))];
  });
  return [...headRows(state, comparison, looked.other, columns), { line: [] }, ...steps];
}

/** A row for each run: how it ended, how long it took, and what of that is more than noise. */
function headRows(state: State, comparison: RunComparison, other: number, columns: number): readonly CompareRow[] {
  return comparison.runs.map((run, index): CompareRow => {
    const time = comparison.times[index];
    const token = run.status === 'paused' ? 'held' : run.status === 'interrupted' ? 'failed' : run.status;
    const logs = comparison.logs[index]!;
    const line: Line = [
      span(`${runLetter(index)} `, index === other ? 'accent' : 'heading', { bold: true }),
      span(shortId(run.test_run_id), 'muted'),
      span(`  ${state.glyphs.status[run.status]} ${fit(run.status, 11)}`, token),
      span(fit(time ? formatDuration(time.ms) : '', 8, 'right')),
      span(`  ${fit(formatRelative(Date.parse(run.created_at), state.now), 10)}`, 'muted'),
      span(logs.errors > 0 ? `  ${plural(logs.errors, 'error')}` : '', 'error'),
    ];
    const words = span(`  ${index === 0 ? (run.bookmark_name ?? run.pipeline_key ?? 'traced program') : endingWords(comparison.counts[index]!)}`, 'muted');
    const judged = time && time.verdict !== 'unknown' ? [span(`  ${judgementWords(time)}`, time.verdict === 'slower' ? 'warn' : 'muted')] : [];
    // What is clipped of the first run is its name, which is known.
    return { line: clipLine(index === 0 ? [...line, ...judged, words] : [...line, words, ...judged], columns, state.glyphs.more) };
  });
}

/** What of a step differs, as far as its rows and the first divergence tell. */
function markOf(line: ComparedStep, other: number, diverges: boolean): Span {
  const [a, b] = [line.steps[0], line.steps[other]];
  if (a === undefined && b === undefined) return span('  ');
  if (a === undefined) return span('+ ', 'added', { bold: true });
  if (b === undefined) return span('- ', 'removed', { bold: true });
  return diverges || line.rowDifferences[other]!.length > 0 ? span('~ ', 'changed', { bold: true }) : span('  ');
}

function statusSpan(state: State, step: StepRow | undefined): Span {
  return step === undefined ? span(' ') : span(state.glyphs.status[step.status], step.status);
}

/** What is worth saying of a line beside its statuses. */
function noteOf(line: ComparedStep, other: number): string {
  const time = line.times[other];
  return [
    line.matches[other] === 'likeness' ? `renamed from ${line.steps[0]?.step_name ?? ''}` : '',
    line.moved[other] ? 'moved' : '',
    time && (time.verdict === 'slower' || time.verdict === 'faster') ? ratioWords(time) : '',
    line.rowDifferences[other]!.includes('error') && sameStatus(line.steps[0]!.status, line.steps[other]!.status) ? 'another error' : '',
    line.rowDifferences[other]!.includes('attempts') ? `${line.steps[0]?.attempt ?? 0} and ${line.steps[other]?.attempt ?? 0} attempts` : '',
  ].filter((one) => one !== '').join(', ');
}

function ratioWords(time: TimeJudgement): string {
  return time.ratio === null ? time.verdict : `${time.verdict}: ${time.ratio.toFixed(1)}x the usual`;
}

const tookWords = (step: StepRow | undefined): string => (step === undefined ? '' : step.status === 'reused' || step.status === 'held' ? step.status : step.duration_ms === null ? '' : formatDuration(step.duration_ms));

/** One row for both runs: statuses of all, times of the two that are looked at. */
function unified(state: State, line: ComparedStep, other: number, columns: number, diverges: boolean): Line {
  const row = rowOf(line);
  const statuses = line.steps.flatMap((step): readonly Span[] => [statusSpan(state, step), span(' ')]);
  const times = `${fit(tookWords(line.steps[0]), 8, 'right')} ${fit(tookWords(line.steps[other]), 8, 'right')}`;
  const note = noteOf(line, other);
  const fixed = 2 + 4 + lineWidth(statuses) + times.length + 1;
  const nameCells = Math.max(8, Math.min(34, columns - fixed - (note === '' ? 0 : Math.min(note.length + 2, 24))));
  const name = fit(`${'  '.repeat(line.depth)}${row.step_name}`, nameCells, 'left', state.glyphs.more);
  return clipLine([markOf(line, other, diverges), span(row.display.padEnd(4), 'muted'), span(`${name} `), ...statuses, span(times, 'muted'), span(note === '' ? '' : `  ${note}`, 'warn')], columns, state.glyphs.more);
}

/** A column for each of the two runs, so that a renamed or added step is seen as one. */
function sideBySide(state: State, line: ComparedStep, other: number, columns: number, diverges: boolean): Line {
  const cells = Math.floor((columns - 5) / 2);
  const side = (step: StepRow | undefined, note: string): Line => {
    if (step === undefined) return [span(' '.repeat(cells))];
    const end = ` ${fit(tookWords(step), 8, 'right')}`;
    const room = cells - 2 - 4 - end.length - (note === '' ? 0 : note.length + 2);
    const name = fit(`${'  '.repeat(line.depth)}${step.step_name}`, Math.max(8, room), 'left', state.glyphs.more);
    const drawn: Line = [statusSpan(state, step), span(' '), span(step.display.padEnd(4), 'muted'), span(name, step.status === 'failed' ? 'failed' : 'text'), span(note === '' ? '' : `  ${note}`, 'warn'), span(end, 'muted')];
    return clipLine(drawn, cells, state.glyphs.more);
  };
  return [markOf(line, other, diverges), ...side(line.steps[0], ''), span(` ${state.glyphs.divider} `, 'faint'), ...side(line.steps[other], noteOf(line, other))];
}
