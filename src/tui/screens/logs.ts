import { isHalfTyped, parseFilter, type Filter } from '../../core/filter.ts';
import { plural, shortId } from '../../core/format.ts';
import { levelRank } from '../../core/levels.ts';
import { limits } from '../../protocol/limits.ts';
import type { LogRow } from '../../protocol/rows.ts';
import { LogLevel } from '../../protocol/vocabulary.ts';
import type { Command } from '../dialogs/commands/command.ts';
import { keyFor } from '../keymap/key-marks.ts';
import { span, type Line } from '../output/line.ts';
import type { News } from '../outside/followings.ts';
import type { State } from '../state.ts';
import { openRun, showRun } from '../update/open-run.ts';
import { only, told, withPrompt, withRun, type Update } from '../update/result.ts';
import { columnHeads, drawnRows, lineFacts, passing } from './logs/lines.ts';
import { answerTo, newScreen, on, problemOf, sayRows, withOwn, withScreen, type Screen, type ScreenBase, type ScreenRow } from './screen.ts';

/** The newest lines of all runs, live. */
export interface LogsState extends ScreenBase {
  readonly name: 'logs';
  /** Lines in the order in which they came, {@link limits.everyLogHeld} at most; undefined until the first answer. */
  readonly lines: readonly LogRow[] | undefined;
  /** The newest line is followed; otherwise nothing moves. */
  readonly follows: boolean;
  /** Lines that passed when the view was frozen. */
  readonly frozenCount: number;
  /** Lines that came while nothing could be held any more; with `many` they are not even counted. */
  readonly beyond: number | 'many';
  /** Older lines: the place is asked for, and there are none. */
  readonly asksOlder: boolean;
  readonly isAll: boolean;
  readonly round: number;
  readonly filterText: string;
  readonly filter: Filter | undefined;
  readonly filtersOff: boolean;
  readonly leastLevel: LogLevel;
}

export function newLogsScreen(): LogsState {
  return {
    ...newScreen, name: 'logs', lines: undefined, follows: true, frozenCount: 0, beyond: 0, asksOlder: false, isAll: false, round: 0,
    filterText: '', filter: undefined, filtersOff: false, leastLevel: 'debug',
  };
}

function shownLines(state: State, own: LogsState): readonly LogRow[] {
  const { lines = [], filter, leastLevel, filtersOff } = own;
  return filtersOff ? lines : passing(lines, { filter, leastLevel }, lineFacts(state.lists.runs));
}

/** Those of some rows that are not among the lines yet. */
function notIn(lines: readonly LogRow[], rows: readonly LogRow[]): readonly LogRow[] {
  const ids = new Set(rows.map(({ id }) => id));
  for (const { id } of lines) ids.delete(id);
  return ids.size === rows.length ? rows : rows.filter(({ id }) => ids.has(id));
}

/** With the cursor on the newest line, where it is followed. */
function atEnd(state: State, own: LogsState): LogsState {
  const count = shownLines(state, own).length;
  return own.follows ? { ...own, cursor: Math.max(0, count - 1), frozenCount: count } : own;
}

function heard(state: State, own: LogsState, news: News): LogsState {
  if (news.kind !== 'logs') return own;
  const { lines = [] } = own;
  // Where the screen was left and is shown again, what came last may be told once more.
  const fresh = news.isFresh ? news.rows : notIn(lines, news.rows);
  if (!own.follows && lines.length > 0) {
    // Nothing moves under a reader: what would not fit waits, and is read when the newest line is followed again.
    if (news.isFresh) return { ...own, beyond: 'many' };
    if (own.beyond !== 0 || lines.length + fresh.length > limits.everyLogHeld) return { ...own, beyond: own.beyond === 'many' ? 'many' : own.beyond + fresh.length };
    return { ...own, lines: [...lines, ...fresh] };
  }
  const all = news.isFresh ? fresh : [...lines, ...fresh];
  const isCut = all.length > limits.everyLogHeld;
  return atEnd(state, { ...own, lines: isCut ? all.slice(-limits.everyLogHeld) : all, isAll: news.isFresh || isCut ? false : own.isAll });
}

const olderQuestion = ({ lines = [] }: LogsState) => ({ kind: 'olderLogs', before: oldestOf(lines) }) as const;

/** A line that came late may have an older id than those beside it; what lies between would be passed over. */
const LATE_LINES = 32;

function oldestOf(lines: readonly LogRow[]): string {
  return lines.slice(0, LATE_LINES).reduce((newest, { id }) => (id > newest ? id : newest), '');
}

/** Fewer lines than this that pass, and older pages are read for more of them. */
const ENOUGH_LINES = 100;

const isNarrowed = ({ filter, leastLevel, filtersOff }: LogsState): boolean => !filtersOff && (filter !== undefined || leastLevel !== 'debug');

const mayReadOlder = ({ lines = [], isAll }: LogsState): boolean => lines.length > 0 && lines.length < limits.everyLogHeld && !isAll;

/** Older lines are being read: a person asked for them, or too few of those that are here pass. */
function readsOlder(state: State, own: LogsState): boolean {
  return own.asksOlder || (isNarrowed(own) && mayReadOlder(own) && shownLines(state, own).length < ENOUGH_LINES);
}

/** Older lines stand above, and the cursor stays on its line. */
function settled(state: State, own: LogsState): LogsState {
  const older = answerTo(own, olderQuestion(own));
  if (!older) return problemOf(own, olderQuestion(own)) === undefined ? own : { ...own, asksOlder: false };
  const fresh = notIn(own.lines ?? [], older);
  // A page begins among the lines that are known already, so the last one is not empty: nothing in it is new.
  const next: LogsState = { ...own, lines: [...fresh, ...(own.lines ?? [])], asksOlder: false, isAll: fresh.length === 0, answers: {} };
  const before = shownLines(state, own).length;
  const count = shownLines(state, next).length;
  const added = count - before;
  return { ...next, cursor: Math.min(own.cursor + added, Math.max(0, count - 1)), top: before === 0 ? 0 : own.top + added, frozenCount: own.frozenCount + added };
}

/** Moving up freezes the view, and above its first line asks for older ones; the key for the last row follows again. */
function moved(state: State, own: LogsState, _before: LogsState, toEnd: boolean): LogsState {
  if (toEnd) return followed(state, own);
  const count = shownLines(state, own).length;
  const next = own.follows && count > 0 ? { ...own, follows: false, frozenCount: count } : own;
  if (own.cursor !== 0 || !mayReadOlder(own)) return next;
  // What could not be read is asked for once more.
  return { ...next, asksOlder: true, answers: problemOf(own, olderQuestion(own)) === undefined ? own.answers : {} };
}

/** On the newest line again; what could not be held meanwhile is read. */
function followed(state: State, own: LogsState): LogsState {
  const next = { ...own, follows: true, asksOlder: false };
  if (own.beyond === 0) return atEnd(state, next);
  return atEnd(state, { ...next, beyond: 0, round: own.round + 1, lines: undefined, isAll: false });
}

function about(state: State, own: LogsState): Line {
  const problem = problemOf(own, olderQuestion(own));
  if (problem !== undefined) return [span(` ${state.glyphs.status.failed} ${problem}`, 'error')];
  const { lines } = own;
  if (!lines) return [span(' Reading the newest lines…', 'muted')];
  const shown = shownLines(state, own).length;
  const terms = termsOf(own);
  const fresh = shown - own.frozenCount + (own.beyond === 'many' ? 0 : own.beyond);
  return [
    span(` ${countWords(state, own)}${readsOlder(state, own) ? ', older ones are being read' : own.isAll ? ', all there are' : ''}`, 'muted'),
    span(own.filtersOff ? '  filters off' : terms === '' ? '' : `  ${terms}`, 'accent'),
    ...(own.follows ? [] : [span(`  frozen ${state.glyphs.below}${own.beyond === 'many' ? ' many new' : fresh > 0 ? ` +${fresh.toLocaleString('en-US')} new` : ''}`, own.beyond === 'many' || fresh > 0 ? 'warn' as const : 'muted' as const)]),
    span(isFull(own) ? `  ${fullWords(own)}` : '', 'muted'),
  ];
}

/** The filter that is on, as one types it. */
function termsOf({ leastLevel, filterText, filtersOff }: LogsState): string {
  return filtersOff ? '' : [leastLevel === 'debug' ? '' : `level>=${leastLevel}`, filterText].filter((one) => one !== '').join(' ');
}

/** `12 of the newest 553 lines`: how many there are in all is known when all have been read. */
function countWords(state: State, own: LogsState): string {
  const { lines = [], isAll } = own;
  const held = isAll || lines.length === 0 ? plural(lines.length, 'line') : `newest ${plural(lines.length, 'line')}`;
  return isNarrowed(own) ? `${shownLines(state, own).length.toLocaleString('en-US')} of ${isAll || lines.length === 0 ? held : `the ${held}`}` : held;
}

const isFull = ({ lines = [] }: LogsState): boolean => lines.length >= limits.everyLogHeld;

/** What to do where no more lines are held. */
function fullWords(own: LogsState): string {
  return isNarrowed(own) ? `no more are held: ${keyFor('logs.open')} opens the run with all of its lines` : `no more are held: ${keyFor('logs.filter')} narrows, ${keyFor('logs.open')} opens the run`;
}

function rows(state: State, own: LogsState, columns: number): readonly ScreenRow[] {
  if (!own.lines) return [];
  if (own.lines.length === 0) return sayRows(state, 'No run has logged anything yet, or none that you may see. Lines appear here as they are written.', columns);
  const facts = lineFacts(state.lists.runs);
  const shown = shownLines(state, own);
  if (shown.length === 0) {
    const more = readsOlder(state, own) ? ' Older ones are being read.' : isFull(own) ? ' No more are held; `stepscope tail RUN --filter` reads all lines of one run.' : '';
    return sayRows(state, `No line of ${own.lines.length.toLocaleString('en-US')} passes.${more} ${keyFor('logs.filtersOff')} switches the filters off, ${keyFor('logs.filter')} edits them.`, columns);
  }
  return drawnRows(state, shown, facts, columns);
}

/** To the next line of level error or worse. */
function error(direction: 1 | -1) {
  return on('logs', (state, own): Update => {
    const shown = shownLines(state, own);
    const least = levelRank('error');
    for (let step = 1; step <= shown.length; step += 1) {
      const index = (((own.cursor + direction * step) % shown.length) + shown.length) % shown.length;
      if (levelRank(shown[index]!.log_level) >= least) return only(withOwn(state, { ...own, cursor: index, follows: false, frozenCount: own.follows ? shown.length : own.frozenCount }));
    }
    return only(told(state, 'No error is among these lines.'));
  });
}

const narrowed = (state: State, own: LogsState, change: Partial<LogsState>): LogsState => {
  const next = { ...own, ...change };
  return atEnd(state, { ...next, follows: true });
};

const command: Command = {
  usage: 'logs [TERMS]', help: 'the newest lines of all runs, live', isText: true,
  run: (state, { plain: [text = ''] }) => only(withScreen(state, { ...newLogsScreen(), filterText: text, filter: text === '' ? undefined : parseFilter(text) })),
};

export const logsScreen: Screen<LogsState> = {
  title: () => 'logs of everything',
  about,
  rows,
  head: (_state, _own, columns) => [columnHeads(columns)],
  isPart: (_state, own) => !own.isAll,
  wants: (state, own) => (readsOlder(state, own) ? [olderQuestion(own)] : []),
  settled,
  follows: (_state, own) => ({ kind: 'logs', round: own.round, after: own.lines?.at(-1)?.id }),
  heard,
  moved,
  filter: {
    apply: (state, own, text) => narrowed(state, own, { filterText: text, filter: text.trim() === '' ? undefined : parseFilter(text), filtersOff: false }),
    isHalfTyped,
    about: (state, own) => [span(` ${shownLines(state, own).length.toLocaleString('en-US')} of ${(own.lines?.length ?? 0).toLocaleString('en-US')} pass`, 'accent'), span('  level>=warn context= step= run= pipeline= words /expr/ -not', 'muted')],
  },
  stops: 'error',
  keys: [
    { action: 'logs.open', keys: ['enter', 'l', 'right'], place: 'logs', label: 'open the run', help: 'The run of the line, at the line.', footer: 1 },
    { action: 'logs.freeze', keys: ['space'], place: 'logs', label: 'freeze', labelNow: (state) => (isFrozen(state) ? 'follow' : 'freeze'), help: 'Freeze the view, or follow the newest line again.', footer: 2 },
    { action: 'logs.filter', keys: ['f'], place: 'logs', label: 'filter', help: 'Filter: `level>=warn run=abc123 pipeline=generate* "timeout"`.', footer: 3 },
    { action: 'logs.filtersOff', keys: ['F'], place: 'logs', label: 'filters off', help: 'All filters off, and on again.' },
    { action: 'logs.level', keys: ['L'], place: 'logs', label: 'level', help: 'Least level: debug, info, warn, error, critical.', footer: 4 },
    { action: 'logs.nextError', keys: ['e'], place: 'logs', label: 'next error', help: 'Next error among these lines.', footer: 5 },
    { action: 'logs.previousError', keys: ['E'], place: 'logs', label: 'previous error', help: 'Previous error.' },
  ],
  actions: {
    'logs.open': on('logs', (state, own) => {
      const row = shownLines(state, own)[own.cursor];
      return row ? openAt(state, row) : only(told(state, 'There is no line to open.'));
    }),
    'logs.freeze': on('logs', (state, own) => only(withOwn(state, own.follows ? { ...own, follows: false, frozenCount: shownLines(state, own).length } : followed(state, own)))),
    'logs.filter': on('logs', (state, own) => only(withPrompt(state, 'filter', own.filterText))),
    'logs.filtersOff': on('logs', (state, own) => {
      if (!own.filtersOff && own.filter === undefined && own.leastLevel === 'debug') return only(told(state, `No filter is set; ${keyFor('logs.filter')} sets one.`));
      return only(told(withOwn(state, narrowed(state, own, { filtersOff: !own.filtersOff })), own.filtersOff ? 'Filters are on again.' : `Filters are off; ${keyFor('logs.filtersOff')} switches them on again.`));
    }),
    'logs.level': on('logs', (state, own) => {
      const levels = LogLevel.options;
      const next = levels[(levels.indexOf(own.leastLevel) + 1) % levels.length]!;
      return only(told(withOwn(state, narrowed(state, own, { leastLevel: next, filtersOff: false })), next === 'debug' ? 'All levels.' : `Level ${next} and worse.`));
    }),
    'logs.nextError': error(1),
    'logs.previousError': error(-1),
  },
  commands: { logs: command },
};

function isFrozen(state: State): boolean {
  const own = state.screens.at(-1);
  return own?.name === 'logs' && !own.follows;
}

/** The run of a line, in its log at that line as soon as it is there. */
function openAt(state: State, row: LogRow): Update {
  const opened = state.open?.runId === row.test_run_id ? showRun(state, row.test_run_id) : openRun(state, row.test_run_id);
  return { ...opened, state: told(withRun(opened.state, (run) => ({ ...run, pane: 'log', choseView: true, seekSeq: row.seq })), `Line ${row.seq} of run ${shortId(row.test_run_id)}; Esc goes back to the logs.`) };
}
