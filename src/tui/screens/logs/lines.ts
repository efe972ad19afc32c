import { contextWords, matchesFilter, type Filter } from '../../../core/filter.ts';
import { formatClock, formatRelative, shortId } from '../../../core/format.ts';
import { levelRank } from '../../../core/levels.ts';
import { flattenSteps } from '../../../core/step-reference.ts';
import type { LogRow, RunRow } from '../../../protocol/rows.ts';
import type { LogLevel } from '../../../protocol/vocabulary.ts';
import { dataText } from '../../model/log-sideways.ts';
import { clipLine, fit, span, type Line, type Span } from '../../output/line.ts';
import type { State } from '../../state.ts';
import type { ScreenRow } from '../screen.ts';

/** What a line of the logs of everything passes through, and is drawn with. */
export interface LineFacts {
  /** The run of a line, where the list of runs has it. */
  readonly runOf: (runId: string) => RunRow | undefined;
  readonly displayOf: (row: LogRow) => string;
}

/** What the list of runs tells about lines. */
export function lineFacts(runs: readonly RunRow[] | undefined): LineFacts {
  if (last?.runs === runs) return last!.facts;
  const byId = new Map((runs ?? []).map((run) => [run.test_run_id, run]));
  const displays = new Map<string, ReadonlyMap<string, string>>();
  const displaysOf = (run: RunRow): ReadonlyMap<string, string> => {
    const known = displays.get(run.test_run_id);
    if (known) return known;
    const made = new Map(flattenSteps(run.step_tree ?? []).map((step) => [step.key, step.display]));
    displays.set(run.test_run_id, made);
    return made;
  };
  const facts: LineFacts = {
    runOf: (runId) => byId.get(runId),
    displayOf: (row) => {
      const run = byId.get(row.test_run_id);
      const stored = row.metadata['display'];
      const declared = run && row.step_key !== null ? displaysOf(run).get(row.step_key) : undefined;
      return declared ?? (typeof stored === 'string' ? stored : row.step_number === null ? '' : String(row.step_number));
    },
  };
  last = { runs, facts };
  return facts;
}

let last: { readonly runs: readonly RunRow[] | undefined; readonly facts: LineFacts } | undefined;

/** What lines are asked for. */
export interface LineFilter {
  readonly filter: Filter | undefined;
  readonly leastLevel: LogLevel;
}

/** The lines that pass, in their order. */
export function passing(rows: readonly LogRow[], wanted: LineFilter, facts: LineFacts): readonly LogRow[] {
  const { filter, leastLevel } = wanted;
  // An update and a frame ask for the same several times.
  if (lastPassing?.rows === rows && lastPassing.filter === filter && lastPassing.leastLevel === leastLevel && lastPassing.facts === facts) return lastPassing.passing;
  const found = whichPass(rows, wanted, facts);
  lastPassing = { rows, filter, leastLevel, facts, passing: found };
  return found;
}

let lastPassing: (LineFilter & { readonly rows: readonly LogRow[]; readonly facts: LineFacts; readonly passing: readonly LogRow[] }) | undefined;

function whichPass(rows: readonly LogRow[], { filter, leastLevel }: LineFilter, facts: LineFacts): readonly LogRow[] {
  const least = levelRank(leastLevel);
  if (filter === undefined) return least === levelRank('debug') ? rows : rows.filter((row) => levelRank(row.log_level) >= least);
  const known = keptOf(outcomes, filter);
  return rows.filter((row) => {
    if (levelRank(row.log_level) < least) return false;
    let passes = known.get(row);
    if (passes === undefined) {
      passes = matchesFilter(filter, row, () => facts.displayOf(row), (runId) => facts.runOf(runId)?.pipeline_key ?? undefined);
      known.set(row, passes);
    }
    return passes;
  });
}

/** By filter, which lines pass: a line never changes. */
const outcomes = new WeakMap<Filter, WeakMap<LogRow, boolean>>();

function keptOf<Key extends object, Value>(all: WeakMap<Key, WeakMap<LogRow, Value>>, key: Key): WeakMap<LogRow, Value> {
  const known = all.get(key);
  if (known) return known;
  const made = new WeakMap<LogRow, Value>();
  all.set(key, made);
  return made;
}

/** Cells of the columns of a line, by the width of the screen; 0 for one that is left out. */
export interface Columns {
  readonly time: number;
  readonly level: number;
  readonly run: number;
  readonly pipeline: number;
  readonly step: number;
  readonly context: number;
}

/** What there is room for: at 40 cells time, level and run; at 100 where it came from; at 120 the pipeline. */
export function columnsFor(columns: number): Columns {
  return { time: columns >= 70 ? 12 : 8, level: 5, run: 6, pipeline: columns >= 120 ? (columns >= 180 ? 28 : 18) : 0, step: columns >= 70 ? 4 : 0, context: columns >= 100 ? 8 : 0 };
}

const levelWords = { debug: 'debug', info: 'info', warn: 'WARN', error: 'ERROR', critical: 'CRIT' } as const;

/** Names of the columns, above the lines. */
export function columnHeads(columns: number): Line {
  const cells = columnsFor(columns);
  const heads = [['TIME', cells.time], ['LEVEL', cells.level], ['RUN', cells.run], ['PIPELINE', cells.pipeline], ['STEP', cells.step], ['CONTEXT', cells.context]] as const;
  return [span(`${heads.filter(([, width]) => width > 0).map(([name, width]) => fit(name, width)).join(' ')} MESSAGE`, 'muted')];
}

/** Lines as they stand on the screen. Each is drawn when it is looked at: of ten thousand only those in sight are. */
export function drawnRows(state: State, rows: readonly LogRow[], facts: LineFacts, columns: number): readonly ScreenRow[] {
  return rows.map((row) => {
    let line: Line | undefined;
    return {
      id: row.id, isStop: levelRank(row.log_level) >= levelRank('error'),
      get line() {
        return (line ??= rowLine(state, row, facts, columns));
      },
    };
  });
}

function rowLine(state: State, row: LogRow, facts: LineFacts, columns: number): Line {
  const cells = columnsFor(columns);
  const { more } = state.glyphs;
  const run = facts.runOf(row.test_run_id);
  const token = row.log_level === 'critical' ? 'error' : row.log_level;
  const time = state.timeFormat === 'relative' ? formatRelative(Date.parse(row.timestamp), state.now) : formatClock(row.timestamp, { ms: cells.time > 8 });
  const cell = (text: string, width: number, style: Span['token'] = 'muted'): Line => (width === 0 ? [] : [span(`${fit(text, width, 'left', more)} `, style)]);
  return clipLine([
    ...cell(time, cells.time), ...cell(levelWords[row.log_level], cells.level, row.log_level === 'info' ? 'muted' : row.log_level),
    ...cell(shortId(row.test_run_id), cells.run, 'accent'), ...cell(run === undefined ? '' : (run.pipeline_key ?? 'traced program'), cells.pipeline),
    ...cell(facts.displayOf(row), cells.step), ...cell(contextWords[row.execution_context], cells.context),
    span(row.message, token), span(dataText(row), 'muted'),
  ], columns, more);
}
