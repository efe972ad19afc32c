import { plural, shortId } from '../../core/format.ts';
import { goToLine } from '../actions/log.ts';
import type { Command } from '../dialogs/commands/command.ts';
import { openRunOf } from '../dialogs/commands/references.ts';
import { rowOfSeq } from '../model/log.ts';
import { stepsOf } from '../model/steps.ts';
import { clipLine, fit, line, span, type Line } from '../output/line.ts';
import type { State } from '../state.ts';
import { showRun } from '../update/open-run.ts';
import { only, told } from '../update/result.ts';
import { formatMoment, TIME_CELLS } from '../view/times.ts';
import { newScreen, on, sayRows, withScreen, type Screen, type ScreenBase, type ScreenRow } from './screen.ts';

/** The marked lines of the open run, with their notes. */
export interface MarksState extends ScreenBase {
  readonly name: 'marks';
  readonly runId: string;
}

export function newMarksScreen(runId: string): MarksState {
  return { ...newScreen, name: 'marks', runId };
}

/** Wide screens name who wrote a note. */
const WIDE = 100;
const NAME_CELLS = 20;

function rows(state: State, _own: MarksState, columns: number): readonly ScreenRow[] {
  const run = state.open;
  if (!run || run.bookmarks.length === 0) return sayRows(state, 'No line of the log is marked. m in the log marks the line under the cursor, with a note; marks go with the run into a recording, and everybody who sees the run sees them.', columns);
  const displays = new Map(stepsOf(run.view).map((step) => [step.key, step.display]));
  const notes = Math.floor((columns - TIME_CELLS - 6) * 0.4);
  return run.bookmarks.map(({ seq, note, author_name }): ScreenRow => {
    const row = rowOfSeq(run, seq);
    const drawn: Line = [
      span(`${fit(row ? formatMoment(row.timestamp, state.timeFormat, run.view.run?.started_at ?? null, state.now) : '', TIME_CELLS)} `, 'muted'),
      span(`${fit(row?.step_key ? (displays.get(row.step_key) ?? '') : '', 3)} `, 'muted'),
      span(fit(note === '' ? state.glyphs.bookmark : `${state.glyphs.bookmark} ${note.replaceAll(/\s+/g, ' ')}`, notes, 'left', state.glyphs.more), 'accent'),
      ...(columns >= WIDE ? [span(` ${fit(author_name ?? '', NAME_CELLS, 'left', state.glyphs.more)}`, 'muted')] : []),
      span(' '),
      row ? span(row.message, row.log_level === 'critical' ? 'error' : row.log_level) : span(`line ${seq} is not among the lines that are kept here`, 'muted'),
    ];
    return { line: clipLine(drawn, columns, state.glyphs.more), id: String(seq) };
  });
}

const marks: Command = {
  usage: 'marks', help: 'the marked lines of the log of the open run, with their notes',
  run: (state) => only(withScreen(state, newMarksScreen(openRunOf(state).runId))),
};

export const marksScreen: Screen<MarksState> = {
  title: (_state, own) => `Marked lines of run ${shortId(own.runId)}`,
  about: (state) => line(` ${plural(state.open?.bookmarks.length ?? 0, 'marked line')}`, 'muted'),
  rows,
  keys: [{ action: 'marks.open', keys: ['enter', 'l', 'right'], place: 'marks', label: 'go there', help: 'The line in the log.', footer: 1 }],
  actions: {
    'marks.open': on('marks', (state, own) => {
      const id = rows(state, own, state.size.columns - 1)[own.cursor]?.id;
      if (id === undefined) return only(told(state, 'No line is marked; m in the log marks one.'));
      // The log of the run lies beneath already: opened over its own marks, it would have to be left as often.
      const isBeneath = state.screens.length === 1 && state.open?.runId === own.runId;
      const shown = isBeneath ? only({ ...state, screens: [] }) : showRun(state, own.runId);
      return only(goToLine(shown.state, Number(id)), ...shown.effects);
    }),
  },
  commands: { marks },
};
