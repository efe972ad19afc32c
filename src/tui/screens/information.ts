import { formatClock, formatDuration, formatRelative, plural, shortId } from '../../core/format.ts';
import { errorCount } from '../../core/run-state.ts';
import { flattenSteps } from '../../core/step-reference.ts';
import { workTimeOf } from '../../core/work-time.ts';
import type { Json, JsonObject } from '../../protocol/json.ts';
import type { RunRow } from '../../protocol/rows.ts';
import type { Command } from '../dialogs/commands/command.ts';
import { openRunOf, runIds, runOf } from '../dialogs/commands/references.ts';
import { jsonLine } from '../json/lines.ts';
import { jsonRows, type JsonRow } from '../json/tree.ts';
import { keyed, keyFor } from '../keymap/key-marks.ts';
import { line, span, widthOf, wrap, type Line } from '../output/line.ts';
import type { RunInformation } from '../outside/information.ts';
import type { State } from '../state.ts';
import { only, told, type Action, type Update } from '../update/result.ts';
import { answerTo, newScreen, on, problemOf, sayRows, withOwn, withScreen, type Screen, type ScreenBase, type ScreenRow } from './screen.ts';

/** All that is known of a run beside its steps and its log. */
export interface InformationState extends ScreenBase {
  readonly name: 'information';
  readonly runId: string;
  /** Places in the trees whose folding a person changed: name of the tree and path. */
  readonly toggled: ReadonlySet<string>;
}

export function newInformationScreen(runId: string): InformationState {
  return { ...newScreen, name: 'information', runId, toggled: new Set() };
}

const question = ({ runId }: InformationState) => ({ kind: 'information', runId }) as const;

/** Cells of the names of facts. */
const NAME = 16;
/** Screens this wide have the facts in two columns. */
const BESIDE = 150;

type Fact = readonly [name: string, value: string | null | undefined];

function rows(state: State, own: InformationState, columns: number): readonly ScreenRow[] {
  const known = answerTo(own, question(own));
  if (!known) return [];
  const groups = factGroups(state, known);
  const isWide = columns >= BESIDE;
  const half = isWide ? Math.floor(columns / 2) - 1 : columns;
  const blocks = groups.map(([title, facts]) => block(title, facts, half)).filter((one) => one.length > 0);
  const facts = isWide ? beside(blocks, half) : blocks.flat();
  return [
    ...facts,
    ...commentRows(state, known, columns),
    ...treeRows(state, own, 'inputs', 'Inputs', known.run.inputs, columns),
    ...(known.end?.snapshot?.outputs ? treeRows(state, own, 'outputs', `Outputs of ${known.end.step.display} ${known.end.step.step_name}`, known.end.snapshot.outputs, columns) : []),
    ...(known.end?.snapshot?.stateAfter ? treeRows(state, own, 'state', `State after ${known.end.step.display} ${known.end.step.step_name}`, known.end.snapshot.stateAfter, columns) : []),
    ...(known.end ? [] : sayRows(state, 'No step has completed yet, so there are no outputs.', columns)),
    ...treeRows(state, own, 'data', 'Other data', known.run.execution_data, columns),
  ];
}

function factGroups(state: State, { run, model, charges, steps, rows }: RunInformation): readonly (readonly [string, readonly Fact[]])[] {
  const time = workTimeOf(run, rows, state.now);
  const credits = (amount: number): string => `${amount.toLocaleString('en-US')} ${amount === 1 ? 'credit' : 'credits'}`;
  const parent = run.parent_run_id === null ? null : `${shortId(run.parent_run_id)}${run.forked_from_step === null ? ', all of it' : `, from ${stepName(run, run.forked_from_step)}`}`;
  return [
    ['Run', [
      ['id', run.test_run_id], ['pipeline', run.pipeline_key === null ? 'none: a traced program' : `${run.pipeline_key}${run.pipeline_version === null ? '' : `, version ${run.pipeline_version}`}`],
      ['rerun of', parent], ['started', moment(state, run.started_at)], ['ended', moment(state, run.completed_at)], ['held by', run.status === 'paused' ? run.paused_by : null],
      ['holder', run.holder_id], ['generation', run.generation_id], ['job', run.job_id],
    ]],
    ['Totals', [
      ['time', time && `${formatDuration(time.workMs)}${time.heldMs > 0 ? `, held ${formatDuration(time.heldMs)}` : ''}`],
      ['steps', [plural(steps.all, 'step'), count(steps.failed, 'failed'), count(steps.edited, 'edited'), count(steps.reused, 'reused')].filter((one) => one !== '').join(', ')],
      ['log', [plural(Object.values(run.log_counts).reduce((sum, one) => sum + one, 0), 'line'), count(errorCount(run), 'errors'), count(run.log_counts['warn'] ?? 0, 'warnings')].filter((one) => one !== '').join(', ')],
    ]],
    ['Model', [
      ['model', run.model_name ?? 'none'], ['provider', run.model_provider], ['content', run.model_content_type], ['provider name', model?.provider_ref],
      ['cost', model && `${credits(model.cost_credits)} a generation`], ['active', model && !model.is_active ? 'no longer' : null],
    ]],
    ['Billing', [
      ['mode', run.billing === 'test' ? 'test: nothing is charged' : 'enforced: credits are charged'], ['test mode', run.test_mode_enabled ? 'on' : 'off'], ['skip billing', run.skip_billing ? 'yes' : 'no'],
      ['charged', charges && credits(charges.charged)], ['would have', charges && charges.wouldHaveCharged > 0 ? credits(charges.wouldHaveCharged) : null],
    ]],
    ['Environment', [['environment', run.environment ?? 'not recorded'], ['git commit', run.git_commit ?? 'not recorded'], ['client', run.client_version], ['user agent', run.user_agent], ['user', run.admin_user_id]]],
    ['Marks', [['bookmark', run.bookmarked ? (run.bookmark_name ?? 'yes') : keyed(state, `none: ${keyFor('run.bookmark')} sets one`)], ['tags', run.tags.join(' ') || 'none'], ['notes', run.notes ?? 'none']]],
  ];
}

const count = (number: number, words: string): string => (number === 0 ? '' : `${number.toLocaleString('en-US')} ${words}`);

function moment(state: State, timestamp: string | null): string | null {
  return timestamp === null ? null : `${timestamp.slice(0, 10)} ${formatClock(timestamp, { ms: false })}, ${formatRelative(Date.parse(timestamp), state.now)}`;
}

function stepName(run: RunRow, key: string): string {
  const step = flattenSteps(run.step_tree ?? []).find((one) => one.key === key);
  return step ? `${step.display} ${step.name}` : key;
}

/** A heading and its facts; those that are not known are left out. */
function block(title: string, facts: readonly Fact[], columns: number): readonly ScreenRow[] {
  const known = facts.flatMap(([name, value]) => (value === null || value === undefined || value === '' ? [] : [[name, value] as const]));
  return [
    { line: [span(` ${title}`, 'heading')], isStop: true },
    ...known.flatMap(([name, value]) => wrap(value, columns - NAME - 4).map((text, index): ScreenRow => ({ line: [span(`   ${(index === 0 ? name : '').padEnd(NAME)}`, 'muted'), span(text)] }))),
    { line: [] },
  ];
}

/** Blocks in two columns of about the same height. */
function beside(blocks: readonly (readonly ScreenRow[])[], cells: number): readonly ScreenRow[] {
  const total = blocks.flat().length;
  let used = 0;
  const split = blocks.findIndex((one) => (used += one.length) >= total / 2) + 1;
  const [left, right] = [blocks.slice(0, split).flat(), blocks.slice(split).flat()];
  return Array.from({ length: Math.max(left.length, right.length) }, (_, index): ScreenRow => {
    const [one, other] = [left[index]?.line ?? [], right[index]?.line ?? []];
    const gap = Math.max(1, cells - one.reduce((sum, part) => sum + widthOf(part.text), 0));
    return { line: [...one, span(' '.repeat(gap)), ...other], isStop: left[index]?.isStop === true || right[index]?.isStop === true };
  });
}

function commentRows(state: State, { comments, run }: RunInformation, columns: number): readonly ScreenRow[] {
  if (comments.length === 0) return [];
  return [
    { line: [span(' Comments', 'heading')], isStop: true },
    ...comments.flatMap((one) => {
      const who = `${(one.author_name ?? 'somebody').split('@', 1)[0]}${one.step_key === null ? '' : ` on ${stepName(run, one.step_key)}`}${one.resolved ? ' (settled)' : ''}: `;
      return wrap(`${who}${one.body}`, columns - 5).map((text, index): ScreenRow => ({ line: line(`   ${index === 0 ? `${state.glyphs.comment} ` : '  '}${text}`, one.resolved ? 'muted' : 'accent') }));
    }),
    { line: [] },
  ];
}

/** Between the name of a tree and a path in it. */
const IN = ' ';

function treeRows(state: State, own: InformationState, name: string, title: string, value: JsonObject, columns: number): readonly ScreenRow[] {
  const toggled = new Set([...own.toggled].filter((one) => one.startsWith(name + IN)).map((one) => one.slice(name.length + 1)));
  const heading: ScreenRow = { line: [span(` ${title}`, 'heading')], isStop: true };
  if (Object.keys(value).length === 0) return [heading, ...sayRows(state, '  none', columns), { line: [] }];
  const drawn = jsonRows(value as Json, { toggled, allFolded: undefined }).flatMap((json) => jsonLine(json, state.glyphs, columns - 3).map((one): ScreenRow => ({ line: [span('   '), ...one], id: `${name}${IN}${json.path}` })));
  return [heading, ...drawn, { line: [] }];
}

/** The place in a tree under the cursor. */
function placeAt(state: State, own: InformationState): { readonly id: string; readonly json: JsonRow } | undefined {
  const known = answerTo(own, question(own));
  const id = rows(state, own, state.size.columns - 1)[own.cursor]?.id;
  if (!known || id === undefined) return undefined;
  const [name = ''] = id.split(IN, 1);
  const value = { inputs: known.run.inputs, outputs: known.end?.snapshot?.outputs, state: known.end?.snapshot?.stateAfter, data: known.run.execution_data }[name];
  const toggled = new Set([...own.toggled].filter((one) => one.startsWith(name + IN)).map((one) => one.slice(name.length + 1)));
  const json = value ? jsonRows(value as Json, { toggled, allFolded: undefined }).find((one) => `${name}${IN}${one.path}` === id) : undefined;
  return json && { id, json };
}

function fold(wanted: 'open' | 'closed' | 'other'): Action {
  return on('information', (state, own): Update => {
    const place = placeAt(state, own);
    const isDone = place && (wanted === 'open' ? place.json.open : wanted === 'closed' ? !place.json.open : false);
    if (!place?.json.foldable || isDone) return only(told(state, wanted === 'closed' ? 'There is nothing to fold here.' : 'There is nothing to unfold here.'));
    const toggled = new Set(own.toggled);
    if (!toggled.delete(place.id)) toggled.add(place.id);
    return only(withOwn(state, { ...own, toggled }));
  });
}

/** What must not be missed, in words. */
function badges(state: State, { run, steps }: RunInformation): Line {
  const all: readonly (readonly [boolean, string, 'badgeTest' | 'badgeReadOnly' | 'badgeEdited'])[] = [
    [run.test_mode_enabled, 'TEST MODE', 'badgeTest'], [state.readOnly, 'READ-ONLY', 'badgeReadOnly'], [state.recording !== undefined, 'RECORDING', 'badgeReadOnly'], [steps.edited > 0, 'EDITED', 'badgeEdited'],
  ];
  return all.flatMap(([is, text, token]) => (is ? [span(' '), span(` ${text} `, token)] : []));
}

const command: Command = {
  usage: 'info [RUN]', help: 'what is known of a run: model, cost, environment, commit, notes, inputs, outputs', plain: runIds,
  run: (state, words) => only(withScreen(state, newInformationScreen((words.plain[0] === undefined ? openRunOf(state).view.run : runOf(state, words.plain[0])).test_run_id))),
};

export const informationScreen: Screen<InformationState> = {
  title: (_state, own) => `information on run ${shortId(own.runId)}`,
  about: (state, own) => {
    const problem = problemOf(own, question(own));
    if (problem !== undefined) return [span(` ${state.glyphs.status.failed} ${problem}`, 'error')];
    const known = answerTo(own, question(own));
    if (!known) return line(' Reading what is known of the run…', 'muted');
    const { run } = known;
    const token = run.status === 'paused' ? 'held' : run.status === 'interrupted' ? 'failed' : run.status;
    return [span(` ${state.glyphs.status[run.status]} ${run.status}`, token), ...badges(state, known), span(`  ${run.bookmark_name ?? run.pipeline_key ?? 'traced program'}`, 'muted')];
  },
  rows,
  wants: (_state, own) => [question(own)],
  stops: 'section',
  keys: [
    { action: 'information.toggle', keys: ['enter', 'space'], place: 'information', label: 'fold or unfold', help: 'Fold or unfold the value.', footer: 1 },
    { action: 'information.fold', keys: ['h', 'left'], place: 'information', label: 'fold', help: 'Fold the value.' },
    { action: 'information.unfold', keys: ['l', 'right'], place: 'information', label: 'unfold', help: 'Unfold the value.' },
  ],
  actions: { 'information.toggle': fold('other'), 'information.fold': fold('closed'), 'information.unfold': fold('open') },
  commands: { info: command },
};
