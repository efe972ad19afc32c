import type { Command } from 'commander';
import { printable } from '../../core/format.ts';
import { UserError } from '../../protocol/error.ts';
import { withBackend } from '../backend/with-backend.ts';
import { collect, onCall } from '../call.ts';

interface Flags {
  readonly name?: string;
  readonly tag?: readonly string[];
  readonly untag?: readonly string[];
  readonly note?: string;
  readonly remove?: boolean;
}

/** Marks by which a run is found again: `runs bookmarked`, `runs tag=nightly`. */
export function addBookmarkCommand(program: Command): void {
  const command = program
    .command('bookmark')
    .summary('Marks a run with a bookmark, tags or a note.')
    .description('Bookmarks a run, with a name, tags and a note. What is not given stays as it is. `runs bookmarked` and `runs tag=NAME` find it again.')
    .argument('[run]', 'id, its last characters, or "last"', 'last')
    .option('--name <name>', 'what the bookmark is called')
    .option('--tag <tag>', 'add a tag; may be repeated', collect)
    .option('--untag <tag>', 'take a tag away; may be repeated', collect)
    .option('--note <text>', 'a note, in place of the one that is there; "" for none')
    .option('--remove', 'take the bookmark away; tags and note stay');
  onCall<Flags>(command, async ({ args, flags, settings, io }) => {
    if (flags.remove === true && flags.name !== undefined) throw new UserError('usage', '--remove and --name contradict each other');
    const run = await withBackend(settings, io, { runner: false }, async ({ backend }) => {
      const { test_run_id: id, tags } = await backend.run(args[0]!);
      const kept = tags.filter((tag) => !flags.untag?.includes(tag));
      return await backend.annotate(id, {
        bookmarked: flags.remove !== true,
        ...(flags.remove === true ? { bookmarkName: null } : flags.name === undefined ? {} : { bookmarkName: flags.name }),
        ...(flags.tag === undefined && flags.untag === undefined ? {} : { tags: [...new Set([...kept, ...(flags.tag ?? [])])] }),
        ...(flags.note === undefined ? {} : { notes: flags.note === '' ? null : flags.note }),
      });
    });
    if (io.json) return io.out(JSON.stringify(run));
    const marks = [run.bookmark_name, ...run.tags.map((tag) => `#${tag}`), run.notes].filter((one) => one !== null);
    io.out(`${run.bookmarked ? 'Bookmarked' : 'Not bookmarked any more:'} ${run.test_run_id}${marks.length === 0 ? '' : `: ${printable(marks.join(' '))}`}`);
  });
}
