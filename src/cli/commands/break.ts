import type { Command } from 'commander';
import { flattenSteps, resolveStep } from '../../core/step-reference.ts';
import { UserError } from '../../protocol/error.ts';
import type { BreakpointRow, PipelineRow } from '../../protocol/rows.ts';
import type { StepDefinition } from '../../protocol/step-definition.ts';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';
import { tableLines } from '../print/table.ts';
import { findPipeline } from './run.ts';

/** Breakpoints belong to a pipeline and are stored: every later run stops at them. */
export function addBreakCommand(program: Command): void {
  const group = program.command('break').description('Breakpoints: where the runs of a pipeline stop.');

  const add = group
    .command('add')
    .description('Stops every run of the pipeline before a step, or with `error` when a step fails.')
    .argument('<pipeline>', 'key of a pipeline')
    .argument('<step>', '8e, a key or a name; or `error`');
  onCall(add, async ({ args, settings, io }) => {
    await withBackend(settings, io, { runner: true }, async ({ backend }) => {
      const pipeline = findPipeline(args[0]!, await backend.pipelines());
      const target = args[1] === 'error' ? null : resolveStep(args[1]!, flattenSteps(pipeline.step_tree)).key;
      const row = await backend.addBreakpoint({ pipelineKey: pipeline.pipeline_key, kind: target === null ? 'error' : 'step', target });
      if (io.json) io.out(JSON.stringify(row));
      else io.err(`Breakpoint #${row.number}: ${describe(row, [pipeline])}`);
    });
  });

  const list = group.command('list', { isDefault: true }).description('Lists breakpoints.').argument('[pipeline]', 'only those of this pipeline');
  onCall(list, async ({ args, settings, io }) => {
    const [rows, pipelines] = await withBackend(settings, io, { runner: false }, ({ backend }) => Promise.all([backend.breakpoints(args[0]), backend.pipelines()]));
    if (io.json) rows.forEach((row) => io.out(JSON.stringify(row)));
    else if (rows.length === 0) io.err('No breakpoints. Add one with `stepscope break add PIPELINE STEP`.');
    else tableLines(['PIPELINE', 'NUMBER', 'ON', 'WHERE'], rows.map((row) => [row.pipeline_key, String(row.number), row.enabled ? 'yes' : 'no', describe(row, pipelines)]), io).forEach((line) => io.out(line));
  });

  const rm = group
    .command('rm')
    .description('Removes a breakpoint.')
    .argument('<pipeline>', 'key of a pipeline')
    .argument('<which>', 'the step it is before: 8e, a key or a name; `error`; or #2, its number in `break list`');
  onCall(rm, async ({ args, settings, io }) => {
    await withBackend(settings, io, { runner: false }, async ({ backend }) => {
      const [rows, pipelines] = await Promise.all([backend.breakpoints(args[0]), backend.pipelines()]);
      const row = breakpointNamed(args[0]!, args[1]!, rows, pipelines);
      await backend.removeBreakpoint(row.id);
      if (!io.json) io.err(`Removed breakpoint #${row.number}: ${describe(row, pipelines)}`);
    });
  });
}

/** By its number, or by where it stops. A number that is one and also a step's means the breakpoint of that step, when there is one. */
function breakpointNamed(pipelineKey: string, which: string, rows: readonly BreakpointRow[], pipelines: readonly PipelineRow[]): BreakpointRow {
  const steps = pipelines.filter((one) => one.pipeline_key === pipelineKey).flatMap((one) => flattenSteps(one.step_tree));
  const byNumber = rows.find((row) => String(row.number) === which.replace('#', ''));
  const byStep = which === 'error' ? rows.find((row) => row.kind === 'error') : atStep(which, rows, steps);
  const found = which.startsWith('#') ? byNumber : (byStep ?? byNumber);
  if (found !== undefined) return found;
  const there = rows.map((row) => `#${row.number} ${describe(row, pipelines)}`).join(', ');
  throw new UserError('not-found', `${pipelineKey} has no breakpoint ${which}`, { hint: there === '' ? 'It has none.' : `There is ${there}.` });
}

function atStep(which: string, rows: readonly BreakpointRow[], steps: readonly StepDefinition[]): BreakpointRow | undefined {
  try {
    const { key } = resolveStep(which, steps);
    return rows.find((row) => row.target === key);
  } catch {
    // No step of that name: it may be the number of a breakpoint, or the key of a step that is gone.
    return rows.find((row) => row.target === which);
  }
}

/** `before 8c Parameter Filtering` */
function describe(row: BreakpointRow, pipelines: readonly PipelineRow[]): string {
  if (row.kind === 'error') return 'on error';
  const tree = pipelines.find((one) => one.pipeline_key === row.pipeline_key)?.step_tree ?? [];
  const step = flattenSteps(tree).find((one) => one.key === row.target);
  return `before ${step === undefined ? row.target : `${step.display} ${step.name}`}`;
}
