import { keyFor } from '../keymap/key-marks.ts';
import { correlationIds } from '../../core/correlation.ts';
import { LogLevel } from '../../protocol/vocabulary.ts';
import { focusedArea } from '../layout.ts';
import { frozen, isFiltered, placeOfReader, placeOfSeq, rowAt, scanLog, scrolledTo } from '../model/log.ts';
import { errorPlaces, nextLandmark, type NextLandmark } from '../model/log-landmarks.ts';
import { hitPlaces, knowsNext, searchedPart, searchLog } from '../model/log-search.ts';
import { farthestLeft, MOST_LEFT } from '../model/log-sideways.ts';
import { toggleLine } from '../model/log-tree.ts';
import { selectedStep } from '../model/steps.ts';
import { clip } from '../output/line.ts';
import type { Prompt } from '../overlay.ts';
import type { LogPane, OpenRun, State } from '../state.ts';
import { LASTING_MS, only, replaceOverlay, told, withLog, withPrompt, withRun, type Action } from '../update/result.ts';

/** Cells that a press of `h` or `l` moves sideways. */
const SIDEWAYS = 16;

/** The log with other filters, scanned anew. */
export function refilter(run: OpenRun, change: Partial<LogPane>): OpenRun {
  // Enter on a filter that is applied as it is typed: what was found of it stays.
  const { filter: _parsed, ...others } = change;
  const isSame = 'filterText' in change && Object.entries(others).every(([name, value]) => run.log[name as keyof LogPane] === value) && run.log.scannedLines === run.view.logs;
  return isSame ? run : scanLog({ ...run, log: { ...run.log, ...change } }, true);
}

/** The log standing still with the cursor on a place, and what led there above it. */
export function goTo(state: State, index: number): State {
  return withRun(state, (run) => {
    const height = focusedArea(state, { ...run, pane: 'log' }).rows;
    const { log } = run;
    const top = log.follows ? Math.max(log.matchFirst, log.matchCount - height) : log.top;
    // A line that was out of sight comes to the middle, with what led to it above.
    const visible = index >= top && index < top + height;
    const near = visible ? top : Math.max(log.matchFirst, index - Math.floor(height / 2));
    return { ...run, log: { ...log, ...frozen(run), cursor: index, inside: undefined, top: scrolledTo(log, near, index, height) } };
  });
}

/** The log at the line with this number, or at what is left near it, with why. */
export function goToLine(state: State, seq: number): State {
  const run = state.open!;
  const place = placeOfSeq(run, seq);
  const there = withRun(goTo(state, Math.max(run.log.matchFirst, Math.min(place, run.log.matchCount - 1))), (open) => ({ ...open, pane: 'log' as const }));
  if (rowAt(run, place)?.seq === seq) return there;
  const isGone = run.view.logs.length > run.view.logs.first && seq < run.view.logs.seqAt(run.view.logs.first);
  return told(there, isGone ? 'That line is older than the lines that are kept here.' : 'The filters hide that line, and this is the next one; F switches them off.', 'warn');
}

/** Sideways by some cells, never beyond the end of the longest line in sight. */
function sideways(by: number): Action {
  return (state) => {
    const { log } = state.open!;
    const farthest = farthestLeft(state.open!, focusedArea(state, state.open!));
    const from = Math.min(log.left, farthest);
    const left = Math.max(0, Math.min(farthest, from + by));
    if (left === from) return only(told(state, by > 0 ? (farthest === 0 ? 'Every line in sight is shown whole.' : farthest === MOST_LEFT ? 'Lines are shown no further sideways; Enter unfolds one.' : 'The longest line in sight ends here.') : 'The lines begin here.'));
    return only(withLog(state, (one) => ({ ...one, left, wraps: false })));
  };
}

function error(direction: 1 | -1): Action {
  return (state) => {
    const found = nextLandmark(errorPlaces(state.open!), state.open!.log.cursor, direction);
    if (!found) return only(told(state, 'No error passes the filters of the log; F switches them off.'));
    return only(told(withRun(goTo(state, found.place), (run) => ({ ...run, pane: 'log' })), `Error ${landmarkWords(found, direction)}`));
  };
}

/** `2/7`, and whether the search began anew at the other end. */
export function landmarkWords({ number, count, wrapped }: NextLandmark, direction: 1 | -1): string {
  return `${number}/${count}${wrapped && count > 1 ? `, from the ${direction === 1 ? 'top' : 'end'} again` : ''}.`;
}

function match(direction: 1 | -1): Action {
  return (state) => only(searchFrom(state, direction));
}

/** The next line with the words searched for, in a direction. */
export function searchFrom(before: State, direction: 1 | -1): State {
  const state = withRun(before, (run) => searchLog({ ...run, log: { ...run.log, seeking: undefined } }));
  const { log } = state.open!;
  if (!knowsNext(state.open!, direction)) return told(withLog(state, (one) => ({ ...one, seeking: direction })), `Searching… ${Math.floor(searchedPart(state.open!) * 100)} %`);
  const found = nextLandmark(hitPlaces(state.open!), log.cursor, direction);
  if (!found) return told(state, `"${log.search}" is not in the log${isFiltered(log) ? ' that the filters show; F switches them off' : ''}.`);
  const next = goTo(state, found.place);
  return found.wrapped ? told(next, `Match ${landmarkWords(found, direction)}`) : next;
}

/** The log standing still where it is. */
export function stopped(state: State): State {
  return withRun(state, (run) => {
    const { log } = run;
    if (!log.follows) return run;
    const height = focusedArea(state, { ...run, pane: 'log' }).rows;
    return { ...run, log: { ...log, ...frozen(run), top: Math.max(log.matchFirst, log.matchCount - height) } };
  });
}

/** The log with the lines that share the id of the one under the cursor, or with all of them again. */
function correlated(state: State): State {
  const run = state.open!;
  const { onlyId } = run.log;
  if (onlyId) return told(withRun(state, (open) => refilter(open, { onlyId: undefined })), 'The log shows all lines again.');
  const row = rowAt(run, run.log.cursor)!;
  const [id, ...others] = correlationIds(row);
  if (!id) return told(state, 'This line carries no id: no correlation, request, trace, job, prediction or generation id.');
  const next = withRun(stopped(state), (open) => refilter(open, { onlyId: id, filtersOff: false }));
  const more = others.length === 0 ? '' : ` It has ${others.map(({ name }) => name).join(', ')} too.`;
  return told(next, `Only lines with ${id.name} ${clip(id.value, MOST_ID_CELLS, state.glyphs.more)}; ${keyFor('log.correlate')} shows all.${more}`, 'info', LASTING_MS);
}

/** Cells of an id in what is said. */
const MOST_ID_CELLS = 40;

export const logActions = {
  'log.freeze': (state) =>
    only(state.open!.log.follows
      ? stopped(state)
      : withLog(state, (log) => ({ ...log, follows: true, inside: undefined, cursor: Math.max(log.matchFirst, log.matchCount - 1), frozenCount: log.matchCount }))),
  'log.nextError': error(1),
  'log.previousError': error(-1),
  'log.filter': (state) => {
    const text = state.open!.log.filterText;
    const opened = withPrompt(withRun(state, (run) => ({ ...run, pane: 'log' })), 'filter', text);
    const prompt = opened.overlays.at(-1) as Prompt;
    return only(replaceOverlay(opened, { ...prompt, reading: placeOfReader(state.open!) }));
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
    return only(told(withRun(state, (run) => refilter(run, { onlyStep: wanted, filtersOff: false })), wanted ? `The log shows step ${step.display} ${step.name}; ${keyFor('log.step')} shows all.` : 'The log shows all steps.'));
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
  'log.open': (state) => only(withRun(stopped(state), toggleLine)),
  'log.correlate': (state) => only(correlated(state)),
  'log.jump': (state) => only(withPrompt(state, 'jump')),
} satisfies Record<string, Action>;
