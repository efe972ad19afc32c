import type { LogRow } from '../protocol/rows.ts';
import { ExecutionContext } from '../protocol/vocabulary.ts';
import { levelRank } from './levels.ts';

/** What is kept of every line, whatever lies on a disk: 36 bytes. */
export interface LineFacts {
  readonly seq: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Rank of its level. */
  readonly level: number;
  /** Place of its context in the list of contexts. */
  readonly context: number;
  /** Number of its step, as {@link LogColumns.stepNumber} gives it. */
  readonly step: number;
  /** Where its text lies. */
  readonly offset: number;
  readonly bytes: number;
}

/** Facts of many lines, one list a fact. */
export interface FactLists {
  readonly seq: Float64Array;
  readonly time: Float64Array;
  readonly offset: Float64Array;
  readonly bytes: Uint32Array;
  readonly step: Uint32Array;
  readonly level: Uint8Array;
  readonly context: Uint8Array;
}

/** Facts of lines by absolute index. The oldest can be let go; indexes never shift by that. */
export interface LogColumns {
  readonly first: number;
  readonly length: number;
  seq(index: number): number;
  time(index: number): number;
  level(index: number): number;
  context(index: number): ExecutionContext;
  step(index: number): string | null;
  offset(index: number): number;
  bytes(index: number): number;
  /** The number of a step, a new one for a key that is new; 0 is no step. */
  stepNumber(key: string | null): number;
  push(facts: LineFacts): void;
  /** Adds the first `count` of each list. */
  pushAll(lists: FactLists, count: number): void;
  /** Puts a line at an index; those from there on move up by one. */
  insert(index: number, facts: LineFacts): void;
  /** Lets go of lines below an index, or of somewhat fewer. */
  dropBelow(index: number): void;
}

export const contextNames = ExecutionContext.options;

/** Lines in one piece. What is let go is let go by the piece. */
const PIECE = 1 << 14;
const WITHIN = PIECE - 1;

export function factLists(length: number): FactLists {
  return {
    seq: new Float64Array(length), time: new Float64Array(length), offset: new Float64Array(length), bytes: new Uint32Array(length), step: new Uint32Array(length),
    level: new Uint8Array(length), context: new Uint8Array(length),
  };
}

const names = ['seq', 'time', 'offset', 'bytes', 'step', 'level', 'context'] as const;

export function logColumns(): LogColumns {
  const steps: (string | null)[] = [null];
  const numbers = new Map<string | null, number>([[null, 0]]);
  /** Pieces from that of line {@link dropped} on. */
  const pieces: FactLists[] = [];
  let dropped = 0;
  let length = 0;

  const pieceOf = (index: number): FactLists => pieces[((index - dropped) / PIECE) | 0]!;
  const room = (): FactLists => {
    if (length - dropped === pieces.length * PIECE) pieces.push(factLists(PIECE));
    return pieces.at(-1)!;
  };
  const set = (index: number, facts: LineFacts): void => {
    const piece = pieceOf(index);
    for (const name of names) piece[name][index & WITHIN] = facts[name];
  };
  const push = (facts: LineFacts): void => {
    room();
    length += 1;
    set(length - 1, facts);
  };

  return {
    get first() {
      return dropped;
    },
    get length() {
      return length;
    },
    seq: (index) => pieceOf(index).seq[index & WITHIN]!,
    time: (index) => pieceOf(index).time[index & WITHIN]!,
    level: (index) => pieceOf(index).level[index & WITHIN]!,
    context: (index) => contextNames[pieceOf(index).context[index & WITHIN]!]!,
    step: (index) => steps[pieceOf(index).step[index & WITHIN]!]!,
    offset: (index) => pieceOf(index).offset[index & WITHIN]!,
    bytes: (index) => pieceOf(index).bytes[index & WITHIN]!,
    stepNumber(key) {
      const known = numbers.get(key);
      if (known !== undefined) return known;
      numbers.set(key, steps.length);
      return steps.push(key) - 1;
    },
    push,
    pushAll(lists, count) {
      for (let taken = 0; taken < count;) {
        const piece = room();
        const at = length & WITHIN;
        const some = Math.min(count - taken, PIECE - at);
        for (const name of names) piece[name].set(lists[name].subarray(taken, taken + some), at);
        taken += some;
        length += some;
      }
    },
    insert(index, facts) {
      push(facts);
      for (let to = length - 1; to > index; to -= 1) {
        const [piece, below] = [pieceOf(to), pieceOf(to - 1)];
        for (const name of names) piece[name][to & WITHIN] = below[name][(to - 1) & WITHIN]!;
      }
      set(index, facts);
    },
    dropBelow(index) {
      const whole = Math.floor((index - dropped) / PIECE);
      if (whole < 1) return;
      pieces.splice(0, whole);
      dropped += whole * PIECE;
    },
  };
}

/** The facts of a row whose text lies at `offset`. */
export function factsOfRow(columns: LogColumns, row: LogRow, offset: number, bytes: number): LineFacts {
  const time = Date.parse(row.timestamp);
  return { seq: row.seq, time, level: levelRank(row.log_level), context: contextNames.indexOf(row.execution_context), step: columns.stepNumber(row.step_key), offset, bytes };
}
