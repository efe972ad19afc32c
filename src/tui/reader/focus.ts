import { formatClock, plural, shortId } from '../../core/format.ts';
import type { RunRow } from '../../protocol/rows.ts';
import { contentOf } from '../model/detail.ts';
import { rowAt } from '../model/log.ts';
import { selectedRun, shownRuns } from '../model/runs.ts';
import { selectedStep } from '../model/steps.ts';
import type { Line } from '../output/line.ts';
import { definitionOf, rowUnderCursor } from '../screens/frame.ts';
import { shownScreen } from '../screens/screen.ts';
import type { OpenRun, State } from '../state.ts';
import { dialogView } from '../view/dialogs.ts';
import { sentence } from '../model/sentence.ts';
import { SPOKEN_CELLS } from './size.ts';
import { spoken } from './spoken.ts';

/** What has the keyboard: where it is, what is there to know of that place, and the row that is chosen. */
export interface Focus {
  readonly place: string;
  /** Said once, on coming here. */
  readonly about: readonly string[];
  /** Said whenever it is another one, by its key: what only grows older is not said again. */
  readonly chosen: { readonly key: string; readonly text: string } | undefined;
  /** Rows of a dialog: those that are new are said. */
  readonly rows: readonly string[];
}

export function focusOf(state: State): Focus {
  const dialog = dialogView(state);
  if (dialog) return dialogFocus(state, dialog.title, dialog.lines);
  if (state.session.phase === 'connecting') return place('Connecting', [state.session.progress]);
  if (state.session.phase === 'failed') return place('No connection', [state.session.message, ...(state.session.hint === undefined ? [] : [state.session.hint])]);
  const screen = shownScreen(state);
  if (screen) {
    const definition = definitionOf(screen);
    const row = rowUnderCursor(state, screen);
    return { place: definition.title(state, screen), about: [spoken(definition.about(state, screen))], chosen: row && { key: String(screen.cursor), text: row.said ?? spoken(row.line) }, rows: [] };
  }
  if (state.open) return runFocus(state, state.open);
  const run = selectedRun(state);
  const count = state.lists.runs === undefined ? 'still being read' : plural(shownRuns(state).length, 'run');
  return { place: 'List of runs', about: [count, ...(state.home.filter === '' ? [] : [`filter ${state.home.filter}`])], chosen: run && { key: `${run.test_run_id} ${run.status}`, text: sentence(runWords(run)) }, rows: [] };
}

function place(name: string, about: readonly string[]): Focus {
  return { place: name, about, chosen: undefined, rows: [] };
}

/** The chosen row of a dialog is the one with the cursor's sign; a list without one says why, below what was searched for. */
function dialogFocus(state: State, title: string, lines: readonly Line[]): Focus {
  const row = lines.find((line) => line[0]?.token === 'accent' && line[0].text.includes(state.glyphs.cursor));
  const chosen = row && spoken(row);
  const rows = lines.map(spoken).filter((text) => text !== '');
  const list = state.overlays.at(-1)?.type === 'help' || state.overlays.at(-1)?.type === 'choose';
  return { place: title, about: [], chosen: chosen === undefined ? undefined : { key: chosen, text: chosen }, rows: list ? (chosen === undefined ? rows.slice(1) : []) : rows.filter((text) => text !== chosen) };
}

function runWords(run: RunRow): string {
  const parts = [`run ${shortId(run.test_run_id)}`, run.bookmark_name, run.pipeline_key ?? 'traced program', run.status, `${run.completed_steps} of ${plural(run.total_steps, 'step')}`, formatClock(run.created_at, { ms: false })];
  return parts.filter((part) => part !== null && part !== '').join(', ');
}

function runFocus(state: State, run: OpenRun): Focus {
  const step = selectedStep(run);
  const stepWords = step && `step ${step.display} ${step.name}, ${step.status}`;
  switch (run.pane) {
    case 'steps':
      return { place: 'Steps', about: [], chosen: step && { key: `${step.key} ${step.status}`, text: sentence(stepWords!) }, rows: [] };
    case 'log': {
      // While it is followed, lines are said as they come.
      const row = run.log.follows ? undefined : rowAt(run, run.log.cursor);
      return { place: run.log.follows ? 'Log, followed' : 'Log, frozen', about: [plural(run.log.matchCount, 'line')], chosen: row && { key: row.id, text: sentence(`${row.log_level}: ${row.message}`) }, rows: [] };
    }
    case 'detail': {
      const { rows, summary } = contentOf(state, run, SPOKEN_CELLS);
      const row = rows[Math.min(run.detail.cursor, rows.length - 1)];
      return { place: `${run.detail.tab} of ${stepWords ?? 'no step'}`, about: [spoken(summary), plural(rows.length, 'row')].filter((text) => text !== ''), chosen: row && { key: `${run.selected} ${run.detail.tab} ${run.detail.cursor}`, text: spoken(row.line) }, rows: [] };
    }
  }
}
