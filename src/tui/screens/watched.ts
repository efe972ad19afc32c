import { plural, shortId } from '../../core/format.ts';
import type { Command } from '../dialogs/commands/command.ts';
import { openRunOf } from '../dialogs/commands/references.ts';
import { outcomeSpans } from '../model/watches.ts';
import type { WatchedValue } from '../outside/watched.ts';
import { clipLine, fit, line, span, type Line } from '../output/line.ts';
import type { State } from '../state.ts';
import { selectStep, showRun } from '../update/open-run.ts';
import { only, told, withRun } from '../update/result.ts';
import { answerTo, newScreen, on, problemOf, withScreen, type Screen, type ScreenBase, type ScreenRow } from './screen.ts';

/** One expression along the steps of a run: where its value came from, and where it changed. */
export interface WatchedState extends ScreenBase {
  readonly name: 'watched';
  readonly runId: string;
  readonly expression: string;
}

export function newWatchedScreen(runId: string, expression: string): WatchedState {
  return { ...newScreen, name: 'watched', runId, expression };
}

const question = ({ runId, expression }: WatchedState) => ({ kind: 'watched', runId, expression }) as const;

/** Cells of the names of steps. */
const NAME = { narrow: 20, wide: 32 } as const;
const WIDE = 110;

/** The index of each value that is another than the last one before it; what has no value is passed over. */
function changesOf(values: readonly WatchedValue[]): ReadonlySet<number> {
  const changes = new Set<number>();
  let last: string | undefined;
  values.forEach(({ outcome }, index) => {
    if (outcome.kind !== 'value') return;
    const now = JSON.stringify(outcome.value);
    if (now !== last) changes.add(index);
    last = now;
  });
  return changes;
}

function rows(state: State, own: WatchedState, columns: number): readonly ScreenRow[] {
  const values = answerTo(own, question(own)) ?? [];
  const changes = changesOf(values);
  const cells = columns + 1 >= WIDE ? NAME.wide : NAME.narrow;
  return values.map(({ step, outcome }, index): ScreenRow => {
    const isChange = changes.has(index);
    const drawn: Line = [
      span(isChange ? '~ ' : '  ', 'changed', { bold: true }),
      span(`${state.glyphs.status[step.status]} `, step.status),
      span(step.display.padEnd(4), 'muted'),
      span(fit(`${step.parent_step_key === null ? '' : '  '}${step.step_name}`, cells, 'left', state.glyphs.more), isChange ? 'text' : 'muted'),
      ...outcomeSpans(outcome),
    ];
    return { line: clipLine(drawn, columns, state.glyphs.more), id: step.step_key, isStop: isChange };
  });
}

function about(state: State, own: WatchedState): Line {
  const problem = problemOf(own, question(own));
  if (problem !== undefined) return [span(` ${state.glyphs.status.failed} ${problem}`, 'error')];
  const values = answerTo(own, question(own));
  if (!values) return line(' Reading the state of every step…', 'muted');
  if (values.length === 0) return line(' The run has come to no step yet.', 'muted');
  const changes = changesOf(values).size;
  if (changes === 0) return line(' It has no value at any step.', 'warn');
  return line(changes === 1 ? ' One value all along' : ` ${plural(changes, 'value')}, one after the other`, 'muted');
}

const watched: Command = {
  usage: 'watched EXPRESSION', help: 'what an expression was at every step of the run', isText: true,
  run: (state, words) => only(withScreen(state, newWatchedScreen(openRunOf(state).runId, words.plain.join(' ')))),
};

export const watchedScreen: Screen<WatchedState> = {
  title: (_state, own) => `${own.expression} in run ${shortId(own.runId)}`,
  about,
  rows,
  wants: (_state, own) => [question(own)],
  stops: 'change of the value',
  keys: [{ action: 'watched.open', keys: ['enter', 'l', 'right'], place: 'watched', label: 'open the step', help: 'The step in the run.', footer: 1 }],
  actions: {
    'watched.open': on('watched', (state, own) => {
      const key = rows(state, own, state.size.columns - 1)[own.cursor]?.id;
      if (key === undefined) return only(told(state, 'The state of the steps is still being read.'));
      const opened = showRun(state, own.runId);
      return { ...opened, state: withRun(opened.state, (run) => selectStep({ ...run, pane: 'detail', detail: { ...run.detail, tab: 'diff' } }, key)) };
    }),
  },
  commands: { watched },
};
