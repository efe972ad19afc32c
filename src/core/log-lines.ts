import type { LogRow } from '../protocol/rows.ts';
import type { ExecutionContext } from '../protocol/vocabulary.ts';
import { levelRank } from './levels.ts';

/**
 * The lines of one run's log, in order of `seq`, however many they are and wherever they lie.
 *
 * One object that grows in place. An index is absolute: the first line ever taken in had 0, and what is let go at the
 * beginning shifts none. A row that comes late puts itself in its place, and raises {@link edition}: whoever keeps
 * indexes asks {@link intactBelow}. What was read of the store before is good for lower indexes only.
 */
export interface LogLines {
  /** Index of the first line that is still there. */
  readonly first: number;
  /** One more than the index of the last line. */
  readonly length: number;
  /** How many times a row came late. */
  readonly edition: number;
  /** The lowest index at which another line stands than at an earlier edition; {@link length} where there is none. */
  intactBelow(edition: number): number;
  /** A line from {@link first} to before {@link length}. May read it from a disk. */
  at(index: number): LogRow;
  seqAt(index: number): number;
  /** Its rank among the levels, as `levelRank` gives it. */
  levelAt(index: number): number;
  /** Milliseconds since 1970. */
  timeAt(index: number): number;
  /** Key of its step. */
  stepAt(index: number): string | null;
  contextAt(index: number): ExecutionContext;
  /** Bytes of its text as it is kept: what reading it costs. */
  sizeAt(index: number): number;
  /** A quick test for lines of whose fields one may hold words (lower case): what it turns down has them in none. */
  mayHold(words: string): TextTest<boolean>;
  /** The same of message and data, as a filter asks: true where it is sure without the row, undefined where only the row tells. */
  says(words: string): TextTest<boolean | undefined>;
  /** How many are kept; undefined where all are. */
  readonly most?: number | undefined;
  /** Why lines were let go before their time, in words. */
  readonly problem?: string | undefined;
  /** Takes in rows in any order, any of them any number of times; says how many were new. */
  append(rows: readonly LogRow[]): number;
}

/** A question to the texts of lines. Quickest where it is asked in their order. */
export interface TextTest<Answer> {
  at(index: number): Answer;
  /** Bytes that were looked through up to now: what was spent. */
  readonly bytes: number;
}

/** How far the reading of a file with lines has come. */
export interface Reading {
  /** From 0 to 1; undefined where nobody knows how much there is. */
  readonly part: number | undefined;
  readonly isWhole: boolean;
  /** What is wrong with the file from some line on, or could not be read, in words. */
  readonly problem: string | undefined;
}

/** Nothing is read or parsed: a row is looked at. */
const MEMORY_ROW_BYTES = 100;

/** Lines held in memory, as they are: for runs of some thousand lines. */
export function memoryLines(rows: readonly LogRow[] = []): LogLines {
  const kept: LogRow[] = [];
  const late = lateInsertions();
  const lines: LogLines = {
    first: 0,
    get length() {
      return kept.length;
    },
    get edition() {
      return late.edition();
    },
    intactBelow: (edition) => Math.min(kept.length, late.lowestSince(edition)),
    at: (index) => kept[index]!,
    seqAt: (index) => kept[index]!.seq,
    levelAt: (index) => levelRank(kept[index]!.log_level),
    timeAt: (index) => Date.parse(kept[index]!.timestamp),
    stepAt: (index) => kept[index]!.step_key,
    contextAt: (index) => kept[index]!.execution_context,
    sizeAt: () => MEMORY_ROW_BYTES,
    mayHold: () => ({ at: () => true, bytes: 0 }),
    says: () => ({ at: () => undefined, bytes: 0 }),
    append(more) {
      const fresh = freshRows(lines, more);
      const place = fresh.length === 0 ? kept.length : indexOfSeq(lines, fresh[0]!.seq);
      const above = kept.splice(place);
      if (above.length > 0) late.insertedAt(place);
      for (const row of above.length > 0 ? [...above, ...fresh].toSorted(bySeq) : fresh) kept.push(row);
      return fresh.length;
    },
  };
  lines.append(rows);
  return lines;
}

/** Index of the first line whose `seq` is not lower than this one, among those before `end`. */
export function indexOfSeq(lines: LogLines, seq: number, end: number = lines.length): number {
  return firstIndex(lines.first, end, (index) => lines.seqAt(index) >= seq);
}

/** The first index from `low` to before `high` for which something holds that holds for all after it too; `high` where there is none. */
export function firstIndex(low: number, high: number, holds: (index: number) => boolean): number {
  let [from, to] = [low, high];
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    if (holds(middle)) to = middle;
    else from = middle + 1;
  }
  return from;
}

/** Those rows that the lines do not have, in order and each once. What was let go counts as known. */
export function freshRows(lines: LogLines, rows: readonly LogRow[]): readonly LogRow[] {
  const last = lines.length > lines.first ? lines.seqAt(lines.length - 1) : -1;
  const fresh: LogRow[] = [];
  let isOrdered = true;
  for (const row of rows) {
    if (row.seq <= last) {
      const index = indexOfSeq(lines, row.seq);
      if (lines.seqAt(index) === row.seq || (index === lines.first && lines.first > 0)) continue;
    }
    if (fresh.length > 0 && fresh.at(-1)!.seq >= row.seq) isOrdered = false;
    fresh.push(row);
  }
  return isOrdered ? fresh : fresh.sort(bySeq).filter((row, index) => index === 0 || fresh[index - 1]!.seq !== row.seq);
}

/** Insertions that are told apart; of those before them nothing is intact. */
const TOLD_APART = 64;

/** Where rows came late, for {@link LogLines.intactBelow}. */
export function lateInsertions(): { edition(): number; insertedAt(index: number): void; lowestSince(edition: number): number } {
  const places: number[] = [];
  let count = 0;
  return {
    edition: () => count,
    insertedAt(index) {
      count += 1;
      places.push(index);
      if (places.length > TOLD_APART) places.shift();
    },
    lowestSince: (edition) => (count - edition > places.length ? 0 : places.slice(places.length - (count - edition)).reduce((low, place) => Math.min(low, place), Infinity)),
  };
}

function bySeq(a: LogRow, b: LogRow): number {
  return a.seq - b.seq;
}
