import { Option } from 'commander';
import type { Command } from 'commander';
import { elapsedMs } from '../../core/run-state.ts';
import { familyLines, familyTrees } from '../../core/family.ts';
import { parseRunFilter } from '../../core/run-filter.ts';
import { formatDuration, formatRelative, plural } from '../../core/format.ts';
import { UserError } from '../../protocol/error.ts';
import { limits } from '../../protocol/limits.ts';
import type { RunRow } from '../../protocol/rows.ts';
import { RunStatus } from '../../protocol/vocabulary.ts';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';
import type { Io } from '../io.ts';
import { assertRole } from '../role.ts';
import { tableLines } from '../print/table.ts';

interface Flags {
  readonly status?: RunStatus;
  readonly pipeline?: string;
  readonly tag?: string;
  readonly bookmarked?: boolean;
  readonly search?: string;
  readonly limit: string;
  readonly tree?: boolean;
}

export function addRunsCommand(program: Command): void {
  const command = program
    .command('runs')
    .summary('Lists runs, newest first; a filter chooses.')
    .description(
      'Lists runs, newest first. A filter chooses among them, as: status=failed model=flux* tag=nightly since=2d duration>30s cost>5 step=8e ' +
        'error~timeout bookmarked words. All must hold; a ! in front turns one round. Quote it for the shell.',
    )
    .argument('[filter...]', 'which runs')
    .addOption(new Option('--status <status>', 'only runs that are').choices(RunStatus.options))
    .option('--pipeline <key>', 'only runs of this pipeline')
    .option('--tag <tag>', 'only runs with this tag')
    .option('--bookmarked', 'only bookmarked runs')
    .option('--search <words>', 'words in name, error, notes or bookmark')
    .option('--tree', 'show forks under the runs they were made from')
    .option('-n, --limit <count>', 'how many', '20');
  onCall<Flags>(command, async ({ rest, flags, settings, io }) => {
    const limit = Number(flags.limit);
    if (!Number.isInteger(limit) || limit < 1) throw new UserError('usage', `--limit: "${flags.limit}" is not a count`);
    const filter = parseRunFilter([...rest, ...asTerms(flags)].join(' '), Date.now());
    const { runs, found } = await withBackend(settings, io, { runner: false }, async ({ backend }) => {
      const found = await backend.searchRuns(filter, { limit });
      if (found.runs.length === 0) await assertRole(backend);
      return { found, runs: flags.tree === true ? await backend.families(found.runs.map((run) => run.test_run_id)) : found.runs };
    });
    if (found.after !== undefined && found.runs.length < limit) {
      io.err(`Looked at the newest ${plural(found.searched, 'run')} only. A filter by status, time or pipeline looks further back.`);
    }
    if (flags.tree === true && !io.json && runs.length > 0) return treeLines(runs, io).forEach((line) => io.out(line));
    if (io.json) runs.forEach((run) => io.out(JSON.stringify(run)));
    else if (runs.length === 0 && filter.terms.length > 0) io.err('No run passes the filter.');
    else if (runs.length === 0) io.err(`No runs. Start one with \`${io.command('run generate-content')}\`.`);
    else tableLines(['RUN', 'STATUS', 'PIPELINE', 'MODEL', 'STEPS', 'TIME', 'STARTED', 'MARKS'], runs.map((run) => cells(run, Date.now())), io).forEach((line) => io.out(line));
  });
}

/** The options of old as terms of a filter. */
function asTerms({ status, pipeline, tag, bookmarked, search }: Flags): readonly string[] {
  const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
  return [
    ...(status === undefined ? [] : [`status=${status}`]),
    ...(pipeline === undefined ? [] : [`pipeline=${quoted(pipeline)}`]),
    ...(tag === undefined ? [] : [`tag=${quoted(tag)}`]),
    ...(bookmarked === true ? ['bookmarked'] : []),
    ...(search ?? '').split(/\s+/).filter(Boolean).map(quoted),
  ];
}

/** Forks under their parents, families by their newest run. */
function treeLines(runs: readonly RunRow[], io: Io): readonly string[] {
  const lines = familyLines(familyTrees(runs)).map(({ run, more }): readonly string[] => {
    const [id = '', ...rest] = cells(run, Date.now());
    const branch = more.map((isMore, depth) => (depth === more.length - 1 ? (isMore ? '├─ ' : '└─ ') : isMore ? '│  ' : '   ')).join('');
    const marks = run.parent_run_id === null ? (rest.at(-1) ?? '') : `from ${run.forked_from_step}${run.fork_patch?.length ? `, ${plural(run.fork_patch.length, 'edit')}` : ''}`;
    return [`${io.glyphs.ascii ? branch.replaceAll('│', '|').replaceAll(/[├└]─/g, '+-') : branch}${id}`, ...rest.slice(0, -1), marks];
  });
  const notice = runs.length === limits.familyRuns ? [`Only ${limits.familyRuns} runs of these families are shown.`] : [];
  return [...tableLines(['RUN', 'STATUS', 'PIPELINE', 'MODEL', 'STEPS', 'TIME', 'STARTED', 'FORK'], lines, io), ...notice];
}

function cells(run: RunRow, nowMs: number): readonly string[] {
  const ms = elapsedMs(run, nowMs);
  return [
    run.test_run_id,
    run.status,
    run.pipeline_key ?? '–',
    run.model_name ?? '–',
    `${run.completed_steps}/${run.total_steps}`,
    ms === undefined ? '–' : formatDuration(ms),
    formatRelative(Date.parse(run.started_at ?? run.created_at), nowMs),
    [run.bookmarked ? (run.bookmark_name ?? 'bookmarked') : '', ...run.tags.map((tag) => `#${tag}`), run.parent_run_id === null ? '' : `fork of ${run.parent_run_id} at ${run.forked_from_step}`].filter(Boolean).join(' '),
  ];
}
