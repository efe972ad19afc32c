import { basename } from 'node:path';
import type { Command } from 'commander';
import { UserError } from '../../protocol/error.ts';
import { onCall } from '../call.ts';
import { terminalSettings } from '../settings.ts';

/** A recording in a file, in the same terminal as a run: no backend is needed, and no code is executed. */
export function addOpenCommand(program: Command): void {
  const command = program
    .command('open')
    .summary('Opens a recording in a file, without any backend.')
    .description('Opens a recording in a file: the same screens and keys as for a run, without any backend. `,` and `.` go back and forth in it.')
    .argument('<file>', 'a trace, as `export` writes it, or a log with one JSON object a line; also packed with gzip');
  onCall(
    command,
    async ({ args, settings }) => {
      if (!process.stdin.isTTY || !process.stdout.isTTY) {
        throw new UserError('usage', 'open needs a terminal', { hint: 'Without one, `stepscope import` stores a recording, and `stepscope show` prints it.' });
      }
      const [{ openToLookAt }, { traceBackend }, { startTui }] = await Promise.all([import('../open-recording.ts'), import('../../client/trace-backend.ts'), import('../../tui/start-tui.ts')]);
      // Before the screen is taken: what is wrong with a file is said where it stays.
      const { reader, stream } = await openToLookAt(args[0]!);
      const name = basename(args[0]!);
      await startTui({ connect: () => Promise.resolve(traceBackend(reader, name, stream)), settings: terminalSettings(settings), initialRun: 'last', recording: name });
    },
    { withoutBackend: true },
  );
}
