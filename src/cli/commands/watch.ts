import type { Command } from 'commander';
import { printable } from '../../core/format.ts';
import { UserError } from '../../protocol/error.ts';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';
import { tableLines } from '../print/table.ts';
import { pipelineOrRun } from './run.ts';

/** Watches: expressions of a pipeline that are shown at every stop of its runs, and along their steps with `show --watch`. */
export function addWatchCommand(program: Command): void {
  const command = program
    .command('watch')
    .summary('Watches: expressions that are shown at every stop of a run.')
    .description('Adds an expression that is shown at every stop of a pipeline\'s runs, or lists them. `show RUN --watch` prints its value at every step.')
    .argument('[pipeline]', 'key of a pipeline, or a run of it')
    .argument('[expression]', "as 'size(state.images)' or 'outputs.width'")
    .option('--remove <number>', 'remove a watch');
  onCall<{ remove?: string }>(command, async ({ args, flags, settings, io }) => {
    const [reference, expression] = args;
    await withBackend(settings, io, { runner: expression !== undefined }, async ({ backend }) => {
      const key = reference === undefined ? undefined : (await pipelineOrRun(reference, backend)).pipeline_key;
      if (flags.remove !== undefined) {
        const watch = (await backend.watches(key)).find((one) => String(one.number) === flags.remove!.replace('#', ''));
        if (key === undefined) throw new UserError('usage', 'whose watch?', { hint: 'Name the pipeline first' });
        if (watch === undefined) throw new UserError('not-found', `${key} has no watch ${flags.remove}`, { hint: 'See `watch`' });
        await backend.removeWatch(watch.id);
        if (!io.json) io.err(`Removed watch #${watch.number}: ${printable(watch.expression)}`);
      } else if (key !== undefined && expression !== undefined) {
        const watch = await backend.addWatch(key, expression);
        if (io.json) io.out(JSON.stringify(watch));
        else io.err(`Watch #${watch.number}: ${printable(watch.expression)}`);
      } else {
        const rows = await backend.watches(key);
        if (io.json) rows.forEach((row) => io.out(JSON.stringify(row)));
        else if (rows.length === 0) io.err(`No watches. Add one with \`${io.command("watch PIPELINE 'outputs.width'")}\`.`);
        else tableLines(['PIPELINE', 'NUMBER', 'EXPRESSION'], rows.map((row) => [row.pipeline_key, String(row.number), row.expression]), io).forEach((line) => io.out(line));
      }
    });
  });
}
