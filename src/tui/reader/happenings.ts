import { formatDuration, plural, shortId } from '../../core/format.ts';
import { isHeldAfter } from '../../core/hold-reason.ts';
import { elapsedMs, stepElapsedMs } from '../../core/run-state.ts';
import type { StepRow } from '../../protocol/rows.ts';
import { holdWords } from '../model/breakpoints.ts';
import { rowAt } from '../model/log.ts';
import { progressOf } from '../model/steps.ts';
import type { OpenRun, State } from '../state.ts';

/** Lines of the log that are said at once; of more, the newest. */
const MAX_LINES = 20;

/** What has happened in the open run between two states, as sentences in the order of events. */
export function happenings(before: State | undefined, after: State): readonly string[] {
  const was = before?.open;
  const run = after.open;
  if (!run?.view.run || run.playback) return [];
  // What was there already when the run was opened is summed up, not told anew.
  if (was?.runId !== run.runId || was.view.run === undefined || was.playback) return run.link.state === 'live' ? [summary(run)] : [];
  if (was.link.state !== 'live') return [...linkWords(was, run), ...(run.link.state === 'live' ? [summary(run)] : [])];
  return [...linkWords(was, run), ...pendingWords(was, run), ...inOrder([...stepWords(was, run, after.now), ...lineWords(was, run)]), ...runWords(was, run, after.now)];
}

/** Something that happened, with its place in the run. */
interface Happening {
  readonly seq: number;
  readonly text: string;
}

function inOrder(all: readonly Happening[]): readonly string[] {
  return all.toSorted((a, b) => a.seq - b.seq).map((one) => one.text);
}

function summary(run: OpenRun): string {
  const { pipeline_key: pipeline, test_run_id: id, status, error_message: error } = run.view.run!;
  const { done, total } = progressOf(run.view);
  return `Run ${shortId(id)} of ${pipeline ?? 'a traced program'}: ${status}, ${done} of ${plural(total, 'step')} done, ${plural(run.log.matchCount, 'log line')}.${heldWords(run)}${error === null ? '' : ` ${error}`}`;
}

function heldWords(run: OpenRun): string {
  const { status, pause_reason: reason, current_step: key } = run.view.run!;
  if (status !== 'paused') return '';
  const step = run.view.index.steps.values().find((row) => row.step_key === key);
  const where = step === undefined ? '' : ` ${isHeldAfter(run.view.run!) ? 'after' : 'before'} ${nameOf(step)}`;
  const words = holdWords(reason);
  return ` Held${where}${words === '' ? '' : `: ${words}`}.`;
}

function linkWords(was: OpenRun, run: OpenRun): readonly string[] {
  if (was.link.state === run.link.state) return [];
  if (run.link.state === 'lost') return ['The link is lost. What is said is as of now, until it is back.'];
  return was.link.state === 'lost' && run.link.state === 'live' ? ['The link is back.'] : [];
}

/** What a person has asked of the run, until it answers. */
function pendingWords(was: OpenRun, run: OpenRun): readonly string[] {
  return run.pending.filter((one) => !was.pending.some((other) => other.verb === one.verb && other.step === one.step)).map((one) => `Asked the run: ${one.verb}.`);
}

const nameOf = (step: StepRow): string => `step ${step.display} ${step.step_name}`;

function stepWords(was: OpenRun, run: OpenRun, now: number): readonly Happening[] {
  if (was.view === run.view) return [];
  return [...run.view.index.steps.values()]
    .filter((step) => was.view.index.steps.get(step.id)?.status !== step.status)
    .map((step) => ({ seq: step.seq, text: stepSentence(step, now) }))
    .filter((one): one is Happening => one.text !== undefined);
}

function stepSentence(step: StepRow, now: number): string | undefined {
  const name = nameOf(step).replace(/^s/, 'S');
  const attempt = step.attempt > 1 ? `, attempt ${step.attempt},` : '';
  const took = stepElapsedMs(step, now);
  const after = took === undefined ? '' : ` after ${formatDuration(took)}`;
  switch (step.status) {
    case 'pending':
      return undefined;
    case 'running':
      return `${name}${attempt} begins.`;
    case 'held':
      return `${name}${attempt} is held.`;
    case 'completed':
      return `${name}${attempt} ends${after}.`;
    case 'failed':
      return `${name}${attempt} fails${after}: ${step.error_message ?? 'no message'}`;
    case 'skipped':
    case 'reused':
    case 'cancelled':
      return `${name}${attempt} is ${step.status}.`;
  }
}

/** New lines that pass the filter, while the log is followed. */
function lineWords(was: OpenRun, run: OpenRun): readonly Happening[] {
  const { log } = run;
  const narrowed = was.log.filterText !== log.filterText || was.log.leastLevel !== log.leastLevel || was.log.onlyStep !== log.onlyStep || was.log.filtersOff !== log.filtersOff;
  if (narrowed) return [{ seq: 0, text: `${plural(log.matchCount, 'line')} of the log pass the filter.` }];
  if (!log.follows || log.matchCount <= was.log.matchCount) return [];
  const first = Math.max(was.log.matchCount, log.matchCount - MAX_LINES);
  const rows = Array.from({ length: log.matchCount - first }, (_, index) => rowAt(run, first + index)).filter((row) => row !== undefined);
  const left = first - was.log.matchCount;
  return [...(left > 0 ? [{ seq: 0, text: `${plural(left, 'line')} of the log before these.` }] : []), ...rows.map((row) => ({ seq: row.seq, text: `${row.log_level}: ${row.message}` }))];
}

function runWords(was: OpenRun, run: OpenRun, now: number): readonly string[] {
  const row = run.view.run!;
  if (was.view.run!.status === row.status && was.view.run!.current_step === row.current_step) return [];
  const took = elapsedMs(row, now);
  const after = took === undefined ? '' : ` after ${formatDuration(took)}`;
  switch (row.status) {
    case 'pending':
      return [];
    case 'running':
      return was.view.run!.status === 'running' ? [] : ['The run goes on.'];
    case 'paused':
      return [`The run is paused.${heldWords(run)}`];
    case 'completed':
      return [`The run is completed${after}.`];
    case 'failed':
      return [`The run has failed${after}: ${row.error_message ?? 'no message'}`];
    case 'cancelled':
    case 'interrupted':
      return [`The run was ${row.status}${after}.`];
  }
}
