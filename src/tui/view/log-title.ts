import { plural } from '../../core/format.ts';
import { focusedArea, layoutOf } from '../layout.ts';
import { isFiltered, shownCount } from '../model/log.ts';
import { logNotes } from '../model/log-notes.ts';
import { hitPlaces, searchedPart } from '../model/log-search.ts';
import { leftOf } from '../model/log-sideways.ts';
import { selectedStep, stepsOf } from '../model/steps.ts';
import { clip, lineWidth, span, widthOf, type Line, type Span } from '../output/line.ts';
import type { OpenRun, State } from '../state.ts';

/** Below this what a view has to say is said in few words. */
export const NARROW = 60;

/** Cells of a filter that stay where there is little room. */
const LEAST_FILTER = 6;

/**
 * What stands in the title of the log: how much there is, what is hidden, and whether it moves; `brief`, in few words and
 * what changes first. Of more than `room` cells the filter gives way, which whoever typed it knows, then the step; and
 * what still does not fit begins with what changes, so that the end is what is cut.
 */
export function logTitle(state: State, run: OpenRun, { brief = false, room = Infinity }: { readonly brief?: boolean; readonly room?: number } = {}): Line {
  const words = filterWords(run);
  const whole = titleWith(state, run, brief, words);
  const over = lineWidth(whole) - room;
  if (over <= 0) return whole;
  const less = clip(words, Math.max(LEAST_FILTER, widthOf(words) - over), state.glyphs.more);
  const shorter = [titleWith(state, run, brief, less), titleWith(state, run, brief, less, false)];
  return shorter.find((one) => lineWidth(one) <= room) ?? titleWith(state, run, true, less, false);
}

/** What hides lines, all of it. */
function filterWords({ log, view }: OpenRun): string {
  const words = [
    log.onlyId === undefined ? undefined : `${log.onlyId.name}=${log.onlyId.value}`,
    log.leastLevel === 'debug' ? undefined : `level>=${log.leastLevel}`,
    log.onlyStep === undefined ? undefined : `step ${stepsOf(view).find((step) => step.key === log.onlyStep)?.display ?? log.onlyStep}`,
    log.filterText === '' ? undefined : log.filterText,
  ];
  return words.filter((one) => one !== undefined).join(' ');
}

function titleWith(state: State, run: OpenRun, brief: boolean, words: string, withPlace = true): Line {
  const { log } = run;
  const parts: Span[] = [span(brief ? shownCount(log).toLocaleString('en-US') : plural(shownCount(log), 'line'), 'muted')];
  if (isFiltered(log)) {
    parts.push(span(` of ${(run.view.logCount - run.view.logs.first).toLocaleString('en-US')}  ${words}`, 'accent'));
  } else if (log.filtersOff) parts.push(span('  filters off', 'accent'));
  for (const { text, tone } of logNotes(run)) parts.push(span(`  ${text}`, tone));
  // Keys act on the selected step, and nothing else names it where the log stands alone.
  const step = !withPlace || layoutOf(state, run).kind === 'split' ? undefined : selectedStep(run);
  if (step) parts.push(span(` ${state.glyphs.dot} step ${step.display}`, 'muted'));
  const left = leftOf(run, focusedArea(state, { ...run, pane: 'log' }));
  if (withPlace && left > 0) parts.push(span(`  ${state.glyphs.arrow} ${left}`, 'accent'));
  const moves = movingParts(state, run, brief);
  return brief ? [...moves.flatMap((one) => [one, span('  ')]), ...parts] : [...parts, ...moves.flatMap((one) => [span('  '), one])];
}

/** What changes while one looks: where among the matches the cursor is, and what came since the view was frozen. */
function movingParts(state: State, run: OpenRun, brief: boolean): readonly Span[] {
  const { log } = run;
  const search = log.search === '' ? [] : [span(`${brief ? '/' : `"${log.search}" `}${matchCounter(run)}`, 'accent')];
  if (log.follows) return search;
  const fresh = log.matchCount - log.frozenCount;
  const isNarrow = state.size.columns < NARROW;
  const news = fresh > 0 ? ` +${fresh.toLocaleString('en-US')} new` : '';
  const frozen = span(`${isNarrow && fresh > 0 ? '' : 'frozen '}${state.glyphs.below}${news}`, fresh > 0 ? 'warn' : 'muted');
  return brief ? [frozen, ...search] : [...search, frozen];
}

/** `3/57`: which of the matches the cursor is on. */
function matchCounter(run: OpenRun): string {
  const hits = hitPlaces(run);
  const at = hits.placeOf(run.log.cursor);
  const isOn = at < hits.length && hits.at(at) === run.log.cursor;
  const part = searchedPart(run);
  return `${isOn ? at - hits.first + 1 : '-'}/${hits.length - hits.first}${part < 1 ? ` so far, ${Math.floor(part * 100)} %` : ''}`;
}
