import { contextWords } from '../../core/filter.ts';
import { plural } from '../../core/format.ts';
import type { IndexList } from '../../core/index-list.ts';
import type { LogRow } from '../../protocol/rows.ts';
import { finalRunStatuses } from '../../protocol/vocabulary.ts';
import { focusedArea, layoutOf, type Area } from '../layout.ts';
import { isFiltered, lineHolds, rowAt, shownCount } from '../model/log.ts';
import { CONTEXT_COLUMNS, dataText, farthestLeft, messageCells } from '../model/log-sideways.ts';
import { selectedStep, stepsOf } from '../model/steps.ts';
import { dropCells, fit, span, widthOf, wrap, type Line, type Span } from '../output/line.ts';
import type { OpenRun, State } from '../state.ts';
import { formatMoment, TIME_CELLS } from './times.ts';

const levelWords = { debug: 'debug', info: 'info ', warn: 'WARN ', error: 'ERROR', critical: 'CRIT ' } as const;

/** The lines of the log that fit, newest last. Only these are made, however long the log is. */
export function logPane(state: State, run: OpenRun, area: Area): readonly Line[] {
  const { log } = run;
  if (shownCount(log) === 0) return emptyLog(run);
  const displays = new Map(stepsOf(run.view).map((step) => [step.key, step.display]));
  const left = Math.min(log.left, farthestLeft(run, area));
  const linesAt = (index: number): readonly Line[] => rowLines(state, run, rowAt(run, index)!, index, displays, area.columns, left);

  if (log.follows) {
    const lines: Line[] = [];
    for (let index = log.matchCount - 1; index >= log.matchFirst && lines.length < area.rows; index -= 1) lines.unshift(...linesAt(index));
    return lines.slice(-area.rows);
  }
  const lines: Line[] = [];
  let cursorEnd = 0;
  for (let index = Math.min(log.top, log.cursor); index < log.matchCount && (lines.length < area.rows || index <= log.cursor); index += 1) {
    lines.push(...linesAt(index));
    if (index === log.cursor) cursorEnd = lines.length;
  }
  // Wrapped lines may push the cursor out of sight; then the top gives way.
  const skip = Math.max(0, cursorEnd - area.rows);
  return lines.slice(skip, skip + area.rows);
}

/** What stands in the title of the log: how much there is, what is hidden, and whether it moves; `brief` counts without a word. */
export function logTitle(state: State, run: OpenRun, brief = false): Line {
  const { log } = run;
  const parts: Span[] = [span(brief ? shownCount(log).toLocaleString('en-US') : plural(shownCount(log), 'line'), 'muted')];
  if (isFiltered(log)) {
    const words = [
      log.leastLevel === 'debug' ? undefined : `level>=${log.leastLevel}`,
      log.onlyStep === undefined ? undefined : `step ${stepsOf(run.view).find((step) => step.key === log.onlyStep)?.display ?? log.onlyStep}`,
      log.filterText === '' ? undefined : log.filterText,
    ];
    parts.push(span(` of ${(run.view.logCount - run.view.logs.first).toLocaleString('en-US')}  ${words.filter((one) => one !== undefined).join(' ')}`, 'accent'));
  } else if (log.filtersOff) parts.push(span('  filters off', 'accent'));
  // Keys act on the selected step, and nothing else names it where the log stands alone.
  const step = layoutOf(state, run).kind === 'split' ? undefined : selectedStep(run);
  if (step) parts.push(span(` ${state.glyphs.dot} step ${step.display}`, 'muted'));
  if (log.search !== '') parts.push(span(`  "${log.search}" ${matchCounter(run)}`, 'accent'));
  const left = Math.min(log.left, farthestLeft(run, focusedArea(state, { ...run, pane: 'log' })));
  if (left > 0) parts.push(span(`  ${state.glyphs.arrow} ${left}`, 'accent'));
  if (!log.follows) {
    const fresh = log.matchCount - log.frozenCount;
    parts.push(span(`  frozen ${state.glyphs.below}${fresh > 0 ? ` +${fresh.toLocaleString('en-US')} new` : ''}`, fresh > 0 ? 'warn' : 'muted'));
  }
  return parts;
}

/** `3/57`: which of the matches the cursor is on. */
function matchCounter(run: OpenRun): string {
  const { log } = run;
  const words = log.search.toLowerCase();
  if (counted?.words !== words || counted.matches !== log.matches || counted.upTo > log.matchCount) counted = { words, matches: log.matches, upTo: log.matchFirst, indexes: [] };
  // Only what came since the last frame is looked at: the list grows in place.
  for (; counted.upTo < log.matchCount; counted.upTo += 1) if (lineHolds(rowAt(run, counted.upTo)!, words)) counted.indexes.push(counted.upTo);
  const at = counted.indexes.indexOf(log.cursor);
  return `${at === -1 ? '-' : at + 1}/${counted.indexes.length}`;
}

let counted: { readonly words: string; readonly matches: IndexList; upTo: number; readonly indexes: number[] } | undefined;

function emptyLog(run: OpenRun): readonly Line[] {
  if (run.view.logCount > 0) return [[span(` No line of ${(run.view.logCount - run.view.logs.first).toLocaleString('en-US')} passes the filters. F switches them off, f edits them.`, 'muted')]];
  const status = run.view.run?.status;
  return [[span(status === undefined || !finalRunStatuses.has(status) ? ' No line yet.' : ' The run logged nothing.', 'muted')]];
}

function rowLines(state: State, run: OpenRun, row: LogRow, index: number, displays: ReadonlyMap<string, string>, columns: number, left: number): readonly Line[] {
  const { log } = run;
  const selected = index === log.cursor && run.pane === 'log' && !log.follows;
  const time = fit(formatMoment(row.timestamp, state.timeFormat, run.view.run?.started_at ?? null, state.now), TIME_CELLS);
  const head: Span[] = [
    span(selected ? state.glyphs.cursor : ' ', 'accent'),
    span(`${time} `, 'muted'),
    span(`${levelWords[row.log_level]} `, row.log_level === 'info' ? 'muted' : row.log_level),
    ...(columns >= CONTEXT_COLUMNS ? [span(`${fit(contextWords[row.execution_context], 8)} `, 'muted')] : []),
    span(`${fit((row.step_key === null ? undefined : displays.get(row.step_key)) ?? '', 3)} `, 'muted'),
  ];
  const room = messageCells(columns);
  const token = row.log_level === 'info' || row.log_level === 'debug' ? row.log_level : row.log_level === 'critical' ? 'error' : row.log_level;
  const data = dataText(row);
  const style = selected ? 'selection' : token;

  if (!log.wraps) {
    const message = dropCells(row.message, left);
    const rest = left > widthOf(row.message) ? dropCells(data, left - widthOf(row.message)) : data;
    return [[...head, ...marked(message, log.search, style), span(rest, 'muted')]];
  }
  const [first = '', ...more] = wrap(`${row.message}${data}`, room);
  const indent = ' '.repeat(columns - room);
  return [[...head, ...marked(first, log.search, style)], ...more.map((one): Line => [span(indent), ...marked(one, log.search, style)])];
}

/** Text with the words searched for standing out. */
function marked(text: string, search: string, token: Span['token']): readonly Span[] {
  if (search === '') return [span(text, token)];
  const words = search.toLowerCase();
  const spans: Span[] = [];
  let from = 0;
  for (let at = text.toLowerCase().indexOf(words); at !== -1; at = text.toLowerCase().indexOf(words, from)) {
    spans.push(span(text.slice(from, at), token), span(text.slice(at, at + words.length), 'match'));
    from = at + words.length;
  }
  return [...spans, span(text.slice(from), token)];
}
