import type { Command } from 'commander';
import { UserError } from '../../protocol/error.ts';
import { needBackend } from '../backend/find-backend.ts';
import { onCall } from '../call.ts';
import { openTerminal } from './terminal.ts';

export function addAttachCommand(program: Command): void {
  const command = program
    .command('attach')
    .summary('Opens the terminal on a backend that runs.')
    .description('Opens the terminal on a backend that runs: the local one, or with --url and --key one elsewhere.')
    .argument('[run]', 'open this run at once');
  onCall(command, async ({ args, flags, settings }) => {
    if (!process.stdin.isTTY || !process.stdout.isTTY) {
      throw new UserError('usage', 'attach needs a terminal', { hint: 'Without one, `stepscope tail -f` follows a run.' });
    }
    if (settings.remote === undefined) await needBackend(settings.dataDir, '`stepscope` alone starts one.');
    await openTerminal(settings, flags, args[0]);
  });
}
