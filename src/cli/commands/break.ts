import type { Command } from 'commander';
import type { Backend } from '../../client/backend.ts';
import { breakpointWords, doubtsAbout } from '../../core/breakpoint-draft.ts';
import { printable } from '../../core/format.ts';
import { flattenSteps, resolveStep } from '../../core/step-reference.ts';
import { UserError } from '../../protocol/error.ts';
import type { BreakpointRow, PipelineRow } from '../../protocol/rows.ts';
import type { StepDefinition } from '../../protocol/step-definition.ts';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';
import type { Io } from '../io.ts';
import { tableLines } from '../print/table.ts';
import { draftOf } from '../../core/break-flags.ts';
import type { BreakFlags } from '../../core/break-flags.ts';
import { pipelineOrRun } from './run.ts';

interface Flags extends BreakFlags {
  readonly list?: boolean;
  readonly remove?: string;
  readonly disable?: string;
  readonly enable?: string;
}

const examples = `
Examples:
  break generate-content 8e                                   before the step, in every run
  break generate-content 8e --after --if 'outputs.width > 4096'
  break generate-content '8.*' --hits '% 5' --log 'width {outputs.width}'
  break generate-content --on level:warn      --on error · slow:500ms · slow · cost:5 · path:/image
  break generate-content --disable 3

Conditions are expressions over inputs, outputs, state, step, run, log and error (Common Expression Language).
step, run and log have the columns of their rows: step.display, step.attempt, run.billing, log.message.`;

/** Breakpoints belong to a pipeline and are stored: every later run stops at them. */
export function addBreakCommand(program: Command): void {
  const group = program
    .command('break')
    .summary('Breakpoints: where the runs of a pipeline stop.')
    .description('Sets a breakpoint of a pipeline, or lists them.')
    .argument('[pipeline]', 'key of a pipeline, or a run of it')
    .argument('[step]', '8e, a key, a name or a pattern, as 8.* or *upload*; or `error`')
    .option('--on <what>', 'stop at: error, level:warn, slow, slow:500ms, cost:5, path:/image; with a step, only there')
    .option('--after', 'after the step, its outputs to be seen, instead of before it')
    .option('--if <condition>', "only when this holds: 'outputs.width > 4096'")
    .option('--hits <count>', "from the third time on: 3; only then: '==3'; every fifth: '%5'")
    .option('--log <message>', "write this to the log and do not stop: 'width {outputs.width}'")
    .option('--approve', 'go on only when somebody approves')
    .option('--list', 'list breakpoints')
    .option('--remove <number>', 'remove a breakpoint')
    .option('--disable <number>', 'switch one off')
    .option('--enable <number>', 'and on again')
    .addHelpText('after', examples);
  onCall<Flags>(group, async ({ args, flags, settings, io }) => {
    const which = flags.remove ?? flags.disable ?? flags.enable;
    const isSetting = args[1] !== undefined || flags.on !== undefined;
    if (!isSetting && which === undefined) {
      const lone = (['if', 'after', 'hits', 'log', 'approve'] as const).find((name) => flags[name] !== undefined);
      if (lone !== undefined) throw new UserError('usage', `--${lone} needs to know where`, { hint: 'Name a step, or say --on error, level:warn, slow, cost:5 or path:/image' });
      return await withBackend(settings, io, { runner: false }, async ({ backend }) => await list(backend, args[0], io));
    }
    if (args[0] === undefined) throw new UserError('usage', 'whose breakpoint?', { hint: 'Name the pipeline first' });
    await withBackend(settings, io, { runner: isSetting }, async ({ backend }) => {
      if (which === undefined) return await add(backend, args[0]!, args[1], flags, io);
      if (flags.remove !== undefined) return await remove(backend, args[0]!, numbered(which), io);
      await toggle(backend, args[0]!, numbered(which), flags.enable !== undefined, io);
    });
  });

  const adding = group
    .command('add')
    .description('As `break PIPELINE STEP`.')
    .argument('<pipeline>', 'key of a pipeline, or a run of it')
    .argument('<step>', '8e, a key, a name or a pattern; or `error`');
  onCall<Flags>(adding, async ({ args, flags, settings, io }) => {
    await withBackend(settings, io, { runner: true }, async ({ backend }) => await add(backend, args[0]!, args[1], flags, io));
  });

  const listing = group.command('list').description('Lists breakpoints.').argument('[pipeline]', 'only those of this pipeline');
  onCall(listing, async ({ args, settings, io }) => {
    await withBackend(settings, io, { runner: false }, async ({ backend }) => await list(backend, args[0], io));
  });

  const removing = group
    .command('rm')
    .description('Removes a breakpoint.')
    .argument('<pipeline>', 'key of a pipeline')
    .argument('<which>', 'the step it is on: 8e, a key or a name; `error`; or #2, its number in `break list`');
  onCall(removing, async ({ args, settings, io }) => {
    await withBackend(settings, io, { runner: false }, async ({ backend }) => await remove(backend, args[0]!, args[1]!, io));
  });
}

async function add(backend: Backend, reference: string, step: string | undefined, flags: BreakFlags, io: Io): Promise<void> {
  const pipeline = await pipelineOrRun(reference, backend);
  const steps = flattenSteps(pipeline.step_tree);
  const row = await backend.addBreakpoint(draftOf(pipeline, step, flags));
  if (io.json) io.out(JSON.stringify(row));
  else io.err(`Breakpoint #${row.number}: ${printable(breakpointWords(row, steps))}`);
  for (const doubt of doubtsAbout(row, steps)) io.err(`${io.paint('warn', 'warning:')} ${printable(doubt)}`);
}

async function list(backend: Backend, pipelineKey: string | undefined, io: Io): Promise<void> {
  const [rows, pipelines] = await Promise.all([backend.breakpoints(pipelineKey), backend.pipelines()]);
  if (io.json) return rows.forEach((row) => io.out(JSON.stringify(row)));
  if (rows.length === 0) return io.err(`No breakpoints. Add one with \`${io.command('break PIPELINE STEP')}\`.`);
  const cells = rows.map((row) => [row.pipeline_key, String(row.number), row.enabled ? 'yes' : 'no', describe(row, pipelines)]);
  tableLines(['PIPELINE', 'NUMBER', 'ON', 'WHERE'], cells, io).forEach((line) => io.out(line));
}

async function remove(backend: Backend, pipelineKey: string, which: string, io: Io): Promise<void> {
  const { row, words } = await find(backend, pipelineKey, which);
  await backend.removeBreakpoint(row.id);
  if (!io.json) io.err(`Removed breakpoint #${row.number}: ${words}`);
}

async function toggle(backend: Backend, pipelineKey: string, which: string, enabled: boolean, io: Io): Promise<void> {
  const { row, words } = await find(backend, pipelineKey, which);
  await backend.setBreakpoint(row.id, { enabled });
  if (io.json) io.out(JSON.stringify({ ...row, enabled }));
  else io.err(`Breakpoint #${row.number} is ${enabled ? 'on' : 'off'}: ${words}`);
}

async function find(backend: Backend, pipelineKey: string, which: string): Promise<{ readonly row: BreakpointRow; readonly words: string }> {
  const [rows, pipelines] = await Promise.all([backend.breakpoints(pipelineKey), backend.pipelines()]);
  const row = breakpointNamed(pipelineKey, which, rows, pipelines);
  return { row, words: describe(row, pipelines) };
}

function numbered(which: string): string {
  if (!/^#?\d+$/.test(which)) throw new UserError('usage', `"${which}" is not the number of a breakpoint`, { hint: 'See `break --list`' });
  return which.startsWith('#') ? which : `#${which}`;
}

/** By its number, or by where it stops. A number that is one and also a step's means the breakpoint of that step, when there is one. */
function breakpointNamed(pipelineKey: string, which: string, rows: readonly BreakpointRow[], pipelines: readonly PipelineRow[]): BreakpointRow {
  const steps = pipelines.filter((one) => one.pipeline_key === pipelineKey).flatMap((one) => flattenSteps(one.step_tree));
  const byNumber = rows.find((row) => String(row.number) === which.replace('#', ''));
  const byStep = which === 'error' ? rows.find((row) => row.kind === 'error') : atStep(which, rows, steps);
  const found = which.startsWith('#') ? byNumber : (byStep ?? byNumber);
  if (found !== undefined) return found;
  const there = rows.map((row) => `#${row.number} ${describe(row, pipelines)}`).join('; ');
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
  return printable(breakpointWords(row, flattenSteps(pipelines.find((one) => one.pipeline_key === row.pipeline_key)?.step_tree ?? [])));
}
