import type { CommentRow, LogBookmarkRow } from '../../protocol/debug-rows.ts';
import type { JsonObject } from '../../protocol/json.ts';
import { limits } from '../../protocol/limits.ts';
import type { LogRow, RunRow, StepRow } from '../../protocol/rows.ts';
import { formatDuration, plural } from '../format.ts';
import { createMasker } from '../mask.ts';
import type { Masker } from '../mask.ts';
import { maskRow } from '../trace/mask-row.ts';
import { html, ownMarkup } from './html.ts';
import type { Html } from './html.ts';
import { logLines } from './log-lines.ts';
import { pageScript, pageStyle } from './page-parts.ts';
import { stepItem } from './step-item.ts';
import { shortText, valueBlock } from './value-block.ts';
import type { SharedValues } from './value-block.ts';

/** What a page is made of. States and log are read when their turn comes. */
export interface SharedRun {
  readonly run: RunRow;
  /** In their order. */
  readonly steps: readonly StepRow[];
  readonly comments: readonly CommentRow[];
  /** Marked lines of the log. */
  readonly bookmarks: readonly LogBookmarkRow[];
  readonly values: (step: StepRow) => Promise<SharedValues | undefined>;
  readonly logs: () => AsyncIterable<LogRow>;
}

export interface PageOptions {
  /** SHA-256 in base64. */
  readonly sha256: (text: string) => string;
  /** ISO 8601. */
  readonly sharedAt: string;
  readonly version: string;
}

/**
 * A run as one page of HTML for people who have nothing of ours: it asks no network for anything, and its policy lets only
 * its own style and script apply. Everything of the run is text in it, and is masked once more. Without scripts
 * everything can be read; with them the log has a filter. Larger than {@link limits.sharedPageBytes} it does not become: what is
 * left out is said in it.
 */
export async function* sharedPage(source: SharedRun, options: PageOptions): AsyncGenerator<string> {
  const masker = createMasker();
  const masked = <Row>(row: Row): Row => maskRow(row as JsonObject, masker) as Row;
  const run = masked(source.run);
  const steps = source.steps.map(masked);
  const comments = source.comments.map(masked);
  // Half of the page is for the steps, so that the log always has its place.
  const room = { left: limits.sharedPageBytes / 2, omitted: 0 };

  yield head(run, options).markup;
  yield facts(run).markup;
  yield failure(run, steps).markup;
  yield html`${section('comments', 'Comments', comments.filter((one) => one.step_key === null && one.log_id === null).map(commentBox))}`.markup;

  if (steps.length > 0) yield html`<h2 id="steps">Steps</h2>\n<ol class="steps">\n`.markup;
  const span = spanOf(run, steps);
  for (const step of steps) {
    const said = comments.filter((one) => one.step_key === step.step_key && one.log_id === null && isLatest(step, steps));
    if (room.left <= 0) {
      room.omitted += 1;
      if (room.left > -limits.sharedPageBytes / 8) yield spent(stepItem({ step, span, said: said.map(commentBox), values: 'left out' }), room);
      continue;
    }
    yield spent(stepItem({ step, span, said: said.map(commentBox), values: maskedValues(await source.values(step), masker) }), room);
  }
  if (steps.length > 0) yield '</ol>\n';

  if (Object.keys(run.inputs).length > 0) yield html`<h2>Inputs of the run</h2>\n${valueBlock(run.inputs)}`.markup;
  const saidOf = Map.groupBy(comments.filter((one) => one.log_id !== null), (one) => one.log_id!);
  const markOf = Map.groupBy(source.bookmarks.map(masked), (one) => one.log_id);
  const displays = new Map(steps.map((step) => [step.step_key, step.display]));
  const log = logLines({
    rows: source.logs(),
    masked,
    room: limits.sharedPageBytes / 2 + Math.max(0, room.left),
    displays,
    startedAt: Date.parse(run.started_at ?? run.created_at),
    said: (id) => [...(markOf.get(id) ?? []).map(bookmarkBox), ...(saidOf.get(id) ?? []).map(commentBox)],
  });
  const omittedLines = yield* log;
  yield foot(options, { values: room.omitted, lines: omittedLines }).markup;
}

function head(run: RunRow, { sha256 }: PageOptions): Html {
  const policy = `default-src 'none'; style-src 'sha256-${sha256(pageStyle)}'; script-src 'sha256-${sha256(pageScript)}'; base-uri 'none'; form-action 'none'`;
  const name = run.bookmark_name ?? run.pipeline_key ?? 'Run';
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${ownMarkup(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${name}: ${run.status}</title>
<style>${ownMarkup(pageStyle)}</style>
</head>
<body>
<h1>${name} <span class="status ${run.status}">${run.status}</span></h1>
`;
}

function facts(run: RunRow): Html {
  const pairs: readonly (readonly [string, string | null])[] = [
    ['Run', run.test_run_id],
    ['Pipeline', run.pipeline_key === null ? null : `${run.pipeline_key} ${run.pipeline_version ?? ''}`.trim()],
    ['Model', run.model_name],
    ['Started', run.started_at],
    ['Took', run.total_duration_ms === null ? null : formatDuration(run.total_duration_ms)],
    ['Commit', run.git_commit],
    ['Environment', run.environment],
    ['Fork of', run.parent_run_id === null ? null : `${run.parent_run_id}, from ${run.forked_from_step ?? 'its beginning'}`],
    ['Held', run.status === 'paused' ? [run.pause_reason, run.paused_by && `by ${run.paused_by}`].filter(Boolean).join(', ') : null],
    ['Tags', run.tags.length === 0 ? null : run.tags.join(', ')],
    ['Notes', run.notes],
  ];
  return html`<dl>\n${pairs.filter(([, value]) => value !== null && value !== '').map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>\n`)}</dl>\n`;
}

/** What failed stands first: it is why somebody shares a run. */
function failure(run: RunRow, steps: readonly StepRow[]): Html {
  const failed = steps.findLast((step) => step.step_key === run.failed_step) ?? steps.findLast((step) => step.status === 'failed');
  const message = failed?.error_message ?? run.error_message;
  if (message === null || message === undefined) return html``;
  const stack = failed?.error_stack ?? run.error_stack;
  const where = failed === undefined ? '' : ` in ${failed.display} ${failed.step_name}`;
  return html`<h2 id="failure">What failed${where}</h2>\n<div class="box">\n<pre>${shortText(message)}</pre>\n${stack !== null && stack !== undefined && html`<details><summary>Stack</summary><pre>${shortText(stack)}</pre></details>\n`}</div>\n`;
}

function commentBox({ author_name, created_at, body, path, resolved }: CommentRow): Html {
  return html`<div class="said"><p>${body}</p><p class="soft">${author_name ?? 'somebody'}, ${created_at}${path !== null && `, at ${path}`}${resolved && ', settled'}</p></div>\n`;
}

function bookmarkBox({ note, author_name, updated_at }: LogBookmarkRow): Html {
  return html`<div class="said"><p>${note === '' ? 'Marked.' : note}</p><p class="soft">marked by ${author_name ?? 'somebody'}, ${updated_at}</p></div>\n`;
}

function section(id: string, title: string, parts: readonly Html[]): Html {
  return parts.length === 0 ? html`` : html`<h2 id="${id}">${title}</h2>\n${parts}`;
}

function foot({ version, sharedAt }: PageOptions, omitted: { readonly values: number; readonly lines: number }): Html {
  const missing = [
    omitted.values === 0 ? undefined : `the values of ${plural(omitted.values, 'step')}`,
    omitted.lines === 0 ? undefined : `${plural(omitted.lines, 'line')} of the log`,
  ].filter((one) => one !== undefined);
  return html`<footer>
${missing.length > 0 && html`<p id="left-out"><strong>Left out, for the size of this page: ${missing.join(' and ')}.</strong> An export of the run has all of it.</p>\n`}<p>Made by stepscope ${version} on ${sharedAt}. Secrets are masked. This page needs no network.</p>
</footer>
<script>${ownMarkup(pageScript)}</script>
</body>
</html>
`;
}

function maskedValues(values: SharedValues | undefined, masker: Masker): SharedValues | undefined {
  if (values === undefined) return undefined;
  const masked = (value: JsonObject | null): JsonObject | null => (value === null ? null : (masker.marked(value) as JsonObject));
  return { inputs: masked(values.inputs), outputs: masked(values.outputs), stateBefore: masked(values.stateBefore), stateAfter: masked(values.stateAfter) };
}

function spanOf(run: RunRow, steps: readonly StepRow[]): { readonly fromMs: number; readonly toMs: number } | undefined {
  const starts = steps.map((step) => Date.parse(step.started_at ?? '')).filter((ms) => !Number.isNaN(ms));
  const ends = steps.map((step) => Date.parse(step.completed_at ?? step.started_at ?? '')).filter((ms) => !Number.isNaN(ms));
  if (starts.length === 0) return undefined;
  const fromMs = starts.reduce((least, ms) => Math.min(least, ms), Date.parse(run.started_at ?? '') || Infinity);
  const toMs = ends.reduce((most, ms) => Math.max(most, ms), fromMs);
  return toMs > fromMs ? { fromMs, toMs } : undefined;
}

function isLatest(step: StepRow, steps: readonly StepRow[]): boolean {
  return !steps.some((other) => other.step_key === step.step_key && other.attempt > step.attempt);
}

/** Markup, with its length taken from what may be spent. */
function spent({ markup }: Html, room: { left: number }): string {
  room.left -= markup.length;
  return markup;
}
