import type { Command } from 'commander';
import type { Backend } from '../../client/backend.ts';
import { diffJson } from '../../core/json-diff.ts';
import { Suspicion } from '../../core/first-bad-step.ts';
import { isFinal } from '../../core/run-state.ts';
import { heldInside } from '../../core/performance/own-time.ts';
import { workTimeOf } from '../../core/work-time.ts';
import { printable } from '../../core/format.ts';
import { flattenSteps, resolveStep } from '../../core/step-reference.ts';
import type { KnownStep } from '../../core/step-reference.ts';
import { UserError } from '../../protocol/error.ts';
import type { Json } from '../../protocol/json.ts';
import type { RunRow, StepRow } from '../../protocol/rows.ts';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';
import type { Io } from '../io.ts';
import { commentLines } from '../print/comment-lines.ts';
import { markLines } from '../print/mark-lines.ts';
import { failureBlock, workTimeWords } from '../print/run-summary.ts';
import { printWatches } from '../print/watch-lines.ts';
import { nameWidthOf, stepLine, statusStyle } from '../print/step-lines.ts';

export function addShowCommand(program: Command): void {
  const command = program
    .command('show')
    .summary('Shows a run and its steps, or one step with its state.')
    .description('Shows a run and its steps. With --step: the inputs, outputs and state of that step. With --json: the row of the run, then that of each step.')
    .argument('[run]', 'id, its last characters, or "last"', 'last')
    .option('-s, --step <step>', 'one step: 8e, a key or a name')
    .option('-w, --watch [expression]', 'the watches of its pipeline, or this expression, at every step');
  onCall<{ step?: string; watch?: string | true }>(command, async ({ args, flags, settings, io }) => {
    await withBackend(settings, io, { runner: false }, async ({ backend }) => {
      const run = await backend.run(args[0]!);
      const steps = (await backend.steps(run.test_run_id)).toSorted((a, b) => a.ordinal - b.ordinal || a.attempt - b.attempt);
      if (flags.watch !== undefined) await printWatches(backend, run, steps, flags.watch, io);
      else if (flags.step !== undefined) await showStep(backend, run, steps, reached(stepNamed(flags.step, run, steps)), io);
      else if (io.json) [run, ...steps].forEach((row) => io.out(JSON.stringify(row)));
      else {
        const said = commentLines(await backend.comments(run.test_run_id), run, steps, io);
        const marks = await markLines(backend, run.test_run_id);
        const section = (title: string, lines: readonly string[]): readonly string[] => (lines.length === 0 ? [] : ['', io.paint('strong', title), ...lines]);
        [...runLines(run, steps, io), ...section('comments', said), ...section('marked lines', marks)].forEach((line) => io.out(line));
      }
    });
  });
}

/**
 * The step that people mean, of those the run has declared and those it has come to, with the latest attempt
 * at it. No row when the run did not come to it.
 */
export function stepNamed(reference: string, run: Pick<RunRow, 'step_tree'>, steps: readonly StepRow[]): KnownStep & { readonly row: StepRow | undefined } {
  const latest = new Map(steps.map((step) => [step.step_key, step]));
  const declared = flattenSteps(run.step_tree ?? []).map((step) => ({ ...step, row: latest.get(step.key) }));
  const keys = new Set(declared.map((step) => step.key));
  const others = [...latest.values()].filter((row) => !keys.has(row.step_key));
  return resolveStep(reference, [...declared, ...others.map((row) => ({ key: row.step_key, display: row.display, name: row.step_name, row }))]);
}

function reached({ display, name, row }: ReturnType<typeof stepNamed>): StepRow {
  if (row !== undefined) return row;
  throw new UserError('not-found', `the run has not come to step ${display} ${name}`);
}

function runLines(run: RunRow, steps: readonly StepRow[], io: Io): readonly string[] {
  const time = workTimeOf(run, steps, isFinal(run) ? Date.parse(run.updated_at) : Date.now());
  const facts: readonly (readonly [string, string | null | undefined])[] = [
    ['run', run.test_run_id],
    ['pipeline', run.pipeline_key === null ? null : `${run.pipeline_key} ${run.pipeline_version ?? ''}`],
    ['model', run.model_name],
    ['started', run.started_at],
    ['took', time === undefined ? null : workTimeWords(time)],
    ['fork of', run.parent_run_id === null ? null : `${run.parent_run_id}, from ${run.forked_from_step}`],
    ['paused', run.status === 'paused' ? [run.pause_reason, run.paused_by && `by ${run.paused_by}`].filter(Boolean).join(' ') : null],
    ['tags', run.tags.length === 0 ? null : run.tags.join(' ')],
    ['notes', run.notes],
    ['inputs', JSON.stringify(run.inputs)],
    ['suspect', suspectOf(run, steps)],
  ];
  const failed = steps.findLast((step) => step.step_key === run.failed_step);
  const nameWidth = nameWidthOf(run, steps);
  const held = heldInside(steps);
  return [
    ...facts.filter(([, value]) => value).map(([name, value]) => `${io.paint('muted', name.padEnd(9))} ${printable(value!)}`),
    `${io.paint('muted', 'status'.padEnd(9))} ${io.paint(statusStyle[run.status], `${io.glyphs.status[run.status]} ${run.status}`)}`,
    '',
    ...steps.map((step) => stepLine(step, held, nameWidth, io)),
    // One that was refused before its first step still tells what it would have run.
    ...(steps.length > 0 ? [] : flattenSteps(run.step_tree ?? []).map((step) => `${io.paint('muted', `${io.glyphs.status.pending} ${step.display.padStart(3)}`)}  ${printable(step.name)}`)),
    ...(run.status === 'failed' || run.status === 'interrupted' ? ['', ...failureBlock(run, failed, io)] : []),
  ];
}

/** Of a transcript: the step that may have gone wrong first, with the strongest reason to think so. */
function suspectOf(run: RunRow, steps: readonly StepRow[]): string | null {
  const found = Suspicion.safeParse(run.execution_data['firstBadStep']);
  if (!found.success) return null;
  const { key, name, confidence, evidence } = found.data;
  const display = steps.find((step) => step.step_key === key)?.display ?? '';
  return `${display} ${name} may have gone wrong first: ${evidence[0] ?? 'no evidence'} (a guess, ${Math.round(confidence * 100)} %)`;
}

async function showStep(backend: Backend, run: RunRow, steps: readonly StepRow[], step: StepRow, io: Io): Promise<void> {
  const snapshot = await backend.snapshot(run.test_run_id, step.step_key, step.attempt);
  if (io.json) {
    io.out(JSON.stringify({ ...step, snapshot: snapshot ?? null }));
    return;
  }
  io.out(stepLine(step, heldInside(steps), nameWidthOf(run), io));
  if (snapshot === undefined) throw new UserError('not-found', `step ${step.display} has no snapshot`, { hint: step.status === 'pending' ? 'The run has not come to it.' : undefined });
  section('inputs', snapshot.inputs, io);
  section('outputs', snapshot.outputs, io);
  if (snapshot.stateBefore !== null && snapshot.stateAfter !== null) {
    io.out(`\n${io.paint('strong', 'state')}`);
    const differences = diffJson(snapshot.stateBefore, snapshot.stateAfter);
    if (differences.length === 0) io.out('  unchanged');
    for (const { kind, path, before, after } of differences) {
      if (kind !== 'added') io.out(io.paint('bad', `  - ${path} ${compact(before)}`));
      if (kind !== 'removed') io.out(io.paint('good', `  + ${path} ${compact(after)}`));
    }
  }
  if (step.error_message !== null) ['', ...failureBlock(run, step, io)].forEach((line) => io.out(line));
  const said = (await backend.comments(run.test_run_id)).filter((one) => one.step_key === step.step_key);
  if (said.length > 0) ['', io.paint('strong', 'comments'), ...commentLines(said, run, [step], io)].forEach((line) => io.out(line));
}

function section(title: string, value: Json, io: Io): void {
  io.out(`\n${io.paint('strong', title)}`);
  for (const line of JSON.stringify(value, null, 2).split('\n')) io.out(`  ${printable(line)}`);
}

function compact(value: Json | undefined): string {
  return printable(JSON.stringify(value) ?? '');
}
