import { familyLines, familyTrees } from '../../core/family.ts';
import { formatDuration, formatRelative, plural, shortId } from '../../core/format.ts';
import { elapsedMs } from '../../core/run-state.ts';
import { flattenSteps } from '../../core/step-reference.ts';
import type { RunRow } from '../../protocol/rows.ts';
import { openRunOf, runIds, runOf } from '../dialogs/commands/references.ts';
import { clip, fit, line, span, type Line } from '../output/line.ts';
import type { State } from '../state.ts';
import { showRun } from '../update/open-run.ts';
import { only, told } from '../update/result.ts';
import { newCompareScreen } from './compare.ts';
import { answerTo, newScreen, on, problemOf, withScreen, type Screen, type ScreenBase, type ScreenRow } from './screen.ts';

/** A run with the runs it came from and those made from it. */
export interface FamilyState extends ScreenBase {
  readonly name: 'family';
  readonly runId: string;
}

export function newFamilyScreen(runId: string): FamilyState {
  return { ...newScreen, name: 'family', runId };
}

const familyQuestion = ({ runId }: FamilyState) => ({ kind: 'family', runId }) as const;

/** The runs of the family, as the list of runs knows them by now. */
function familyOf(state: State, own: FamilyState): readonly RunRow[] | undefined {
  const listed = new Map((state.lists.runs ?? []).map((run) => [run.test_run_id, run]));
  return answerTo(own, familyQuestion(own))?.map((run) => {
    const known = listed.get(run.test_run_id);
    return known && known.seq > run.seq ? known : run;
  });
}

function rows(state: State, own: FamilyState, columns: number): readonly ScreenRow[] {
  return familyLines(familyTrees(familyOf(state, own) ?? [])).map(({ run, more }) => ({ line: runLine(state, run, more, run.test_run_id === own.runId, columns), id: run.test_run_id, isStop: run.status === 'failed' }));
}

/** `├─ ✘ 00def2 failed  4.2 s  from 5 Storage Upload  /width = 4096`. */
function runLine(state: State, run: RunRow, more: readonly boolean[], isOwn: boolean, columns: number): Line {
  const { ascii } = state.glyphs;
  const [down, branch, last, gap] = ascii ? ['|  ', '+- ', '`- ', '   '] : ['│  ', '├─ ', '└─ ', '   '];
  const lead = more.map((follows, index) => (index === more.length - 1 ? (follows ? branch : last) : follows ? down : gap)).join('');
  const token = run.status === 'paused' ? 'held' : run.status === 'interrupted' ? 'failed' : run.status;
  const took = elapsedMs(run, state.now);
  const step = flattenSteps(run.step_tree ?? []).find((one) => one.key === run.forked_from_step);
  const from = run.parent_run_id === null ? '' : run.forked_from_step === null ? '  all again' : `  from ${step ? `${step.display} ${step.name}` : run.forked_from_step}`;
  const edits = (run.fork_patch ?? []).map(({ op, path, value }) => (value === undefined ? `${op} ${path}` : `${path} = ${clip(JSON.stringify(value), 30)}`)).join(', ');
  return [
    span(` ${lead}`, 'faint'),
    span(`${state.glyphs.status[run.status]} `, token), span(shortId(run.test_run_id), isOwn ? 'accent' : 'text', { bold: isOwn }),
    span(`  ${fit(run.status, 11)}`, token), span(fit(took === undefined ? '' : formatDuration(took), 8, 'right'), 'muted'),
    span(`  ${fit(formatRelative(Date.parse(run.created_at), state.now), 10)}`, 'muted'),
    span(from, 'reused'), span(edits === '' ? '' : `  ${edits}`, 'changed'),
    span(run.error_message === null ? '' : `  ${clip(run.error_message, Math.max(10, columns - 70))}`, 'error'),
    span(run.bookmark_name === null ? '' : `  ${state.glyphs.bookmark} ${run.bookmark_name}`, 'accent'),
  ];
}

const chosen = (state: State, own: FamilyState): string | undefined => rows(state, own, state.size.columns - 1)[own.cursor]?.id;

export const familyScreen: Screen<FamilyState> = {
  title: (_state, own) => `family of run ${shortId(own.runId)}`,
  about: (state, own): Line => {
    const problem = problemOf(own, familyQuestion(own));
    if (problem !== undefined) return [span(` ${state.glyphs.status.failed} ${problem}`, 'error')];
    const family = answerTo(own, familyQuestion(own));
    if (!family) return line(' Reading the family…', 'muted');
    return line(family.length === 1 ? ' The run was made from no other, and none from it: r on a step makes one.' : ` ${plural(family.length, 'run')}, each below the one it was made from`, 'muted');
  },
  rows,
  settled: (state, own) => {
    const at = rows(state, own, state.size.columns - 1).findIndex((row) => row.id === own.runId);
    return own.cursor === 0 && at > 0 ? { ...own, cursor: at } : own;
  },
  wants: (_state, own) => [familyQuestion(own)],
  stops: 'failed run',
  keys: [
    { action: 'family.open', keys: ['enter', 'l', 'right'], place: 'family', label: 'open', help: 'Open the run.', footer: 1 },
    { action: 'family.compare', keys: ['D'], place: 'family', label: 'compare', help: 'Compare the run with the one it was made from.', footer: 2 },
  ],
  actions: {
    'family.open': on('family', (state, own) => {
      const id = chosen(state, own);
      return id === undefined ? only(told(state, 'The family is still being read.')) : showRun(state, id);
    }),
    'family.compare': on('family', (state, own) => {
      const id = chosen(state, own);
      const run = answerTo(own, familyQuestion(own))?.find((one) => one.test_run_id === id);
      if (!run) return only(told(state, 'The family is still being read.'));
      const other = run.parent_run_id ?? (run.test_run_id === own.runId ? undefined : own.runId);
      return other === undefined ? only(told(state, 'This is the first run of the family: D on one below compares it with its parent.')) : only(withScreen(state, newCompareScreen([other, run.test_run_id])));
    }),
  },
  commands: {
    family: {
      usage: 'family [RUN]', help: 'the run with those it was made from, and those made from it', plain: runIds,
      run: (state, words) => only(withScreen(state, newFamilyScreen((words.plain[0] === undefined ? openRunOf(state).view.run : runOf(state, words.plain[0])).test_run_id))),
    },
  },
};
