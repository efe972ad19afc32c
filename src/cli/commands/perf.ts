import type { Command } from 'commander';
import type { Backend } from '../../client/backend.ts';
import { historyUpTo } from '../../client/earlier-runs.ts';
import { judgeTime } from '../../core/performance/noise.ts';
import { profileRun } from '../../core/performance/profile-run.ts';
import { findRegressions, historyWithout, runDurations, trendsOf } from '../../core/performance/trends.ts';
import { UserError } from '../../protocol/error.ts';
import { limits } from '../../protocol/limits.ts';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';
import type { Io } from '../io.ts';
import { profileLines, trendLines } from '../print/performance-lines.ts';

interface Flags {
  readonly runs: string;
  readonly since?: string;
}

export function addPerfCommand(program: Command): void {
  const command = program
    .command('perf')
    .summary('Where the time goes: in a run, or over the runs of a pipeline.')
    .description(
      'Of a run: the time of each step, by itself and with its sub-steps, CPU, memory, waiting for answers of the provider and others, which steps decided when it ended, and what is slower ' +
        'than in earlier runs. Of a pipeline: p50 and p95 of each step over its newest runs, and where times changed for good, with the commit.',
    )
    .argument('[what]', 'a run: id, its last characters, or "last"; or the key of a pipeline', 'last')
    .option('-n, --runs <count>', `how many runs of the pipeline to look at, at most ${limits.historyRuns}`, '50')
    .option('--since <when>', 'only runs made since: 2026-11-01, or 12h or 7d ago');
  onCall<Flags>(command, async ({ args, flags, settings, io }) => {
    const limit = Number(flags.runs);
    if (!Number.isInteger(limit) || limit < 1 || limit > limits.historyRuns) throw new UserError('usage', `--runs: "${flags.runs}" is not a count from 1 to ${limits.historyRuns}`);
    const options = { limit, since: flags.since === undefined ? undefined : readSince(flags.since, Date.now()) };
    await withBackend(settings, io, { runner: false }, async ({ backend }) => {
      const isPipeline = await isPipelineKey(backend, args[0]!);
      await (isPipeline ? showPipeline(backend, args[0]!, options, io) : showRun(backend, args[0]!, options, io));
    });
  });
}

interface HistoryFlags {
  readonly limit: number;
  readonly since: string | undefined;
}

const unitMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

/** A date, or a time ago, as ISO 8601. */
function readSince(text: string, nowMs: number): string {
  const [, count, unit] = /^(\d{1,6})([mhdw])$/.exec(text) ?? [];
  const time = count === undefined ? Date.parse(text) : nowMs - Number(count) * unitMs[unit!]!;
  if (Number.isNaN(time)) throw new UserError('usage', `--since: "${text}" is not a time`, { hint: 'Give a date like 2026-11-01, or a time ago like 30m, 12h or 7d' });
  return new Date(time).toISOString();
}

/** Runs of a pipeline stay when no runner has it any more. */
async function isPipelineKey(backend: Backend, word: string): Promise<boolean> {
  if (word === 'last') return false;
  return (await backend.runs({ pipeline: word, limit: 1 })).length > 0 || (await backend.pipelines()).some((pipeline) => pipeline.pipeline_key === word);
}

async function showPipeline(backend: Backend, pipelineKey: string, options: HistoryFlags, io: Io): Promise<void> {
  const history = await backend.stepHistory(pipelineKey, options);
  const trends = trendsOf(history);
  if (io.json) trends.forEach((trend) => io.out(JSON.stringify(trend)));
  else if (trends.length === 0) io.err(`No completed run of ${pipelineKey}${options.since === undefined ? '' : ' since then'}. Start one with \`stepscope run ${pipelineKey}\`.`);
  else trendLines(history, trends, io).forEach((line) => io.out(line));
}

async function showRun(backend: Backend, reference: string, options: HistoryFlags, io: Io): Promise<void> {
  const run = await backend.run(reference);
  const [steps, waits, history] = await Promise.all([
    backend.steps(run.test_run_id),
    backend.waits(run.test_run_id),
    historyUpTo(backend, [run], options),
  ]);
  const profile = profileRun(run, steps, waits);
  const baseline = history?.runs.filter((one) => one.status === 'completed' && one.runId !== run.test_run_id) ?? [];
  const regressions = findRegressions([runDurations(run, steps)], baseline);
  const earlier = history === undefined ? undefined : historyWithout(history, [run.test_run_id]);
  const overall = earlier === undefined || profile.totalMs === null ? undefined : judgeTime(profile.totalMs, earlier.runs);
  if (io.json) io.out(JSON.stringify({ ...profile, overall: overall ?? null, regressions }));
  else profileLines(run, profile, overall, regressions, io).forEach((line) => io.out(line));
}
