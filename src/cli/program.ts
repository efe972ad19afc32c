import { Command, CommanderError } from 'commander';
import { didYouMean } from '../core/closest.ts';
import { printable } from '../core/format.ts';
import { errorCodes, UserError } from '../protocol/error.ts';
import { addApproveCommands } from './commands/approve.ts';
import { addAttachCommand } from './commands/attach.ts';
import { addBackendCommand } from './commands/backend.ts';
import { addBookmarkCommand } from './commands/bookmark.ts';
import { addBreakCommand } from './commands/break.ts';
import { addCommentCommand } from './commands/comment.ts';
import { addCompareCommand } from './commands/compare.ts';
import { addCompletionCommand } from './commands/completion.ts';
import { addConfigCommand } from './commands/config.ts';
import { addControlCommands } from './commands/control.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addExportCommand } from './commands/export.ts';
import { addForkCommand } from './commands/fork.ts';
import { addImportCommand } from './commands/import.ts';
import { addKeysCommand } from './commands/keys.ts';
import { addLoginCommands } from './commands/login.ts';
import { addMigrateCommand } from './commands/migrate.ts';
import { addOpenCommand } from './commands/open.ts';
import { addPerfCommand } from './commands/perf.ts';
import { addPipelinesCommand } from './commands/pipelines.ts';
import { addTestCommands } from './commands/promote.ts';
import { addReplayCommand } from './commands/replay.ts';
import { addRunCommand } from './commands/run.ts';
import { addRunnerCommand } from './commands/runner.ts';
import { addRunsCommand } from './commands/runs.ts';
import { addServeCommand } from './commands/serve.ts';
import { addSessionCommand } from './commands/session.ts';
import { addShareCommand } from './commands/share.ts';
import { addShowCommand } from './commands/show.ts';
import { addStatusCommand } from './commands/status.ts';
import { addTailCommand } from './commands/tail.ts';
import { addUserCommand } from './commands/user.ts';
import { addWatchCommand } from './commands/watch.ts';
import { openProgram } from './commands/terminal.ts';
import { Ended } from './failure.ts';
import type { GlobalFlags } from './settings.ts';
import { version } from './version.ts';

const afterHelp = `
Without a command: opens the terminal, or, where there is none, runs the bundled pipeline in plain text.

Exit status: 0 done, 1 what was asked for failed, 2 wrong usage, 3 no backend or not allowed, 70 a bug.
Secrets are never written on a command line: give them as env:NAME, @file, or - for standard input.`;

/** Runs one command line. Throws `UserError`s, and {@link Ended} when everything has been said. */
export async function runProgram(args: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync(args, { from: 'user' });
  } catch (error) {
    // Commander has printed its message, or the help that was asked for.
    if (error instanceof CommanderError) throw new Ended(error.exitCode === 0 ? 0 : errorCodes.usage.exit);
    throw error;
  }
}

/** Every command with its help. What a command needs to work is loaded when it runs. */
export function createProgram(): Command {
  const program = new Command('stepscope')
    .description('A step debugger for AI-model pipelines that lives in the terminal.')
    .version(version, '-V, --version')
    .option('--data-dir <dir>', 'where the local backend keeps its data (STEPSCOPE_DATA_DIR)')
    .option('--url <url>', 'use the backend at this address instead of the local one (STEPSCOPE_URL)')
    .option('--key <ref>', 'its key, as env:NAME, @file or - (STEPSCOPE_KEY)')
    .option('--profile <name>', 'use the backend of this profile; see `login` (STEPSCOPE_PROFILE)')
    .option('--read-only', 'change nothing, whatever is asked for (STEPSCOPE_READ_ONLY)')
    .option('--theme <name>', 'dark, light, high-contrast, color-safe, mono or one of your own (STEPSCOPE_THEME)')
    .option('--key-preset <name>', 'keys as in vim, less, lnav or k9s (STEPSCOPE_KEY_PRESET)')
    .option('--ascii', 'draw with ASCII only (STEPSCOPE_ASCII)')
    .option('--low-bandwidth', 'two frames a second, and nothing that only moves (STEPSCOPE_LOW_BANDWIDTH)')
    .option('--screen-reader', 'lines of words instead of a screen (STEPSCOPE_SCREEN_READER)')
    .option('--json', 'print NDJSON')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .addHelpText('after', afterHelp)
    // It echoes what was typed, which may have been pasted.
    .configureOutput({ writeErr: (text) => void process.stderr.write(printable(text, { multiline: true })) })
    .exitOverride();

  addRunCommand(program);
  addPipelinesCommand(program);
  addRunsCommand(program);
  addShowCommand(program);
  addTailCommand(program);
  addControlCommands(program);
  addApproveCommands(program);
  addBreakCommand(program);
  addWatchCommand(program);
  addForkCommand(program);
  addCompareCommand(program);
  addPerfCommand(program);
  addReplayCommand(program);
  addTestCommands(program);
  addBookmarkCommand(program);
  addExportCommand(program);
  addShareCommand(program);
  addCommentCommand(program);
  addSessionCommand(program);
  addImportCommand(program);
  addOpenCommand(program);
  addServeCommand(program);
  addKeysCommand(program);
  addRunnerCommand(program);
  addAttachCommand(program);
  addLoginCommands(program);
  addStatusCommand(program);
  addMigrateCommand(program);
  addUserCommand(program);
  addDoctorCommand(program);
  addConfigCommand(program);
  addCompletionCommand(program);
  addBackendCommand(program);

  program
    .command('terminal', { isDefault: true, hidden: true })
    .argument('[words...]')
    .action(async (words: readonly string[], _flags: unknown, command: Command) => {
      const unknown = words[0];
      if (unknown !== undefined) throw unknownCommand(unknown, program);
      await openProgram(command.optsWithGlobals<GlobalFlags>());
    });
  nameOwnHelp(program, []);
  return program;
}

/** After a wrong call stands the help of the command that was called. */
function nameOwnHelp(command: Command, names: readonly string[]): void {
  command.showHelpAfterError(`See \`${['stepscope', ...names, '--help'].join(' ')}\`.`);
  for (const sub of command.commands) nameOwnHelp(sub, sub.name() === 'terminal' ? names : [...names, sub.name()]);
}

function unknownCommand(name: string, program: Command): UserError {
  const names = program.createHelp().visibleCommands(program).map((command) => command.name());
  return new UserError('usage', `no command "${name}"`, { hint: didYouMean(name, names) ?? `The commands are ${names.join(', ')}.` });
}
