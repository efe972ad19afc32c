import { Option } from 'commander';
import type { Command } from 'commander';
import { elapsedMs } from '../../core/run-state.ts';
import { formatDuration, formatRelative } from '../../core/format.ts';
import { UserError } from '../../protocol/error.ts';
import type { RunRow } from '../../protocol/rows.ts';
import { RunStatus } from '../../protocol/vocabulary.ts';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';
import { tableLines } from '../print/table.ts';

interface Flags {
  readonly status?: RunStatus;
  readonly pipeline?: string;
  readonly tag?: string;
  readonly bookmarked?: boolean;
  readonly search?: string;
  readonly limit: string;
}

export function addRunsCommand(program: Command): void {
  const command = program
    .command('runs')
    .description('Lists runs, newest first.')
    .addOption(new Option('--status <status>', 'only runs that are').choices(RunStatus.options))
    .option('--pipeline <key>', 'only runs of this pipeline')
    .option('--tag <tag>', 'only runs with this tag')
    .option('--bookmarked', 'only bookmarked runs')
    .option('--search <words>', 'words in name, error, notes or bookmark')
    .option('-n, --limit <count>', 'how many', '20');
  onCall<Flags>(command, async ({ flags, settings, io }) => {
    const limit = Number(flags.limit);
    if (!Number.isInteger(limit) || limit < 1) throw new UserError('usage', `--limit: "${flags.limit}" is not a count`);
    const { status, pipeline, tag, bookmarked, search } = flags;
    const runs = await withBackend(settings, io, { runner: false }, ({ backend }) => backend.runs({ status, pipeline, tag, bookmarked, search, limit }));
    if (io.json) runs.forEach((run) => io.out(JSON.stringify(run)));
    else if (runs.length === 0) io.err('No runs. Start one with `stepscope run generate-content`.');
    else tableLines(['RUN', 'STATUS', 'PIPELINE', 'MODEL', 'STEPS', 'TIME', 'STARTED', 'MARKS'], runs.map((run) => cells(run, Date.now())), io).forEach((line) => io.out(line));
  });
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
