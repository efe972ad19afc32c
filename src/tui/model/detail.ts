import { plural } from '../../core/format.ts';
import { diffJson } from '../../core/json-diff.ts';
import type { StepSnapshot } from '../../client/backend.ts';
import type { Json, JsonObject } from '../../protocol/json.ts';
import type { StepStatus } from '../../protocol/vocabulary.ts';
import { jsonRows, type JsonRow } from '../json/tree.ts';
import { diffLines, jsonLine } from '../json/lines.ts';
import { line, span, wrap, type Line, type Span } from '../output/line.ts';
import type { Detail, LoadedSnapshot, OpenRun, State } from '../state.ts';
import { sourceRows } from './source.ts';
import { executedBefore, selectedStep, type Step } from './steps.ts';
import { timingLines } from './timing.ts';
import { watchesOf, watchLines } from './watches.ts';

/** A row of the detail pane, and what it is of. */
export interface ContentRow {
  readonly line: Line;
  /** JSON Pointer of the value the row shows. */
  readonly path?: string | undefined;
  readonly json?: JsonRow | undefined;
  /** A change begins here. */
  readonly change?: boolean | undefined;
}

export interface Content {
  readonly rows: readonly ContentRow[];
  /** What to say in the title of the pane. */
  readonly summary: string;
}

/** By what a snapshot is kept under. */
export function snapshotKey(stepKey: string, attempt: number): string {
  return `${stepKey}#${attempt}`;
}

/**
 * The step that the detail pane is about: the selected one. One that is held has changed nothing yet; there the
 * changes are those of the step before it.
 */
export function detailStep(run: OpenRun): Step | undefined {
  const step = selectedStep(run);
  return step?.status === 'held' && run.detail.tab === 'diff' ? (executedBefore(run.view, step) ?? step) : step;
}

export function loadedSnapshot(run: OpenRun, step: Step | undefined = selectedStep(run)): LoadedSnapshot | undefined {
  const row = step?.row;
  const loaded = row ? run.snapshots[snapshotKey(row.step_key, row.attempt)] : undefined;
  return loaded && run.playback && (row!.status === 'running' || row!.status === 'held') ? withoutOutcome(loaded) : loaded;
}

const cut = new WeakMap<LoadedSnapshot, LoadedSnapshot>();

/** A snapshot as it was before the step had ended. */
function withoutOutcome(loaded: LoadedSnapshot): LoadedSnapshot {
  const known = cut.get(loaded);
  if (known) return known;
  const next = { ...loaded, snapshot: loaded.snapshot && { ...loaded.snapshot, outputs: null, stateAfter: null } };
  cut.set(loaded, next);
  return next;
}

/** Is what is shown older than the step: an answer, or the row of an edit that was sent, is still to come? */
export function isBehind(loaded: LoadedSnapshot): boolean {
  return loaded.reading || (loaded.editedAfter !== undefined && loaded.seq <= loaded.editedAfter);
}

let last: { readonly key: readonly unknown[]; readonly content: Content } | undefined;

/** The rows of the detail pane. The last answer is kept: a frame and a key press ask for the same. */
export function contentOf(state: State, run: OpenRun, columns: number): Content {
  const step = detailStep(run);
  const loaded = loadedSnapshot(run, step);
  const { detail } = run;
  const moving = detail.tab === 'timing' ? state.now : 0;
  const key = [step, run.selected, loaded, detail.tab, detail.toggled, detail.allFolded, detail.wraps, columns, run.drafts, run.view.run, state.glyphs, state.lists.watches, run.comments, moving];
  if (last && last.key.every((part, index) => part === key[index])) return last.content;
  const content = withComments(state, run, step, columns, withWatches(state, run, step, loaded, columns, makeContent(state, run, step, loaded, columns)));
  last = { key, content };
  return content;
}

/** What people say about the step stands above everything else of it. */
function withComments(state: State, run: OpenRun, step: Step | undefined, columns: number, content: Content): Content {
  const said = run.comments.filter((one) => !one.resolved && step !== undefined && one.step_key === step.key);
  if (said.length === 0 || run.detail.tab === 'source') return content;
  const rows = said.flatMap(({ author_name, body }): ContentRow[] => {
    const who = `${state.glyphs.comment} ${(author_name ?? 'somebody').split('@', 1)[0]}: `;
    return body.split('\n').flatMap((text, index) => wrap(`${index === 0 ? who : '  '}${text}`, columns)).map((text) => ({ line: line(text, 'accent') }));
  });
  return { ...content, rows: [...rows, ...content.rows] };
}

/** What is watched stands above what a stop is looked at for: its inputs, outputs and state. */
function withWatches(state: State, run: OpenRun, step: Step | undefined, loaded: LoadedSnapshot | undefined, columns: number, content: Content): Content {
  const watches = watchesOf(state, run.view.run?.pipeline_key ?? null);
  if (watches.length === 0 || !loaded?.snapshot || ['source', 'timing', 'error'].includes(run.detail.tab)) return content;
  const rows = watchLines(watches, loaded.snapshot, step?.row, run.view.run, columns).flat().map((one): ContentRow => ({ line: one }));
  return { ...content, rows: [...rows, ...content.rows] };
}

function makeContent(state: State, run: OpenRun, step: Step | undefined, loaded: LoadedSnapshot | undefined, columns: number): Content {
  const { detail } = run;
  const say = (text: string, summary = ''): Content => ({ rows: wrap(text, columns).map((one) => ({ line: line(one, 'muted') })), summary });
  if (!step) return say('No step is selected.');
  if (detail.tab === 'error') return errorContent(run, step, columns);
  if (!step.row) return say(`Step ${step.display} has not been reached. ${step.definition?.description ?? ''}`);
  if (detail.tab === 'timing') return { rows: timingLines(step, state).map((one) => ({ line: one })), summary: '' };
  if (!loaded || loaded.state === 'loading') return say('Reading…');
  if (loaded.state === 'failed') return say(`Could not be read: ${loaded.problem ?? 'no reason was given'}. Select the step again to retry.`);
  const snapshot = loaded.snapshot;
  if (!snapshot) return say('Nothing was recorded for this step.');

  switch (detail.tab) {
    case 'inputs': {
      const draft = run.drafts[step.key];
      const tree = treeContent(draft ?? snapshot.inputs, detail, state, columns, 'The step takes no inputs.');
      return draft ? { ...tree, summary: 'DRAFT, not run yet: r reruns with it' } : { ...tree, summary: snapshot.isEdited ? 'EDITED' : '' };
    }
    case 'outputs':
      return treeContent(snapshot.outputs, detail, state, columns, noOutputs[step.status] ?? 'The step returned nothing.');
    case 'state':
      return snapshot.stateAfter
        ? { ...treeContent(snapshot.stateAfter, detail, state, columns, ''), summary: 'after the step' }
        : { ...treeContent(snapshot.stateBefore, detail, state, columns, 'No state was recorded.'), summary: 'before the step' };
    case 'diff':
      return withHeading(diffContent(snapshot, state, columns, step), step, selectedStep(run));
    case 'source':
      return sourceRows(loaded, columns, detail.wraps, state.glyphs);
  }
}

/** Why there are no outputs, where the step did not simply return none. */
const noOutputs: Readonly<Partial<Record<StepStatus, string>>> = {
  running: 'The step has not ended.',
  held: 'The step has not run.',
  failed: 'The step failed before it returned anything; see 9 error.',
  cancelled: 'The step was cancelled before it returned anything.',
  skipped: 'The step was skipped.',
};

function treeContent(value: JsonObject | null, detail: Detail, state: State, columns: number, nothing: string): Content {
  if (value === null || Object.keys(value).length === 0) return { rows: [{ line: line(nothing || '{}', 'muted') }], summary: '' };
  const rows = jsonRows(value as Json, detail).flatMap((json): ContentRow[] =>
    jsonLine(json, state.glyphs, detail.wraps ? columns : undefined).map((one) => ({ line: one, path: json.path, json })),
  );
  return { rows, summary: '' };
}

function diffContent(snapshot: StepSnapshot, state: State, columns: number, step: Step): Content {
  if (snapshot.stateBefore === null) return { rows: [{ line: line('No state was recorded for this step.', 'muted') }], summary: '' };
  if (snapshot.stateAfter === null) {
    const why = step.status === 'held' ? 'The run is held before this step: it has changed nothing yet.' : step.status === 'running' ? 'The step has not ended.' : 'The step ended without leaving a state.';
    return { rows: wrap(why, columns).map((one) => ({ line: line(one, 'muted') })), summary: '' };
  }
  const differences = diffJson(snapshot.stateBefore, snapshot.stateAfter);
  if (differences.length === 0) return { rows: [{ line: line('The step did not change the state.', 'muted') }], summary: 'no changes' };
  const rows = differences.flatMap((one) => diffLines(one, columns, state.glyphs).map((row, index): ContentRow => ({ line: row, path: one.path, change: index === 0 })));
  return { rows, summary: plural(differences.length, 'change') };
}

/** Says whose changes these are, where they are not those of the selected step. */
function withHeading(content: Content, shown: Step, selected: Step | undefined): Content {
  if (!selected || selected.key === shown.key) return content;
  return { ...content, rows: [{ line: line(`${selected.display} is held; this is what ${shown.display} changed.`, 'held') }, ...content.rows] };
}

function errorContent(run: OpenRun, step: Step, columns: number): Content {
  const message = step.row?.error_message ?? (run.view.run?.failed_step === step.key ? run.view.run.error_message : null);
  const stack = step.row?.error_stack ?? (run.view.run?.failed_step === step.key ? run.view.run.error_stack : null);
  if (!message) {
    const elsewhere = run.view.run?.error_message;
    const text = elsewhere ? `Step ${step.display} has no error. The run failed with: ${elsewhere}` : `Step ${step.display} has no error.`;
    return { rows: wrap(text, columns).map((one) => ({ line: line(one, 'muted') })), summary: '' };
  }
  const rows: Line[] = wrap(message, columns).map((one) => [span(one, 'error', { bold: true })]);
  if (stack) {
    // The first line of a stack usually repeats the message.
    const frames = stack.split('\n').filter((one) => !message.includes(one.trim().replace(/^\w*Error: /, '')) || /^\s+at /.test(one));
    rows.push([], ...frames.flatMap((one) => wrap(one, columns)).map((one) => stackLine(one)));
  }
  return { rows: rows.map((one) => ({ line: one })), summary: '' };
}

/** Our own frames stand out from those of Node and of packages. */
function stackLine(text: string): Line {
  const own = /^\s+at /.test(text) && !/node:|node_modules/.test(text);
  const spans: Span[] = [span(text, own ? 'text' : 'muted')];
  return spans;
}
