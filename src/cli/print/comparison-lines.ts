import { rowOf, runLetter } from '../../core/compare/compare-runs.ts';
import type { ComparedStep, DivergenceFound, RunComparison, StructuralDifference, ValueDifferences } from '../../core/compare/comparison.ts';
import { endingWords, notableTimes } from '../../core/compare/summarise.ts';
import { formatBytes, formatDuration, formatRelative, plural, printable, shortId } from '../../core/format.ts';
import { judgementWords } from '../../core/performance/noise.ts';
import type { Divergence, DivergenceKind } from '../../protocol/comparison.ts';
import type { Json } from '../../protocol/json.ts';
import type { StepRow } from '../../protocol/rows.ts';
import type { Io } from '../io.ts';
import { statusStyle } from './step-lines.ts';

/** Steps and times listed for people; `--json` has all. */
const MOST_LINES = 20;
const MOST_DIFFERENCES = 100;
const NAME_WIDTH = 28;

const kindWords: Readonly<Record<DivergenceKind, string>> = {
  presence: 'steps', inputs: 'inputs', stateBefore: 'state before', outputs: 'outputs', stateAfter: 'state after', status: 'status', error: 'error',
};

/** A comparison for a person in a hurry: where the runs part, then which steps and times differ. */
export function comparisonLines(comparison: RunComparison, found: readonly DivergenceFound[], passedOver: readonly (Divergence | undefined)[], io: Io, nowMs: number): readonly string[] {
  return [
    ...runLines(comparison, io, nowMs),
    ...found.flatMap((one, i) => ['', ...divergenceLines(one, passedOver[i], i + 1, comparison.runs.length > 2, io)]),
    ...stepLines(comparison, io),
    ...timeLines(comparison, io),
  ];
}

function runLines({ runs, times, logs }: RunComparison, io: Io, nowMs: number): readonly string[] {
  return runs.map((run, i) => {
    const time = times[i];
    const started = formatRelative(Date.parse(run.started_at ?? run.created_at), nowMs);
    const facts = [
      time ? formatDuration(time.ms) : undefined,
      time && time.verdict !== 'unknown' && time.verdict !== 'within-noise' ? judgementWords(time) : undefined,
      logs[i]!.errors > 0 ? plural(logs[i]!.errors, 'error line') : undefined,
      started,
    ].filter((fact) => fact !== undefined);
    const status = io.paint(statusStyle[run.status], `${io.glyphs.status[run.status]} ${run.status.padEnd(11)}`);
    return `${io.paint('strong', runLetter(i))}  ${shortId(run.test_run_id)}  ${status} ${io.paint('muted', facts.join(', '))}`;
  });
}

function divergenceLines({ divergence, comparedSteps }: DivergenceFound, passedOver: Divergence | undefined, index: number, isOneOfMany: boolean, io: Io): readonly string[] {
  const whose = isOneOfMany ? ` of ${runLetter(index)}` : '';
  const before = passedOver === undefined ? [] : [io.paint('muted', `Ids and times differ from ${stepName(passedOver)} on, as they do in every run.`)];
  if (divergence === undefined) return [`No divergence${whose}: what was recorded of ${plural(comparedSteps, 'step')} is equal.`, ...before];
  const { kind, path } = divergence;
  if (kind === 'presence') {
    const [there, missing] = divergence.expected === undefined ? [runLetter(index), 'A'] : ['A', runLetter(index)];
    return [`${io.paint('strong', `First divergence${whose}:`)} ${stepName(divergence)} is only in ${there}, not in ${missing}`, ...before];
  }
  const where = [kindWords[kind], path].filter(Boolean).join(' ');
  return [
    `${io.paint('strong', `First divergence${whose}:`)} ${stepName(divergence)}, ${printable(where)}`,
    io.paint('good', `  A  ${valueWords(divergence.expected, io.columns - 5)}`),
    io.paint('bad', `  ${runLetter(index)}  ${valueWords(divergence.actual, io.columns - 5)}`),
    ...before,
  ];
}

function stepName({ display, name }: { readonly display: string; readonly name: string }): string {
  return `${display} ${printable(name)}`.trim();
}

/** Steps that differ by their rows, each with a sign for its status in every run. */
function stepLines(comparison: RunComparison, io: Io): readonly string[] {
  const { steps, runs } = comparison;
  const different = steps.filter((line) => line.rowDifferences.some((some, i) => some.length > 0 || line.moved[i]));
  const summary = runs.length === 2 ? endingWords(comparison.counts[1]!) : plural(steps.length, 'step');
  if (different.length === 0) return ['', `${io.paint('strong', 'Steps')}  ${summary}`];
  return [
    '',
    `${io.paint('strong', 'Steps')}  ${summary}`,
    `  ${io.paint('muted', runs.map((_, i) => runLetter(i)).join(' '))}`,
    ...different.slice(0, MOST_LINES).map((line) => stepLine(line, io)),
    ...more(different.length - MOST_LINES, 'more', io),
  ];
}

function stepLine(line: ComparedStep, io: Io): string {
  const { display, step_name: name } = rowOf(line);
  const signs = line.steps.map((step) => (step === undefined ? io.paint('muted', '-') : io.paint(statusStyle[step.status], io.glyphs.status[step.status])));
  const notes = line.steps.flatMap((step, i) => (i === 0 ? [] : (noteOn(line, step, i) ?? [])));
  const title = `${'  '.repeat(line.depth)}${printable(name)}`;
  const room = io.columns - 2 - 2 * signs.length - 4 - NAME_WIDTH - 2;
  return `  ${signs.join(' ')} ${display.padStart(3)} ${clip(title, NAME_WIDTH).padEnd(NAME_WIDTH)} ${io.paint('muted', clip(notes.join('; '), Math.max(10, room)))}`.trimEnd();
}

function noteOn(line: ComparedStep, step: StepRow | undefined, i: number): string | undefined {
  const [first] = line.steps;
  if (first === undefined && step === undefined) return undefined;
  if (first === undefined) return `only in ${runLetter(i)}`;
  if (step === undefined) return `not in ${runLetter(i)}`;
  const differs = line.rowDifferences[i]!;
  const notes = [
    differs.includes('status') ? `${step.status}${step.error_message === null ? '' : `: ${step.error_message}`}` : differs.includes('error') ? `error: ${step.error_message ?? 'none'}` : '',
    differs.includes('name') ? `now "${step.step_name}"` : line.matches[i] === 'likeness' ? `key now ${step.step_key}` : '',
    differs.includes('attempts') ? plural(step.attempt, 'attempt') : '',
    line.moved[i] ? 'moved' : '',
  ].filter(Boolean);
  return notes.length === 0 ? undefined : printable(notes.join(', '));
}

function timeLines(comparison: RunComparison, io: Io): readonly string[] {
  const judged = comparison.steps.flatMap((line) => line.times).filter((time) => time !== null);
  const notable = notableTimes(comparison);
  const title = io.paint('strong', 'Times');
  if (judged.length === 0) return [];
  if (judged.every((time) => time.verdict === 'unknown')) {
    const most = Math.max(...judged.map((time) => time.earlier));
    return ['', `${title}  not judged: ${most === 0 ? 'there are no earlier completed runs' : `only ${plural(most, 'earlier completed run')}, and 5 are needed`}`];
  }
  if (notable.length === 0) return ['', `${title}  all within the noise of earlier runs`];
  return [
    '',
    title,
    ...notable.slice(0, MOST_LINES).flatMap((index) => {
      const line = comparison.steps[index]!;
      return line.times.flatMap((time, i) => {
        if (time === null || (time.verdict !== 'slower' && time.verdict !== 'faster')) return [];
        const text = `  ${runLetter(i)} ${rowOf(line).display.padStart(3)} ${clip(printable(rowOf(line).step_name), 20).padEnd(20)} ${formatDuration(time.ms).padStart(8)} `;
        return [`${text}${io.paint(time.verdict === 'slower' ? 'warn' : 'good', judgementWords(time))}`];
      });
    }),
    ...more(notable.length - MOST_LINES, 'more', io),
  ];
}

/** How the values of one step differ, kind by kind. */
export function valueLines(values: readonly ValueDifferences[], letter: string, io: Io): readonly string[] {
  if (values.length === 0) return ['Inputs, outputs and state are equal, as far as both runs recorded them.'];
  return values.flatMap(({ kind, differences, unknown, isOneSided }) => [
    '',
    io.paint('strong', kindWords[kind]),
    ...(isOneSided ? [io.paint('muted', `  recorded in one run only, A or ${letter}`)] : []),
    ...differences.slice(0, MOST_DIFFERENCES).flatMap((one) => differenceLines(one, io)),
    ...more(differences.length - MOST_DIFFERENCES, 'more; --json has all', io),
    ...(unknown > 0 ? [io.paint('warn', `  ${plural(unknown, 'part')} too large to be recorded, so nobody knows`)] : []),
  ]);
}

function differenceLines({ kind, path, from, before, after }: StructuralDifference, io: Io): readonly string[] {
  const width = io.columns - 5 - path.length;
  const at = printable(path === '' ? '(all of it)' : path);
  if (kind === 'moved') return [io.paint('active', `  ${io.glyphs.arrow} ${at} was ${printable(from ?? '')}`)];
  return [
    ...(kind === 'added' ? [] : [io.paint('bad', `  - ${printable(from ?? path) || '(all of it)'} ${valueWords(before, width)}`)]),
    ...(kind === 'removed' ? [] : [io.paint('good', `  + ${at} ${valueWords(after, width)}`)]),
  ];
}

/** A value on one line: short ones whole, bytes by their size, `nothing` where there is none. */
function valueWords(value: Json | undefined, width: number): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const bytes = (value as { readonly $bytes?: Json }).$bytes;
    if (typeof bytes === 'string') return `${formatBytes((bytes.replace(/=+$/, '').length * 3) / 4)} of bytes, ${bytes.slice(0, 12)}`;
  }
  return clip(printable(JSON.stringify(value)), Math.max(20, width));
}

function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 2).toWellFormed()}..`;
}

function more(count: number, words: string, io: Io): readonly string[] {
  return count > 0 ? [io.paint('muted', `  ${count.toLocaleString('en-US')} ${words}`)] : [];
}
