import type { Json } from '../../protocol/json.ts';
import type { StepRow } from '../../protocol/rows.ts';
import { formatDuration, plural } from '../format.ts';
import { diffJson } from '../json-diff.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { shortText, valueBlock } from './value-block.ts';
import type { SharedValues } from './value-block.ts';

/** Of one step at most this many changes of the state are shown, each cut at this length. */
const MOST_CHANGES = 300;
const CHANGE_LENGTH = 2_000;
/** Width of the timeline in its own units; a bar is never thinner than one can see. */
const TIMELINE = 1_000;
const THINNEST = 4;

/** A step of a shared page: a line with its place in time, and what went in and came out when it is unfolded. */
export function stepItem({
  step,
  span,
  said,
  values,
}: {
  readonly step: StepRow;
  /** From the first step's beginning to the last one's end. */
  readonly span: { readonly fromMs: number; readonly toMs: number } | undefined;
  readonly said: readonly Html[];
  readonly values: SharedValues | undefined | 'left out';
}): Html {
  const attempt = step.attempt > 1 ? ` (attempt ${step.attempt})` : '';
  const took = step.duration_ms === null ? '' : formatDuration(step.duration_ms);
  const marks = said.length === 0 ? '' : ` · ${plural(said.length, 'comment')}`;
  return html`<li class="${step.parent_step_key === null ? 'main' : 'sub'}">${step.status === 'failed' ? html`<details open>` : html`<details>`}<summary><span class="soft">${step.display}</span><span>${step.step_name}${attempt}<span class="soft">${marks}</span></span><span class="soft took">${took}</span><span class="status ${step.status}">${step.status}</span>${bar(step, span)}</summary>
<div class="within">
${step.description !== null && html`<p class="soft">${step.description}</p>\n`}${said}${step.error_message !== null && html`<div class="box"><pre>${shortText(step.error_message)}</pre>${step.error_stack !== null && html`<details><summary>Stack</summary><pre>${shortText(step.error_stack)}</pre></details>`}</div>\n`}${valuesOf(values)}</div>
</details></li>
`;
}

function valuesOf(values: SharedValues | undefined | 'left out'): Html {
  if (values === 'left out') return html`<p class="soft">Inputs, outputs and state are left out, for the size of this page.</p>\n`;
  if (values === undefined) return html`<p class="soft">Nothing was recorded of its inputs, outputs and state.</p>\n`;
  const { inputs, outputs, stateBefore, stateAfter } = values;
  return html`${inputs !== null && html`<h3>Inputs</h3>\n${valueBlock(inputs)}`}${outputs !== null && html`<h3>Outputs</h3>\n${valueBlock(outputs)}`}${stateBefore !== null && stateAfter !== null && html`<h3>State</h3>\n${changes(stateBefore, stateAfter)}`}`;
}

function changes(before: Json, after: Json): Html {
  const found = diffJson(before, after);
  if (found.length === 0) return html`<p class="soft">It did not change.</p>\n`;
  const lines = found.slice(0, MOST_CHANGES).map(({ kind, path, before: old, after: now }) => {
    const removed = kind !== 'added' && html`<span class="removed">- ${path} ${shortText(JSON.stringify(old) ?? '', CHANGE_LENGTH)}</span>\n`;
    const added = kind !== 'removed' && html`<span class="added">+ ${path} ${shortText(JSON.stringify(now) ?? '', CHANGE_LENGTH)}</span>\n`;
    return html`${removed}${added}`;
  });
  const more = found.length - MOST_CHANGES;
  return html`<pre>${lines}</pre>\n${more > 0 && html`<p class="soft">${plural(more, 'more change')} left out.</p>\n`}`;
}

function bar(step: StepRow, span: { readonly fromMs: number; readonly toMs: number } | undefined): Html {
  const from = Date.parse(step.started_at ?? '');
  if (span === undefined || Number.isNaN(from)) return html``;
  const to = Date.parse(step.completed_at ?? '');
  const at = (ms: number): number => Math.min(TIMELINE, Math.max(0, Math.round(((ms - span.fromMs) / (span.toMs - span.fromMs)) * TIMELINE)));
  const width = Math.max(THINNEST, at(Number.isNaN(to) ? span.toMs : to) - at(from));
  return html`<svg class="${step.status}" viewBox="0 0 ${TIMELINE} 10" preserveAspectRatio="none" aria-hidden="true"><rect x="${Math.min(at(from), TIMELINE - THINNEST)}" width="${width}" height="10"/></svg>`;
}
