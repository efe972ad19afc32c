import { processIo, surviveClosedPipes } from './io.ts';
import { reportFailure } from './failure.ts';

/**
 * The program: runs what the arguments say, and ends the process with the status for it. Whatever still
 * holds the process then (supabase-js leaves a timer of ten seconds behind) is nobody's work.
 */
export async function main(args: readonly string[]): Promise<never> {
  surviveClosedPipes();
  try {
    if (args.length === 0) {
      // The most usual call, and the one whose first frame somebody waits for: nothing to parse.
      const { openProgram } = await import('./commands/terminal.ts');
      await openProgram({});
    } else {
      const { runProgram } = await import('./program.ts');
      await runProgram(args);
    }
  } catch (error) {
    process.exitCode = reportFailure(error, processIo({}));
  }
  await Promise.all([written(process.stdout), written(process.stderr)]);
  process.exit();
}

/** Resolves when everything given to a stream has left it, or nobody takes it any more. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableLength === 0) resolve();
    else stream.once('close', resolve).write('', () => resolve());
  });
}
