import { houseRows } from './model/house.ts';
import { stepsOf } from './model/steps.ts';
import { stepStrip } from './model/strip.ts';
import type { OpenRun, Pane, Size, State } from './state.ts';

/** Below this nothing useful fits, and the screen says so in one line. */
export const smallest: Size = { columns: 40, rows: 8 };

/** Cells and rows of a pane's content, its title row not counted. */
export interface Area {
  readonly columns: number;
  readonly rows: number;
}

/** Where things are on the run screen. Narrow screens, and a zoomed pane, show one pane under a step strip. */
export interface Layout {
  readonly kind: 'tiny' | 'single' | 'split';
  readonly stripRows: number;
  readonly areas: Readonly<Partial<Record<Pane, Area>>>;
}

const SPLIT_COLUMNS = 110;
const SPLIT_ROWS = 26;

/** However panes are resized, each keeps this much. */
const LEAST_CELLS = 30;
const LEAST_PANE_ROWS = 4;

/** Rows that stand on every run screen: header, what the run is doing, footer. */
const FIXED_ROWS = 3;

/** Rows that a message at the bottom may take; it covers what is above for as long as it stands. */
export const MESSAGE_ROWS = 4;

export function isTiny(size: Size): boolean {
  return size.columns < smallest.columns || size.rows < smallest.rows;
}

export function layoutOf(state: State, run: OpenRun): Layout {
  const { columns, rows } = state.size;
  if (isTiny(state.size)) return { kind: 'tiny', stripRows: 0, areas: {} };
  const prompt = promptRows(state);

  if (columns >= SPLIT_COLUMNS && rows >= SPLIT_ROWS && !run.zoomed) {
    const left = Math.max(LEAST_CELLS, Math.min(columns - LEAST_CELLS - 2, Math.floor((columns * state.shares.left) / 100)));
    const body = bodyRows(state);
    const upper = Math.max(LEAST_PANE_ROWS, Math.min(body - LEAST_PANE_ROWS, Math.ceil((body * upperShare(state, run, body)) / 100)));
    return {
      kind: 'split',
      stripRows: 0,
      areas: {
        steps: { columns: left, rows: upper - 1 },
        // One column is the divider, one keeps text off it.
        detail: { columns: columns - left - 2, rows: upper - 1 },
        log: { columns, rows: body - upper - 1 },
      },
    };
  }
  const stripRows = rows >= 16 ? Math.min(4, stepStrip(state, run, columns).length) : 0;
  return { kind: 'single', stripRows, areas: { [run.pane]: { columns, rows: Math.max(1, rows - FIXED_ROWS - stripRows - 1 - prompt) } } };
}

/** Of a screen that is high enough the steps take what they need, details and log the rest. */
const UPPER = { most: 57, least: 40, rows: 16 } as const;

/** Parts of a hundred of the rows that steps and details have. */
export function upperShare(state: State, run: OpenRun, body: number): number {
  if (state.shares.upper !== undefined) return state.shares.upper;
  const needed = Math.max(UPPER.rows, stepsOf(run.view).length + 2);
  return Math.min(UPPER.most, Math.max(UPPER.least, Math.floor((needed * 100) / body)));
}

/** Rows that the panes of a run share. */
export function bodyRows(state: State): number {
  return state.size.rows - FIXED_ROWS - promptRows(state);
}

/** Are all panes on the screen, one beside the other? */
export function isSplit(state: State): boolean {
  return state.open !== undefined && layoutOf(state, state.open).kind === 'split';
}

/** Rows and columns that moving by a page in the focused pane needs. */
export function focusedArea(state: State, run: OpenRun): Area {
  return layoutOf(state, run).areas[run.pane] ?? { columns: state.size.columns, rows: 1 };
}

/** Rows of the list of runs: all but header, names of the views, column heads, the line about the selected run, and footer. */
export function homeRows(state: State): number {
  return Math.max(1, state.size.rows - 4 - houseRows(state) - promptRows(state));
}

/** Rows a dialog has between header and footer, its title row not counted. */
export function dialogRows(state: State): number {
  return Math.max(1, state.size.rows - 3);
}

/** A prompt stands in the footer; what it would do is shown in one row above it. */
function promptRows(state: State): number {
  return state.overlays.at(-1)?.type === 'prompt' ? 1 : 0;
}

/** First row of a list to draw so that `cursor` is visible, moving as little as possible. */
export function scrolled(top: number, cursor: number, height: number, count: number): number {
  const highest = Math.max(0, count - height);
  if (cursor < top) return Math.max(0, cursor);
  if (cursor >= top + height) return Math.min(highest, cursor - height + 1);
  return Math.min(top, highest);
}
