import type { Command } from 'commander';
import { printable } from '../../core/format.ts';
import { UserError } from '../../protocol/error.ts';
import { withBackend } from '../backend/with-backend.ts';
import { collect, onCall } from '../call.ts';
import type { Io } from '../io.ts';
import type { Settings } from '../settings.ts';

interface Flags {
  readonly name?: string;
  readonly tag?: readonly string[];
  readonly untag?: readonly string[];
  readonly note?: string;
  readonly remove?: boolean;
  readonly line?: string;
}

/** Marks by which a run is found again: `runs bookmarked`, `runs tag=nightly`. */
export function addBookmarkCommand(program: Command): void {
  const command = program
    .command('bookmark')
    .summary('Marks a run, or a line of its log, with a bookmark, tags or a note.')
    .description('Bookmarks a run, with a name, tags and a note. What is not given stays as it is. `runs bookmarked` and `runs tag=NAME` find it again. With --line it is a line of the log that is marked.')
    .argument('[run]', 'id, its last characters, or "last"', 'last')
    .option('--name <name>', 'what the bookmark is called')
    .option('--tag <tag>', 'add a tag; may be repeated', collect)
    .option('--untag <tag>', 'take a tag away; may be repeated', collect)
    .option('--note <text>', 'a note, in place of the one that is there; "" for none')
    .option('--line <number>', 'the line of the log with this number: seq in `tail --json`, #1200 in the terminal')
    .option('--remove', 'take the bookmark away; tags and note of a run stay');
  onCall<Flags>(command, async ({ args, flags, settings, io }) => {
    if (flags.remove === true && flags.name !== undefined) throw new UserError('usage', '--remove and --name contradict each other');
    if (flags.line !== undefined) return await markLine(args[0]!, flags, settings, io);
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

/** The same for a line of the log. */
async function markLine(reference: string, flags: Flags, settings: Settings, io: Io): Promise<void> {
  if (flags.name !== undefined || flags.tag !== undefined || flags.untag !== undefined) throw new UserError('usage', 'a line has a note, but neither a name nor tags');
  if (flags.remove === true && flags.note !== undefined) throw new UserError('usage', '--remove and --note contradict each other');
  const seq = /^#?\d{1,15}$/.test(flags.line!) ? Number(flags.line!.replace('#', '')) : NaN;
  if (Number.isNaN(seq)) throw new UserError('usage', `--line: "${flags.line}" is not the number of a line`);
  await withBackend(settings, io, { runner: false }, async ({ backend }) => {
    const { test_run_id: runId } = await backend.run(reference);
    if (flags.remove === true) {
      if (!(await backend.unmarkLine(runId, seq))) throw new UserError('not-found', `line ${seq} is not marked`, { hint: `\`${io.command(`show ${runId}`)}\` lists those that are` });
      return io.json ? io.out(JSON.stringify({ seq, removed: true })) : io.out(`Line ${seq} is not marked any more.`);
    }
    const mark = await backend.markLine(runId, seq, flags.note);
    if (io.json) io.out(JSON.stringify(mark));
    else io.out(`Marked line ${seq}${mark.note === '' ? '' : `: ${printable(mark.note)}`}`);
  });
}
