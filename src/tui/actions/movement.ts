import { contentOf } from '../model/detail.ts';
import { frozen, scrolledTo, shownCount } from '../model/log.ts';
import { stepInTree } from '../model/log-tree.ts';
import { shownRuns } from '../model/runs.ts';
import { stepsOf } from '../model/steps.ts';
import { focusedArea, homeRows, scrolled } from '../layout.ts';
import { definitionOf, rowsOf, screenAt, screenHeight } from '../screens/frame.ts';
import { shownScreen, withOwn } from '../screens/screen.ts';
import type { ScreenState } from '../screens/table.ts';
import type { OpenRun, State } from '../state.ts';
import { selectStep } from '../update/open-run.ts';
import { only, told, withRun, type Action } from '../update/result.ts';

/** How far a motion goes: rows, pages, or all the way. */
type Distance = { readonly rows: number } | { readonly pages: number } | 'start' | 'end';

function moveTo(distance: Distance, from: number, count: number, height: number): number {
  const to = distance === 'start' ? 0 : distance === 'end' ? count - 1 : 'rows' in distance ? from + distance.rows : from + Math.trunc(distance.pages * Math.max(1, height - 1));
  return Math.max(0, Math.min(count - 1, to));
}

/** One motion in whatever has the keyboard. */
function motion(distance: Distance): Action {
  return (state) => {
    const screen = shownScreen(state);
    if (screen) return only(moveInScreen(state, screen, distance));
    const next = state.open ? withRun(state, (run) => moveInRun(state, run, distance)) : moveInRuns(state, distance);
    return only(next.open === state.open && next.home === state.home ? told(next, 'There is nothing to move in.') : next);
  };
}

function moveInScreen(state: State, own: ScreenState, distance: Distance): State {
  const count = rowsOf(state, own).length;
  const next = screenAt(state, own, moveTo(distance, own.cursor, count, screenHeight(state)));
  const moved = definitionOf(next).moved?.(state, next, own, distance === 'end') ?? next;
  if (moved !== next) return withOwn(state, moved);
  return next.cursor === own.cursor && next.top === own.top ? told(state, count < 2 ? 'There is nothing to move in.' : next.cursor === 0 ? 'This is the first row.' : 'This is the last row.') : withOwn(state, next);
}

function moveInRuns(state: State, distance: Distance): State {
  const runs = shownRuns(state);
  if (runs.length === 0) return state;
  const height = homeRows(state);
  const from = Math.max(0, runs.findIndex((run) => run.test_run_id === state.home.selected));
  const to = moveTo(distance, from, runs.length, height);
  return { ...state, home: { ...state.home, selected: runs[to]!.test_run_id, top: scrolled(state.home.top, to, height, runs.length) } };
}

function moveInRun(state: State, run: OpenRun, distance: Distance): OpenRun {
  const { columns, rows: height } = focusedArea(state, run);
  switch (run.pane) {
    case 'steps': {
      const steps = stepsOf(run.view);
      const from = Math.max(0, steps.findIndex((step) => step.key === run.selected));
      const to = steps[moveTo(distance, from, steps.length, height)];
      return to ? selectStep(run, to.key) : run;
    }
    case 'log': {
      const { log } = run;
      const count = shownCount(log);
      if (count === 0) return run;
      const inTree = typeof distance === 'object' && 'rows' in distance ? stepInTree(run, distance.rows > 0 ? 1 : -1) : undefined;
      const moved = inTree?.log ?? { ...log, cursor: log.matchFirst + moveTo(distance, log.cursor - log.matchFirst, count, height), inside: undefined };
      const top = log.follows ? Math.max(log.matchFirst, log.matchCount - height) : log.top;
      const stands = distance === 'end' ? { follows: true, frozenCount: log.matchCount } : frozen(run);
      return { ...run, log: { ...moved, ...stands, top: scrolledTo(log, top, moved.cursor, height) } };
    }
    case 'detail': {
      const { rows } = contentOf(state, run, columns);
      const cursor = moveTo(distance, run.detail.cursor, rows.length, height);
      return { ...run, detail: { ...run.detail, cursor, top: scrolled(run.detail.top, cursor, height, rows.length) } };
    }
  }
}

export const movementActions = {
  'move.down': motion({ rows: 1 }),
  'move.up': motion({ rows: -1 }),
  'move.pageDown': motion({ pages: 1 }),
  'move.pageUp': motion({ pages: -1 }),
  'move.halfDown': motion({ pages: 0.5 }),
  'move.halfUp': motion({ pages: -0.5 }),
  'move.top': motion('start'),
  'move.bottom': motion('end'),
} satisfies Record<string, Action>;
