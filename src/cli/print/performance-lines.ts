import { formatBytes, formatDuration, plural, printable, shortId } from '../../core/format.ts';
import { judgementWords } from '../../core/performance/noise.ts';
import type { PipelineHistory, RunProfile, StepTrend } from '../../core/performance/performance.ts';
import type { Regression } from '../../core/performance/trends.ts';
import type { TimeJudgement } from '../../protocol/comparison.ts';
import type { RunRow } from '../../protocol/rows.ts';
import type { Io } from '../io.ts';
import { tableLines } from './table.ts';

const NAME_WIDTH = 26;

/** Where the time of one run went, and what in it is slower than usual. `overall` judges the whole run. */
export function profileLines(run: RunRow, profile: RunProfile, overall: TimeJudgement | undefined, regressions: readonly Regression[], io: Io): readonly string[] {
  const { totalMs, queuedMs, heldMs, providerMs } = profile;
  const facts = [
    totalMs === null ? 'not started' : `ran ${formatDuration(totalMs)}`,
    providerMs === null || totalMs === null ? '' : `${formatDuration(providerMs)} of it waiting for answers`,
    queuedMs === null || queuedMs < 1 ? '' : `${formatDuration(queuedMs)} queued`,
    heldMs === 0 ? '' : `${formatDuration(heldMs)} held`,
  ].filter(Boolean);
  const steps = profile.steps.map((step) => [
    step.isCritical ? '*' : '',
    step.display,
    clip(`${'  '.repeat(step.depth)}${step.name}${step.attempts > 1 ? ` (${step.attempts} attempts)` : ''}`, NAME_WIDTH),
    formatDuration(step.durationMs),
    formatDuration(step.selfMs),
    step.providerMs === null || step.providerMs === 0 ? '' : formatDuration(step.providerMs),
    step.cpuMs === null ? '' : formatDuration(step.cpuMs),
    step.memoryBytes === null ? '' : formatBytes(step.memoryBytes),
  ]);
  return [
    `${io.paint('strong', `Run ${shortId(run.test_run_id)}`)}${run.pipeline_key === null ? '' : ` of ${printable(run.pipeline_key)}`}`,
    facts.join(', '),
    ...(overall === undefined ? [] : [io.paint(overall.verdict === 'slower' ? 'warn' : 'muted', `As a whole ${judgementWords(overall)}.`)]),
    ...regressionLines(regressions, io),
    '',
    ...tableLines(['', 'STEP', 'NAME', 'TIME', 'SELF', 'WAITED', 'CPU', 'MEMORY'], steps, io),
    '',
    io.paint('muted', '* decided when the run ended. SELF: without sub-steps. WAITED: for answers.'),
  ];
}

function regressionLines(regressions: readonly Regression[], io: Io): readonly string[] {
  const steps = regressions.filter(({ stepKey }) => stepKey !== null);
  if (steps.length === 0) return [];
  return ['', ...steps.map(({ display, name, judgement }) => `  ${display.padStart(3)} ${clip(printable(name), NAME_WIDTH).padEnd(NAME_WIDTH)} ${formatDuration(judgement.ms).padStart(8)}  ${io.paint('warn', judgementWords(judgement))}`)];
}

/** How long a pipeline and its steps take, over runs: what costs most first, and where that changed. */
export function trendLines(history: PipelineHistory, trends: readonly StepTrend[], io: Io): readonly string[] {
  const [whole] = trends;
  const runs = whole?.series.length ?? 0;
  const rows = trends.map(({ display, name, p50, p95, selfP50, latest, stepKey }) => [
    display, clip(name, NAME_WIDTH), formatDuration(p50), formatDuration(p95), stepKey === null ? '' : formatDuration(selfP50), formatDuration(latest.ms),
    latest.verdict === 'slower' || latest.verdict === 'faster' ? `${latest.verdict}${latest.ratio === null ? '' : ` ${latest.ratio.toFixed(1)}x`}` : '',
  ]);
  const cut = history.isCut ? '; there are more, see --runs' : '';
  return [
    `${io.paint('strong', printable(history.pipelineKey))}: ${plural(runs, 'completed run')} of the newest ${history.runs.length}${cut}`,
    ...changeLines(trends, io),
    ...(runs === 0 ? [] : ['', ...tableLines(['STEP', 'NAME', 'P50', 'P95', 'SELF', 'NEWEST', ''], rows, io)]),
  ];
}

function changeLines(trends: readonly StepTrend[], io: Io): readonly string[] {
  const found = trends.flatMap(({ display, name, stepKey, series, changes }) =>
    changes.map(({ index, beforeMs, afterMs, ratio }) => {
      const { runId, startedAt, gitCommit } = series[index]!;
      const since = [gitCommit === null ? '' : `commit ${gitCommit.slice(0, 10)}`, `run ${shortId(runId)}`, startedAt.slice(0, 16).replace('T', ' ')].filter(Boolean).join(', ');
      const what = stepKey === null ? 'the whole run' : `${display} ${printable(name)}`;
      return [
        `  ${what}: ${formatDuration(beforeMs)} ${io.glyphs.arrow} ${io.paint(ratio > 1 ? 'warn' : 'good', formatDuration(afterMs))}`,
        io.paint('muted', `      since ${since}`),
      ];
    }),
  );
  return found.length === 0 ? [] : ['', io.paint('strong', 'Changed for good'), ...found.flat()];
}

function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 2).toWellFormed()}..`;
}
