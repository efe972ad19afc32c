import type { CommentRow, LogBookmarkRow } from '../../protocol/debug-rows.ts';
import type { LogRow, RunRow, StepRow } from '../../protocol/rows.ts';
import type { TraceRow } from '../../protocol/trace.ts';
import { formatDuration, plural, printable } from '../format.ts';
import { logLine } from './text.ts';

/** A report is to be read: of the log it has the last lines, and of those above info the first. */
const LAST_LINES = 40;
const MOST_WARNINGS = 60;
const MOST_STEPS = 200;
const MOST_COMMENTS = 50;
const MOST_CHARACTERS = 4_000;

/** A run as a report in Markdown, to be pasted into a ticket: what failed first, then the steps, the inputs and the log. */
export async function* markdownText(rows: AsyncIterable<readonly TraceRow[]>): AsyncGenerator<string> {
  let run: RunRow | undefined;
  const steps: StepRow[] = [];
  const warnings: LogRow[] = [];
  const last: LogRow[] = [];
  const comments: CommentRow[] = [];
  const marks: LogBookmarkRow[] = [];
  let left = { warnings: 0, steps: 0, comments: 0, marks: 0 };
  for await (const some of rows) {
    for (const { table, row } of some) {
      if (table === 'test_execution_runs') run = row as RunRow;
      else if (table === 'test_execution_steps') steps.push(row as StepRow);
      else if (table === 'test_execution_logs') {
        const log = row as LogRow;
        last.push(log);
        if (last.length > LAST_LINES) last.shift();
        if (log.log_level === 'debug' || log.log_level === 'info') continue;
        if (warnings.length < MOST_WARNINGS) warnings.push(log);
        else left = { ...left, warnings: left.warnings + 1 };
      } else if (table === 'comments') {
        if (comments.length < MOST_COMMENTS) comments.push(row as CommentRow);
        else left = { ...left, comments: left.comments + 1 };
      } else if (table === 'log_bookmarks') {
        if (marks.length < MOST_COMMENTS) marks.push(row as LogBookmarkRow);
        else left = { ...left, marks: left.marks + 1 };
      }
    }
  }
  if (run === undefined) return;
  steps.sort((a, b) => a.ordinal - b.ordinal || a.attempt - b.attempt);
  left = { ...left, steps: Math.max(0, steps.length - MOST_STEPS) };

  yield `# ${inline(run.pipeline_key ?? 'Run')}: ${run.status}\n\n${facts(run)}`;
  yield failure(run, steps);
  if (steps.length > 0) yield `\n## Steps\n\n${stepTable(steps.slice(0, MOST_STEPS))}${omitted(left.steps, 'step')}`;
  if (Object.keys(run.inputs).length > 0) yield `\n## Inputs\n\n${fenced(JSON.stringify(run.inputs, null, 2), 'json')}`;
  const displays = new Map(steps.map((step) => [step.step_key, step.display]));
  const lines = (logs: readonly LogRow[]): string => fenced(logs.map((log) => logLine(log, displays)).join('\n'), 'text');
  if (warnings.length > 0) yield `\n## Warnings and errors\n\n${lines(warnings)}${omitted(left.warnings, 'line')}`;
  if (last.length > 0) yield `\n## Last lines of the log\n\n${lines(last)}`;
  if (comments.length > 0) yield `\n## Comments\n\n${comments.map(comment).join('')}${omitted(left.comments, 'comment')}`;
  marks.sort((a, b) => a.seq - b.seq);
  if (marks.length > 0) yield `\n## Marked lines\n\n${marks.map(mark).join('')}${omitted(left.marks, 'marked line')}`;
}

function facts(run: RunRow): string {
  const pairs: readonly (readonly [string, string | null])[] = [
    ['Run', run.test_run_id],
    ['Model', run.model_name],
    ['Started', run.started_at],
    ['Took', run.total_duration_ms === null ? null : formatDuration(run.total_duration_ms)],
    ['Commit', run.git_commit],
    ['Environment', run.environment],
    ['Fork of', run.parent_run_id === null ? null : `${run.parent_run_id}, from ${run.forked_from_step ?? 'its beginning'}`],
    ['Tags', run.tags.length === 0 ? null : run.tags.join(', ')],
    ['Notes', run.notes],
  ];
  return pairs.filter(([, value]) => value !== null).map(([name, value]) => `- ${name}: ${inline(value!)}\n`).join('');
}

function failure(run: RunRow, steps: readonly StepRow[]): string {
  const failed = steps.findLast((step) => step.step_key === run.failed_step) ?? steps.findLast((step) => step.status === 'failed');
  const message = failed?.error_message ?? run.error_message;
  if (message === null) return '';
  const stack = failed?.error_stack ?? run.error_stack;
  const where = failed === undefined ? '' : ` in ${inline(failed.display)} ${inline(failed.step_name)}`;
  return `\n## What failed${where}\n\n${fenced(message, 'text')}${stack === null || stack === undefined ? '' : `\n${fenced(stack, 'text')}`}`;
}

function stepTable(steps: readonly StepRow[]): string {
  const rows = steps.map((step) => {
    const attempt = step.attempt > 1 ? ` (attempt ${step.attempt})` : '';
    const took = step.duration_ms === null ? '' : formatDuration(step.duration_ms);
    return `| ${cell(step.display)} | ${cell(step.step_name)}${attempt} | ${step.status} | ${took} |\n`;
  });
  return `| Step | Name | Status | Took |\n| --- | --- | --- | --- |\n${rows.join('')}`;
}

function comment({ author_name, created_at, body }: CommentRow): string {
  const quoted = shortened(printable(body, { multiline: true })).replaceAll('\n', '\n> ');
  return `> ${quoted}\n>\n> — ${inline(author_name ?? 'somebody')}, ${created_at}\n\n`;
}

const mark = ({ seq, note, author_name }: LogBookmarkRow): string => `- line ${seq}${note === '' ? '' : `: ${inline(note)}`} (${inline(author_name ?? 'somebody')})\n`;

const omitted = (count: number, noun: string): string => (count === 0 ? '' : `\n… and ${plural(count, noun)} more.\n`);

/** A block that nothing in the text can end: its fence is longer than any run of backticks in it. */
function fenced(text: string, language: string): string {
  const inside = shortened(printable(text, { multiline: true }));
  const longest = Math.max(2, ...[...inside.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${inside}\n${fence}\n`;
}

const shortened = (text: string): string =>
  text.length <= MOST_CHARACTERS * 4 ? text : `${text.slice(0, MOST_CHARACTERS * 4).toWellFormed()}\n… ${plural(text.length - MOST_CHARACTERS * 4, 'character')} more`;

/** Text within a line: nothing of it is markup. */
function inline(text: string): string {
  const line = printable(text);
  return (line.length <= MOST_CHARACTERS ? line : `${line.slice(0, MOST_CHARACTERS).toWellFormed()}…`).replaceAll(/[\\`*_[\]<>#|~!&]/g, '\\$&');
}

const cell = (text: string): string => inline(text);
