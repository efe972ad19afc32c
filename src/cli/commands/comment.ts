import type { Command } from 'commander';
import { printable } from '../../core/format.ts';
import { UserError } from '../../protocol/error.ts';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';
import { commentLines } from '../print/comment-lines.ts';
import { stepNamed } from './show.ts';

interface Flags {
  readonly step?: string;
  readonly log?: string;
  readonly path?: string;
  readonly resolve?: string;
  readonly reopen?: string;
}

/** What people say about a run, a step of it, a line of its log or a place in its state. */
export function addCommentCommand(program: Command): void {
  const command = program
    .command('comment')
    .summary('Says something about a run, or shows what was said.')
    .description('Says something about a run, or a step or a line of its log, signed with your name. Without a text it shows what was said.')
    .argument('[run]', 'id, its last characters, or "last"', 'last')
    .argument('[text...]', 'what to say')
    .option('-s, --step <step>', 'about this step: 8e, a key or a name')
    .option('--log <id>', 'about this line of the log, by its id')
    .option('--path <pointer>', 'about this place in the state after the step: /image/width')
    .option('--resolve <id>', 'settle a comment, by its id or the end of it')
    .option('--reopen <id>', 'take that back');
  onCall<Flags>(command, async ({ args, rest, flags, settings, io }) => {
    await withBackend(settings, io, { runner: false }, async ({ backend }) => {
      const run = await backend.run(args[0]!);
      const runId = run.test_run_id;
      const body = rest.join(' ');
      const settled = flags.resolve ?? flags.reopen;
      if (settled !== undefined) {
        const found = (await backend.comments(runId)).filter(({ id }) => settled.length >= 4 && id.endsWith(settled));
        if (found.length !== 1) throw new UserError('not-found', `no one comment "${settled}" in this run`, { hint: `List them with \`${io.command(`comment ${runId}`)}\`` });
        const comment = await backend.resolveComment(found[0]!.id, flags.reopen === undefined);
        return io.json ? io.out(JSON.stringify(comment)) : io.out(comment.resolved ? 'Settled.' : 'Open again.');
      }
      const steps = await backend.steps(runId);
      if (body.trim() === '') {
        if (flags.step !== undefined || flags.log !== undefined || flags.path !== undefined) throw new UserError('usage', 'nothing was said', { hint: 'Write the comment behind the run' });
        const comments = await backend.comments(runId);
        if (io.json) return comments.forEach((comment) => io.out(JSON.stringify(comment)));
        if (comments.length === 0) return io.err('Nobody has said anything about this run.');
        return commentLines(comments, run, steps, io).forEach((line) => io.out(line));
      }
      if (flags.path !== undefined && flags.step === undefined) throw new UserError('usage', '--path needs --step', { hint: 'The state is that after a step' });
      const stepKey = flags.step === undefined ? undefined : stepNamed(flags.step, run, steps).key;
      const comment = await backend.addComment({ runId, stepKey, logId: flags.log, path: flags.path, body });
      if (io.json) io.out(JSON.stringify(comment));
      else io.out(`Said as ${printable(comment.author_name ?? 'nobody')}.`);
    });
  });
}
