import type { Command } from 'commander';
import { whyRefused } from '../../core/command-rules.ts';
import { resolveStep, flattenSteps } from '../../core/step-reference.ts';
import { UserError } from '../../protocol/error.ts';
import type { CommandPayload, CommandVerb, RunRow } from '../../protocol/rows.ts';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';
import { standing, untilStopped } from '../standing.ts';

interface Control<Flags> {
  readonly verb: CommandVerb;
  /** A step, as people wrote it, that goes with the verb. */
  readonly step?: string | undefined;
  readonly flags?: Flags;
}

/** `pause`, `resume`, `step` and `cancel`: each inserts a command and waits for the run's word on it. */
export function addControlCommands(program: Command): void {
  const pause = program.command('pause').description('Holds a run before its next step.').option('--before <step>', 'before this step instead: 8e, a key or a name');
  addControl<{ before?: string }>(pause, (flags) => ({ verb: 'pause', step: flags.before }));

  const resume = program.command('resume').description('Lets a held run go on.').option('--to <step>', 'and holds it again before this step');
  addControl<{ to?: string }>(resume, (flags) => (flags.to === undefined ? { verb: 'continue' } : { verb: 'runTo', step: flags.to }));

  const step = program
    .command('step')
    .description('Runs one step of a held run, sub-steps included.')
    .option('--in', 'stop at its first sub-step')
    .option('--out', 'run to the end of the step that surrounds it');
  addControl<{ in?: boolean; out?: boolean }>(step, (flags) => {
    if (flags.in && flags.out) throw new UserError('usage', '--in and --out exclude each other');
    return { verb: flags.in ? 'stepIn' : flags.out ? 'stepOut' : 'next' };
  });

  addControl(program.command('cancel').description('Ends a run now; the step in flight is aborted.'), () => ({ verb: 'cancel' }));
}

function addControl<Flags>(command: Command, read: (flags: Flags) => Control<Flags>): void {
  command.argument('[run]', 'id, its last characters, or "last"', 'last');
  onCall<Flags>(command, async ({ args, flags, settings, io }) => {
    const { verb, step } = read(flags);
    await withBackend(settings, io, { runner: false }, async ({ backend }) => {
      const run = await backend.run(args[0]!);
      // What the run's rows say already needs no round trip through its holder.
      const refused = whyRefused(verb, {}, { run, held: null, steps: [] });
      if (refused !== undefined && verb !== 'runTo') throw new UserError('failed', `cannot ${command.name()}: ${refused}`);
      const settled = await backend.settled(await backend.command(run.test_run_id, verb, payloadOf(run, step)));
      if (settled.state !== 'done') {
        if (io.json) io.out(JSON.stringify(settled));
        throw new UserError('failed', `cannot ${command.name()}: ${settled.reason ?? settled.state}`);
      }
      const now = await untilStopped(backend, run, patienceMs[verb] ?? 0);
      if (io.json) io.out(JSON.stringify({ ...settled, run: { status: now.status, step: now.current_step, reason: now.pause_reason } }));
      else io.err(`${done[verb] ?? verb} ${run.test_run_id}: ${standing(now)}`);
    });
  });
}

/** How long to wait for the place where the run stops next, in milliseconds; a step may take longer, and then the run is at work there. */
const patienceMs: Partial<Record<CommandVerb, number>> = { next: 10_000, stepIn: 10_000, stepOut: 10_000, pause: 10_000, cancel: 10_000, continue: 2_000, runTo: 5_000 };

const done: Partial<Record<CommandVerb, string>> = {
  pause: 'Pausing',
  continue: 'Resumed',
  runTo: 'Resumed',
  next: 'Stepped',
  stepIn: 'Stepped',
  stepOut: 'Stepped',
  cancel: 'Cancelled',
};

function payloadOf(run: RunRow, step: string | undefined): CommandPayload {
  return step === undefined ? {} : { step: resolveStep(step, flattenSteps(run.step_tree ?? [])).key };
}
