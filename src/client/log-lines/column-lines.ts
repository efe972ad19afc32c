import type { LogColumns } from '../../core/log-columns.ts';
import type { LogLines } from '../../core/log-lines.ts';
import type { LogRow } from '../../protocol/rows.ts';
import { blankLog } from '../../core/import/blank-rows.ts';
import { textFinder, wordFinder, type TextPlaces } from './text-finder.ts';

/**
 * Rows that are held after they were read: a screen or two of them. A look through all lines reads each once, and what is
 * held for long by then is copied by the collector, and kept until it looks at everything.
 */
const HELD_ROWS = 256;
/** Longer lines are read again each time. */
const HELD_BYTES = 16 * 1024;

interface ColumnLines extends Pick<LogLines, 'at' | 'seqAt' | 'levelAt' | 'timeAt' | 'stepAt' | 'contextAt' | 'sizeAt' | 'mayHold' | 'says'> {
  /** Forgets rows that were read, after their indexes have changed. */
  forget(): void;
}

/**
 * Lines whose facts are in memory and whose texts are somewhere else.
 *
 * @param read Bytes of a place; fewer, or it throws, where they are not there any more.
 * @param decode The row of a text. Where it throws, a line that says so stands in its place.
 * @param places Finds message and data in the bytes of a text.
 */
export function columnLines(columns: LogColumns, read: (offset: number, bytes: number) => Buffer, decode: (text: string, index: number) => LogRow, places: TextPlaces): ColumnLines {
  const held = new Map<number, LogRow>();

  const rowAt = (index: number): LogRow => {
    try {
      const bytes = columns.bytes(index);
      const text = read(columns.offset(index), bytes);
      if (text.length < bytes) throw new Error('it is not there any more');
      return decode(text.toString('utf8'), index);
    } catch (error) {
      return unreadable(columns, index, error);
    }
  };

  return {
    at(index) {
      const known = held.get(index);
      if (known) return known;
      const row = rowAt(index);
      if (columns.bytes(index) <= HELD_BYTES) {
        held.set(index, row);
        if (held.size > HELD_ROWS) held.delete(held.keys().next().value!);
      }
      return row;
    },
    seqAt: (index) => columns.seq(index),
    levelAt: (index) => columns.level(index),
    timeAt: (index) => columns.time(index),
    stepAt: (index) => columns.step(index),
    contextAt: (index) => columns.context(index),
    sizeAt: (index) => columns.bytes(index),
    mayHold: (words) => textFinder(columns, read, words),
    says: (words) => wordFinder(columns, read, words, places),
    forget: () => held.clear(),
  };
}

/** What stands in the place of a line that cannot be shown. */
function unreadable(columns: LogColumns, index: number, error: unknown): LogRow {
  const seq = columns.seq(index);
  const timestamp = new Date(columns.time(index)).toISOString();
  const why = error instanceof Error ? error.message : String(error);
  return blankLog({ runId: '', idOf: () => `unreadable ${seq}`, now: timestamp, name: '' }, {
    seq, message: `This line cannot be read: ${why}`, log_level: 'error', timestamp, step_key: columns.step(index), execution_context: columns.context(index),
  });
}
