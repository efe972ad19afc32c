import { breakpointWords } from '../../core/breakpoint-draft.ts';
import { flattenSteps } from '../../core/step-reference.ts';
import type { BreakpointRow } from '../../protocol/rows.ts';
import { UserError } from '../../protocol/error.ts';
import { pipelineKeys, pipelineNamed } from '../dialogs/commands/references.ts';
import { openBreakpointForm } from '../dialogs/forms/breakpoint.ts';
import { openWatchForm } from '../dialogs/forms/watch.ts';
import { keyFor } from '../keymap/key-marks.ts';
import { cannotChange } from '../keymap/reasons.ts';
import { breakpointsOf } from '../model/breakpoints.ts';
import { watchLines, watchesOf } from '../model/watches.ts';
import { pipelineToStart } from '../model/runs.ts';
import { loadedSnapshot } from '../model/detail.ts';
import { selectedStep } from '../model/steps.ts';
import { span, wrap, type Line } from '../output/line.ts';
import type { State } from '../state.ts';
import { only, told, withOverlay, type Update } from '../update/result.ts';
import { newWatchedScreen } from './watched.ts';
import { newScreen, on, sayRows, withScreen, type Screen, type ScreenBase, type ScreenRow } from './screen.ts';

/** What stops the runs of a pipeline, and what is shown at every stop. */
export interface BreakpointsState extends ScreenBase {
  readonly name: 'breakpoints';
  readonly pipelineKey: string;
}

export function newBreakpointsScreen(pipelineKey: string): BreakpointsState {
  return { ...newScreen, name: 'breakpoints', pipelineKey };
}

/** What the rows of the two lists begin with, in their ids. */
const BREAKPOINT = 'breakpoint:';
const WATCH = 'watch:';

function rows(state: State, own: BreakpointsState, columns: number): readonly ScreenRow[] {
  const steps = flattenSteps(state.lists.pipelines.find((one) => one.pipeline_key === own.pipelineKey)?.step_tree ?? state.open?.view.run?.step_tree ?? []);
  const breakpoints = breakpointsOf(state, own.pipelineKey).flatMap((one) => breakpointRows(state, one, breakpointWords(one, steps), columns));
  const watched = watchesOf(state, own.pipelineKey);
  const run = state.open?.view.run?.pipeline_key === own.pipelineKey ? state.open : undefined;
  const step = run && selectedStep(run);
  const shown = watchLines(watched, run && loadedSnapshot(run)?.snapshot, step?.row, run?.view.run, columns);
  const watches = watched.flatMap((one, at) => shown[at]!.map((text, index): ScreenRow => ({ line: text, id: `${WATCH}${one.id}`, isStop: index === 0 })));
  return [
    ...(breakpoints.length > 0 ? breakpoints : sayRows(state, state.recording === undefined ? `None. ${keyFor('breakpoints.add')} adds one; in a run, ${keyFor('run.breakpoint')} on a step, a log line or a value does.` : 'None is known: breakpoints stay with the pipeline.', columns)),
    { line: [] },
    { line: [span(' Watches', 'heading'), span(step ? `  at ${step.display} ${step.name}` : '  shown at every stop', 'muted')] },
    ...(watches.length > 0 ? watches : sayRows(state, `None. ${keyFor('breakpoints.watch')} adds an expression, such as outputs.width or state.image.`, columns)),
  ];
}

function breakpointRows(state: State, row: BreakpointRow, when: string, columns: number): readonly ScreenRow[] {
  const head: Line = [span(`${row.enabled ? state.glyphs.breakpoint : state.glyphs.breakpointOff} `, row.enabled ? 'failed' : 'muted'), span(`${row.number}`.padStart(3), 'muted')];
  const words = `${when}${row.enabled ? '' : ', off'}`;
  return wrap(words, columns - 9).map((text, index): ScreenRow => ({
    line: [...(index === 0 ? head : [span('     ')]), span(`  ${text}`, row.enabled ? 'text' : 'muted')],
    id: `${BREAKPOINT}${row.id}`, isStop: index === 0,
  }));
}

/** What the cursor is on. */
function chosen(state: State, own: BreakpointsState) {
  const id = rows(state, own, state.size.columns - 1)[own.cursor]?.id;
  return {
    breakpoint: id?.startsWith(BREAKPOINT) ? state.lists.breakpoints.find((one) => `${BREAKPOINT}${one.id}` === id) : undefined,
    watch: id?.startsWith(WATCH) ? state.lists.watches.find((one) => `${WATCH}${one.id}` === id) : undefined,
  };
}

const nothing = (state: State): Update => only(told(state, `There is nothing on this row; ${keyFor('breakpoints.add')} adds a breakpoint, ${keyFor('breakpoints.watch')} a watch.`));

export const breakpointsScreen: Screen<BreakpointsState> = {
  title: (_state, own) => `breakpoints and watches of ${own.pipelineKey}`,
  about: (state, own) => {
    const all = breakpointsOf(state, own.pipelineKey);
    const on = all.filter((one) => one.enabled).length;
    if (state.recording !== undefined && all.length === 0) return [span(' A recording does not say what stops the runs of its pipeline.', 'muted')];
    return [span(` ${all.length === 0 ? 'Nothing stops its runs' : on === all.length ? `${on} on` : `${on} on, ${all.length - on} off`}`, 'muted'), span('; stored with the pipeline, for all its runs', 'muted')];
  },
  rows,
  stops: 'breakpoint or watch',
  keys: [
    { action: 'breakpoints.add', keys: ['a'], place: 'breakpoints', label: 'add', help: 'A new breakpoint: of any kind, with condition, hits, log line or approval.', footer: 1, disabled: cannotChange },
    { action: 'breakpoints.edit', keys: ['enter'], place: 'breakpoints', label: 'edit or follow', help: 'Edit the breakpoint; of a watch, its value at every step of the run.', footer: 2 },
    { action: 'breakpoints.toggle', keys: ['space'], place: 'breakpoints', label: 'on or off', help: 'Switch the breakpoint off or on.', footer: 3, disabled: cannotChange },
    { action: 'breakpoints.remove', keys: ['d', 'delete'], place: 'breakpoints', label: 'remove', help: 'Remove the breakpoint or the watch.', footer: 4, disabled: cannotChange },
    { action: 'breakpoints.onError', keys: ['e'], place: 'breakpoints', label: 'stop on error', help: 'Stop when a step fails, or not.', footer: 5, disabled: cannotChange },
    { action: 'breakpoints.watch', keys: ['W'], place: 'breakpoints', label: 'watch', help: 'A new watch: an expression that is shown at every stop.', footer: 6, disabled: cannotChange },
  ],
  actions: {
    'breakpoints.add': on('breakpoints', (state, own) => only(withOverlay(state, openBreakpointForm(own.pipelineKey, {})))),
    'breakpoints.edit': on('breakpoints', (state, own) => {
      const { breakpoint, watch } = chosen(state, own);
      if (breakpoint) {
        const why = cannotChange(state);
        return only(why === undefined ? withOverlay(state, openBreakpointForm(own.pipelineKey, breakpoint)) : told(state, why));
      }
      if (!watch) return nothing(state);
      const run = state.open?.view.run?.pipeline_key === own.pipelineKey ? state.open : undefined;
      return only(run ? withScreen(state, newWatchedScreen(run.runId, watch.expression)) : told(state, 'Open a run first: Enter on a watch shows its value at every step.'));
    }),
    'breakpoints.toggle': on('breakpoints', (state, own) => {
      const { breakpoint } = chosen(state, own);
      return breakpoint ? only(state, { type: 'setBreakpoint', id: breakpoint.id, enabled: !breakpoint.enabled }) : nothing(state);
    }),
    'breakpoints.remove': on('breakpoints', (state, own) => {
      const { breakpoint, watch } = chosen(state, own);
      if (breakpoint) return only(told(state, `Breakpoint #${breakpoint.number} removed.`), { type: 'removeBreakpoint', id: breakpoint.id });
      return watch ? only(state, { type: 'write', write: { kind: 'removeWatch', id: watch.id } }) : nothing(state);
    }),
    'breakpoints.onError': on('breakpoints', (state, own) => {
      const existing = breakpointsOf(state, own.pipelineKey).find((one) => one.kind === 'error' && one.target === null);
      return existing ? only(state, { type: 'removeBreakpoint', id: existing.id }) : only(state, { type: 'addBreakpoint', pipelineKey: own.pipelineKey, kind: 'error', target: null });
    }),
    'breakpoints.watch': on('breakpoints', (state, own) => only(withOverlay(state, openWatchForm(own.pipelineKey)))),
  },
  commands: {
    breakpoints: {
      usage: 'breakpoints [PIPELINE]', help: 'what stops the runs of a pipeline, and what is watched', plain: pipelineKeys,
      run: (state, words) => {
        const key = words.plain[0] === undefined ? (state.open?.view.run?.pipeline_key ?? pipelineToStart(state)?.pipeline_key) : pipelineNamed(state, words.plain[0]).pipeline_key;
        if (key === undefined) throw new UserError('usage', 'no pipeline is registered, and breakpoints belong to one');
        return only(withScreen(state, newBreakpointsScreen(key)));
      },
    },
  },
};
