import { contextWords } from '../../core/filter.ts';
import type { LogBookmarkRow } from '../../protocol/debug-rows.ts';
import type { LogRow } from '../../protocol/rows.ts';
import { finalRunStatuses } from '../../protocol/vocabulary.ts';
import { jsonLine } from '../json/lines.ts';
import type { Area } from '../layout.ts';
import { rowAt, shownCount } from '../model/log.ts';
import { hasScrollbar } from '../model/log-scrollbar.ts';
import { CONTEXT_COLUMNS, dataText, leftOf, messageCells } from '../model/log-sideways.ts';
import { treeUnder } from '../model/log-tree.ts';
import { stepsOf } from '../model/steps.ts';
import { clip, clipLine, dropCells, fit, lineWidth, span, widthOf, wrapUpTo, type Line, type Span } from '../output/line.ts';
import type { OpenRun, State } from '../state.ts';
import { withScrollbar } from './log-scrollbar.ts';
import { searched } from './searched.ts';
import { formatMoment, TIME_CELLS } from './times.ts';

const levelWords = { debug: 'debug', info: 'info ', warn: 'WARN ', error: 'ERROR', critical: 'CRIT ' } as const;

/** Cells before the tree under a line: the cursor's, and some that set it off. */
const TREE_INDENT = 4;
/** A wrapped line, or a value under one, takes this part of the pane at most: nothing may push its own beginning out of sight. */
const MOST_OF_PANE = 0.75;
/** A note is shown behind its line in this many cells at least, and in no more than a part of the line. */
const NOTE_CELLS = { least: 8, part: 0.5 } as const;

/** The lines of the log that fit, newest last. Only these are made, however long the log is. */
export function logPane(state: State, run: OpenRun, area: Area): readonly Line[] {
  const { log } = run;
  if (shownCount(log) === 0) return emptyLog(run);
  const bar = hasScrollbar(run, area);
  const columns = bar ? area.columns - 1 : area.columns;
  const draw = lineDrawer(state, run, { ...area, columns });

  if (log.follows) {
    const lines: Line[] = [];
    for (let place = log.matchCount - 1; place >= log.matchFirst && lines.length < area.rows; place -= 1) lines.unshift(...draw(place).lines);
    return lines.slice(-area.rows);
  }
  // From the cursor up, so that no more is drawn than fits; wrapped and unfolded lines may push the top out of sight.
  const top = Math.min(log.top, log.cursor);
  const atCursor = draw(log.cursor);
  const above: Line[] = [];
  for (let place = log.cursor - 1; place >= top && above.length + atCursor.cursorEnd < area.rows; place -= 1) above.unshift(...draw(place).lines);
  const upTo = above.length + atCursor.cursorEnd;
  const lines = [...above, ...atCursor.lines].slice(Math.max(0, upTo - area.rows));
  for (let place = log.cursor + 1; place < log.matchCount && lines.length < area.rows; place += 1) lines.push(...draw(place).lines);
  const shown = lines.slice(0, area.rows);
  return bar ? withScrollbar(state, run, shown, area, top) : shown;
}

function emptyLog(run: OpenRun): readonly Line[] {
  if (run.view.logCount > 0) return [[span(` No line of ${(run.view.logCount - run.view.logs.first).toLocaleString('en-US')} passes the filters. F switches them off, f edits them.`, 'muted')]];
  // Nothing is known of a log before its end was read.
  const { lostAt, state } = run.link;
  if (lostAt !== undefined) return [[span(' No line was read before the link was lost.', 'warn')]];
  if (run.reading?.problem !== undefined) return [[span(' Nothing of the log could be read.', 'warn')]];
  if (state !== 'live' || run.reading?.isWhole === false) return [[span(' Reading the log…', 'muted')]];
  const status = run.view.run?.status;
  return [[span(status === undefined || !finalRunStatuses.has(status) ? ' No line yet.' : ' The run logged nothing.', 'muted')]];
}

interface DrawnLine {
  readonly lines: readonly Line[];
  /** Rows up to and with the one that has the cursor, or would. */
  readonly cursorEnd: number;
}

/** Draws a line of the log with what is unfolded under it. */
function lineDrawer(state: State, run: OpenRun, area: Area): (place: number) => DrawnLine {
  const { log } = run;
  const displays = new Map(stepsOf(run.view).map((step) => [step.key, step.display]));
  const marks = new Map(run.bookmarks.map((one) => [one.seq, one]));
  const left = leftOf(run, area);
  const hasCursor = run.pane === 'log' && !log.follows;
  return (place) => {
    const row = rowAt(run, place)!;
    const isHere = hasCursor && place === log.cursor;
    const head = rowLines(state, run, row, { isHere: isHere && log.inside === undefined, display: displays.get(row.step_key ?? ''), mark: marks.get(row.seq), area, left });
    const tree = treeLines(state, run, row, isHere, area);
    return { lines: [...head, ...tree.lines], cursorEnd: head.length + tree.cursorEnd };
  };
}

/** What stands under a line that is unfolded. */
function treeLines(state: State, run: OpenRun, row: LogRow, isHere: boolean, area: Area): DrawnLine {
  const lines: Line[] = [];
  let cursorEnd = 0;
  for (const one of treeUnder(run.log, row)) {
    const here = isHere && one.path === run.log.inside;
    const drawn = upTo(jsonLine(one, state.glyphs, area.columns - TREE_INDENT), mostRows(area), state.glyphs.more);
    lines.push(...drawn.map((line, index): Line => [span((here && index === 0 ? state.glyphs.cursor : '').padEnd(TREE_INDENT), 'accent'), ...searched(line, run.log.search, here)]));
    if (here) cursorEnd = lines.length;
  }
  return { lines, cursorEnd };
}

function mostRows(area: Area): number {
  return Math.max(2, Math.floor(area.rows * MOST_OF_PANE));
}

/** At most so many rows, the last ending in `mark` when there were more. */
function upTo(lines: readonly Line[], most: number, mark: string): readonly Line[] {
  return lines.length <= most ? lines : [...lines.slice(0, most - 1), [...lines[most - 1]!.slice(0, -1), span(` ${mark}`, 'muted')]];
}

interface RowLook {
  readonly isHere: boolean;
  readonly display: string | undefined;
  readonly mark: LogBookmarkRow | undefined;
  readonly area: Area;
  readonly left: number;
}

function rowLines(state: State, run: OpenRun, row: LogRow, { isHere, display, mark, area, left }: RowLook): readonly Line[] {
  const { log } = run;
  const { glyphs } = state;
  const { columns } = area;
  const time = fit(formatMoment(row.timestamp, state.timeFormat, run.view.run?.started_at ?? null, state.now), TIME_CELLS);
  const head: Span[] = [
    span(isHere ? glyphs.cursor : ' ', 'accent'),
    span(`${time} `, 'muted'),
    span(`${levelWords[row.log_level]} `, row.log_level === 'info' ? 'muted' : row.log_level),
    ...(columns >= CONTEXT_COLUMNS ? [span(`${fit(contextWords[row.execution_context], 8)} `, 'muted')] : []),
    span(fit(display ?? '', 3), 'muted'),
    span(mark ? glyphs.bookmark : ' ', 'accent'),
  ];
  const room = messageCells(columns);
  const token = row.log_level === 'critical' ? 'error' : row.log_level;
  const style = isHere ? 'selection' : token;
  // Of a message that fills its room alone, what comes behind is not even written out.
  const isFull = !log.wraps && row.message.length > (left + room) * 16;
  const data = log.unfolded.has(row.seq) ? ` ${glyphs.unfolded}` : isFull ? '' : dataText(row, log.wraps ? undefined : left + room);
  const note = mark === undefined || mark.note === '' ? '' : `${glyphs.bookmark} ${mark.note.replaceAll(/\s+/g, ' ')}`;

  if (log.wraps) {
    const most = mostRows(area);
    const [first = '', ...more] = wrapUpTo(clip(`${row.message}${data}`, room * most, glyphs.more), room, most, glyphs.more);
    const indent = ' '.repeat(columns - room);
    return [
      [...head, ...marked(first, log.search, style)],
      ...more.map((one): Line => [span(indent), ...marked(one, log.search, style)]),
      ...(note === '' ? [] : wrapUpTo(note, room, most, glyphs.more).map((one): Line => [span(indent), span(one, 'accent')])),
    ];
  }
  // A note is what somebody wants to be read: the line gives way to it.
  const noteCells = note === '' ? 0 : Math.min(widthOf(note), Math.max(NOTE_CELLS.least, Math.floor(room * NOTE_CELLS.part)));
  const message = dropCells(row.message, left);
  // How wide a message is, is measured only where it is out of sight: it may have 20 kB.
  const rest = message === '' ? dropCells(data, left - widthOf(row.message)) : data;
  const texts: readonly Span[] = [...marked(message, log.search, style), span(rest, 'muted')];
  if (noteCells === 0) return [[...head, ...texts]];
  const line = clipLine(texts, Math.max(1, room - noteCells - 1), glyphs.more);
  return [[...head, ...line, span(' '), span(clip(note, room - lineWidth(line) - 1, glyphs.more), 'accent')]];
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
