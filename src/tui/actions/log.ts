import { levelRank } from '../../core/levels.ts';
import { LogLevel } from '../../protocol/vocabulary.ts';
import { focusedArea } from '../layout.ts';
import { findLine, isFiltered, lineHolds, rowAt, scanLog, scrolledTo } from '../model/log.ts';
import { farthestLeft } from '../model/log-sideways.ts';
import { selectedStep } from '../model/steps.ts';
import type { LogPane, OpenRun, State } from '../state.ts';
import { only, told, withLog, withOverlay, withPrompt, withRun, type Action } from '../update/result.ts';

/** Cells that a press of `h` or `l` moves sideways. */
const SIDEWAYS = 16;

/** The log with other filters, scanned anew. */
export function refilter(run: OpenRun, change: Partial<LogPane>): OpenRun {
  return scanLog({ ...run, log: { ...run.log, ...change } }, true);
}

function goTo(state: State, index: number): State {
  return withRun(state, (run) => {
    const height = focusedArea(state, { ...run, pane: 'log' }).rows;
    const { log } = run;
    const top = log.follows ? Math.max(log.matchFirst, log.matchCount - height) : log.top;
    // A line that was out of sight comes to the middle, with what led to it above.
    const visible = index >= top && index < top + height;
    const near = visible ? top : Math.max(log.matchFirst, index - Math.floor(height / 2));
    return { ...run, log: { ...log, cursor: index, follows: false, frozenCount: log.follows ? log.matchCount : log.frozenCount, top: scrolledTo(log, near, index, height) } };
  });
}

/** Sideways by some cells, never beyond the end of the longest line in sight. */
function sideways(by: number): Action {
  return (state) => {
    const { log } = state.open!;
    const farthest = farthestLeft(state.open!, focusedArea(state, state.open!));
    const from = Math.min(log.left, farthest);
    const left = Math.max(0, Math.min(farthest, from + by));
    if (left === from) return only(told(state, by > 0 ? (farthest === 0 ? 'Every line in sight is shown whole.' : 'The longest line in sight ends here.') : 'The lines begin here.'));
    return only(withLog(state, (one) => ({ ...one, left, wraps: false })));
  };
}

function error(direction: 1 | -1): Action {
  return (state) => {
    const { log, view } = state.open!;
    const index = findLine(log, log.cursor, direction, (one) => view.logs.levelAt(one) >= levelRank('error'));
    if (index === -1) return only(told(state, 'No error passes the filters of the log; F switches them off.'));
    return only(withRun(goTo(state, index), (run) => ({ ...run, pane: 'log' })));
  };
}

function match(direction: 1 | -1): Action {
  return (state) => only(searchFrom(state, direction));
}

/** The next line with the words searched for, in a direction. */
export function searchFrom(state: State, direction: 1 | -1): State {
  const { log, view } = state.open!;
  const words = log.search.toLowerCase();
  const index = findLine(log, log.cursor, direction, (one) => lineHolds(view.logs.at(one), words));
  return index === -1 ? told(state, `"${log.search}" is not in the log${isFiltered(log) ? ' that the filters show; F switches them off' : ''}.`) : goTo(state, index);
}

export const logActions = {
  'log.freeze': (state) =>
    only(withRun(state, (run) => {
      const { log } = run;
      if (!log.follows) return { ...run, log: { ...log, follows: true, cursor: Math.max(log.matchFirst, log.matchCount - 1), frozenCount: log.matchCount } };
      const height = focusedArea(state, run).rows;
      return { ...run, log: { ...log, follows: false, frozenCount: log.matchCount, top: Math.max(log.matchFirst, log.matchCount - height) } };
    })),
  'log.nextError': error(1),
  'log.previousError': error(-1),
  'log.filter': (state) => {
    const text = state.open!.log.filterText;
    return only(withPrompt(withRun(state, (run) => ({ ...run, pane: 'log' })), 'filter', text));
  },
  'log.filtersOff': (state) => {
    const { log } = state.open!;
    if (!log.filtersOff && !isFiltered(log)) return only(told(state, 'No filter is set; f sets one.'));
    return only(told(withRun(state, (run) => refilter(run, { filtersOff: !log.filtersOff })), log.filtersOff ? 'Filters are on again.' : 'Filters are off; F switches them on again.'));
  },
  'log.level': (state) => {
    const levels = LogLevel.options;
    const next = levels[(levels.indexOf(state.open!.log.leastLevel) + 1) % levels.length]!;
    return only(told(withRun(state, (run) => refilter(run, { leastLevel: next, filtersOff: false })), next === 'debug' ? 'The log shows all levels.' : `The log shows ${next} and worse.`));
  },
  'log.step': (state) => {
    const { onlyStep } = state.open!.log;
    const step = selectedStep(state.open!)!;
    const wanted = onlyStep === undefined ? step.key : undefined;
    return only(told(withRun(state, (run) => refilter(run, { onlyStep: wanted, filtersOff: false })), wanted ? `The log shows step ${step.display} ${step.name}; t shows all.` : 'The log shows all steps.'));
  },
  'log.wrap': (state) => only(withLog(state, (log) => ({ ...log, wraps: !log.wraps, left: 0 }))),
  'log.search': (state) => {
    const { search } = state.open!.log;
    return only(withPrompt(state, 'search', '', search));
  },
  'log.nextMatch': match(1),
  'log.previousMatch': match(-1),
  'log.left': sideways(-SIDEWAYS),
  'log.right': sideways(SIDEWAYS),
  'log.lineStart': (state) => only(withLog(state, (log) => ({ ...log, left: 0 }))),
  'log.open': (state) => {
    const row = rowAt(state.open!, state.open!.log.cursor);
    return only(row ? withOverlay(state, { type: 'logLine', row, top: 0 }) : state);
  },
} satisfies Record<string, Action>;
