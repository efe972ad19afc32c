import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { plural } from '../../core/format.ts';
import { UserError } from '../../protocol/error.ts';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';

export function addExportCommand(program: Command): void {
  const command = program
    .command('export')
    .summary('Writes a run as one JSON document, masked.')
    .description('Writes a run with its steps, states and log as one JSON document, masked.')
    .argument('[run]', 'id, its last characters, or "last"', 'last')
    .option('-o, --output <file>', 'write it here instead of to standard output');
  onCall<{ output?: string }>(command, async ({ args, flags, settings, io }) => {
    const trace = await withBackend(settings, io, { runner: false }, async ({ backend }) => {
      const run = await backend.run(args[0]!);
      return await backend.trace(run.test_run_id);
    });
    const text = JSON.stringify(trace);
    if (flags.output === undefined) {
      io.out(text);
      return;
    }
    try {
      writeFileSync(flags.output, `${text}\n`, { mode: 0o600 });
    } catch (error) {
      throw new UserError('usage', `cannot write ${flags.output}: ${(error as Error).message}`, { cause: error });
    }
    io.err(`Wrote ${flags.output}: ${plural(trace.steps.length, 'step')}, ${plural(trace.logs.length, 'line')} of log.`);
  });
}
