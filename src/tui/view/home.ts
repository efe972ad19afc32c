import { formatDuration, formatRelative, formatClock, plural, shortId } from '../../core/format.ts';
import { isHeldAfter } from '../../core/hold-reason.ts';
import { elapsedMs, isFinal } from '../../core/run-state.ts';
import { flattenSteps } from '../../core/step-reference.ts';
import type { PipelineRow, RunRow } from '../../protocol/rows.ts';
import { homeRows, scrolled } from '../layout.ts';
import { heldFor, holdWords } from '../model/breakpoints.ts';
import { pipelineToStart, selectedRun, shownRuns } from '../model/runs.ts';
import { fit, line, lineText, span, wrap, type Line } from '../output/line.ts';
import type { State } from '../state.ts';
import { bar } from './bar.ts';

interface Column {
  readonly title: string;
  readonly cells: number;
  readonly right?: boolean;
  readonly text: (run: RunRow) => string;
}

/** The list of runs, or what to do when there is none. */
export function homeLines(state: State): readonly Line[] {
  const { runs } = state.lists;
  if (runs === undefined) return [[], line(' Reading the runs…', 'muted')];
  if (runs.length === 0) return emptyHome(state);
  const shown = shownRuns(state);
  const columns = columnsOf(state);
  const [status, ...others] = columns.map((column) => fit(column.title, column.cells, column.right ? 'right' : 'left'));
  const head: Line = [span(`  ${status}${' '.repeat(markCells(state))} ${others.join(' ')}`, 'muted')];
  if (shown.length === 0) return [head, line(` No run passes the filter "${state.home.filter}". Esc clears it.`, 'muted')];

  const height = homeRows(state);
  const selected = selectedRun(state);
  const cursor = Math.max(0, shown.findIndex((run) => run === selected));
  const top = scrolled(state.home.top, cursor, height, shown.length);
  const rows = shown.slice(top, top + height).map((run): Line => runLine(state, run, columns, run === selected));
  const padding = Array.from({ length: Math.max(0, height - rows.length) }, (): Line => []);
  return [head, ...rows, ...padding, aboutLine(state, selected)];
}

function runLine(state: State, run: RunRow, columns: readonly Column[], selected: boolean): Line {
  const [status, ...others] = columns;
  const statusToken = run.status === 'paused' ? 'held' : run.status === 'interrupted' ? 'failed' : run.status;
  const cell = (column: Column) => fit(column.text(run), column.cells, column.right ? 'right' : 'left', state.glyphs.more);
  return [
    span(selected ? `${state.glyphs.cursor} ` : '  ', 'accent'),
    span(cell(status!), statusToken),
    span(state.home.marked === run.test_run_id ? ' A ' : ' '.repeat(markCells(state) + 1), 'accent', { bold: true }),
    span(others.map(cell).join(' '), selected ? 'selection' : 'text'),
  ];
}

/** The letter of the marked run stands in a column of its own, which is there while one is marked. */
function markCells(state: State): number {
  return state.home.marked === undefined ? 0 : 2;
}

/** Screens this wide have room for more than the name of what was run. */
const ABOUT_COLUMNS = 150;
const NAME_CELLS = 36;

/** Columns by what there is room for: on 80 cells status, id, name, model, duration and time. */
function columnsOf(state: State): readonly Column[] {
  const { columns } = state.size;
  const { glyphs, now } = state;
  const when = (run: RunRow) => (state.timeFormat === 'absolute' ? formatClock(run.started_at ?? run.created_at, { ms: false }) : formatRelative(Date.parse(run.started_at ?? run.created_at), now));
  const took = (run: RunRow) => {
    const ms = elapsedMs(run, now);
    return ms === undefined ? '' : formatDuration(ms);
  };
  const always: Column[] = [
    { title: 'STATUS', cells: 13, text: (run) => `${glyphs.status[run.status]} ${run.status}` },
    { title: 'RUN', cells: 6, text: (run) => shortId(run.test_run_id) },
  ];
  const end: Column[] = [
    { title: 'STEPS', cells: 5, right: true, text: (run) => `${run.completed_steps}/${run.total_steps}` },
    { title: 'ELAPSED', cells: 8, right: true, text: took },
    { title: 'STARTED', cells: 10, right: true, text: when },
  ];
  const model: Column[] = columns >= 72 ? [{ title: 'MODEL', cells: columns >= 120 ? 24 : 13, text: (run) => run.model_name ?? '' }] : [];
  const tags: Column[] = columns >= 110 ? [{ title: 'TAGS', cells: 18, text: (run) => run.tags.join(' ') }] : [];
  const commit: Column[] = columns >= 200 ? [{ title: 'ENVIRONMENT', cells: 12, text: (run) => run.environment ?? '' }, { title: 'COMMIT', cells: 8, text: (run) => run.git_commit ?? '' }] : [];
  const time: Column[] = columns >= TIME_COLUMNS ? [{ title: 'TIME', cells: TIME_CELLS, text: timeBars(state) }] : [];
  const shownEnd = columns < 72 ? end.slice(1) : [...end.slice(0, 2), ...time, ...end.slice(2)];
  // There is no room for a name here: how it stands, which it is, how long and when.
  if (columns < 56) return [...always, end[1]!, { title: 'AGE', cells: 8 - markCells(state), right: true, text: (run) => when(run).replace(' ago', '').replace('just now', markCells(state) > 0 ? 'now' : 'just now') }];
  const used = [...always, ...model, ...commit, ...tags, ...shownEnd].reduce((sum, column) => sum + column.cells + 1, 2 + markCells(state));
  const name: Column = {
    title: 'PIPELINE', cells: columns >= ABOUT_COLUMNS ? NAME_CELLS : Math.max(8, columns - used - 1),
    text: (run) => `${run.bookmarked ? `${glyphs.bookmark} ` : ''}${run.bookmark_name ?? run.pipeline_key ?? 'traced program'}${run.parent_run_id && columns >= 110 ? `, rerun of ${shortId(run.parent_run_id)}` : ''}`,
  };
  // What else would only be empty tells why a run stands as it stands.
  const about: Column[] = columns >= ABOUT_COLUMNS ? [{ title: 'ABOUT', cells: columns - used - NAME_CELLS - 2, text: (run) => lineText(aboutLine(state, run)).trim() }] : [];
  return [...always, name, ...about, ...model, ...commit, ...tags, ...shownEnd];
}

/** From this width on there is room to see at once which runs were slow. */
const TIME_COLUMNS = 120;
const TIME_CELLS = 10;

/** How long each run took beside the longest of its pipeline that is listed; of one under way, how many of its steps are done. */
function timeBars(state: State): (run: RunRow) => string {
  const { glyphs } = state;
  const longest = new Map<string | null, number>();
  for (const run of state.lists.runs ?? []) if (isFinal(run)) longest.set(run.pipeline_key, Math.max(longest.get(run.pipeline_key) ?? 1, run.total_duration_ms ?? 0));
  return (run) => {
    if (isFinal(run)) return lineText(bar((run.total_duration_ms ?? 0) / (longest.get(run.pipeline_key) ?? 1), TIME_CELLS, glyphs, 'muted')).replaceAll(glyphs.barRest, ' ');
    return run.total_steps > 0 ? lineText(bar(run.completed_steps / run.total_steps, TIME_CELLS, glyphs, 'running')) : '';
  };
}

/** The one row about the selected run: its error, why it is held, or its notes. */
function aboutLine(state: State, run: RunRow | undefined): Line {
  if (!run) return [];
  if (run.error_message) return [span(` ${state.glyphs.status.failed} ${stepName(run, run.failed_step)}: `, 'failed'), span(run.error_message, 'error')];
  if (run.status === 'paused') return [span(` ${state.glyphs.status.held} held ${isHeldAfter(run) ? 'after' : 'before'} ${stepName(run, run.current_step)}: ${holdWords(run.pause_reason)}${run.paused_by ? `, by ${run.paused_by}` : ''}${run.paused_at ? heldFor(run.paused_at, state.now) : ''}`, 'held')];
  if (run.status === 'running') return [span(` ${state.glyphs.status.running} ${stepName(run, run.current_step)}`, 'running')];
  if (run.parent_run_id) return [span(` rerun of ${shortId(run.parent_run_id)}${run.forked_from_step ? ` from ${stepName(run, run.forked_from_step)}` : ''}`, 'reused'), span(run.notes ? `  ${run.notes}` : '', 'muted')];
  if (run.notes || run.tags.length > 0) return [span(` ${run.tags.map((tag) => `#${tag}`).join(' ')} ${run.notes ?? ''}`, 'muted')];
  const prompt = run.inputs['prompt'];
  return typeof prompt === 'string' ? [span(` ${prompt}`, 'muted')] : [];
}

/** `8e Provider API Call` of a key, as the run's own steps name it. */
function stepName(run: RunRow, key: string | null): string {
  if (key === null) return 'a step';
  const step = flattenSteps(run.step_tree ?? []).find((one) => one.key === key);
  return step ? `${step.display} ${step.name}` : key;
}

function emptyHome(state: State): readonly Line[] {
  const pipeline = pipelineToStart(state);
  if (!pipeline) {
    const say = (text: string, token: 'heading' | 'muted') => wrap(text, state.size.columns - 2).map((one) => line(` ${one}`, token));
    return [
      [],
      ...say('No runs yet, and no runner has registered a pipeline.', 'heading'),
      [],
      ...say('A local backend registers its own in a moment.', 'muted'),
      ...say("Elsewhere `stepscope runner FILE` runs pipelines, or your own program traces itself: import { ExecutionTracker } from 'stepscope'.", 'muted'),
    ];
  }
  const counts = [plural(pipeline.step_tree.length, 'step'), ...(subSteps(pipeline) > 0 ? [plural(subSteps(pipeline), 'sub-step')] : [])].join(' and ');
  const room = state.size.columns - 10;
  const key = (name: string, texts: readonly string[]): readonly Line[] => texts.flatMap((text) => wrap(text, room)).map((text, index) => [span(` ${(index === 0 ? name : '').padEnd(7)}`, 'key'), span(text)]);
  return [
    [],
    line(' No runs yet.', 'heading'),
    [],
    ...(state.readOnly
      ? wrap('The connection is read-only: runs that others start appear here.', state.size.columns - 2).map((text) => line(` ${text}`, 'muted'))
      : [...key('Enter', [`runs ${pipeline.pipeline_key},`, `${counts},`, 'in test mode: nothing is charged.']), ...key('N', ['chooses pipeline, model and inputs first.'])]),
    [],
    ...wrap(pipeline.description ?? pipeline.title, state.size.columns - 2).map((text) => line(` ${text}`, 'muted')),
  ];
}

function subSteps(pipeline: PipelineRow): number {
  return flattenSteps(pipeline.step_tree).length - pipeline.step_tree.length;
}
