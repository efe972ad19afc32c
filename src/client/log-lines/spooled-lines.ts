import { factsOfRow, logColumns } from '../../core/log-columns.ts';
import { freshRows, indexOfSeq, lateInsertions, type LogLines } from '../../core/log-lines.ts';
import { limits } from '../../protocol/limits.ts';
import type { LogRow } from '../../protocol/rows.ts';
import { byteLog, type ByteLogOptions } from './byte-log.ts';
import { columnLines } from './column-lines.ts';
import { rowPlaces } from './text-places.ts';

export interface SpooledLines extends LogLines {
  /** Lets go of memory and files; what is read afterwards is not there any more. */
  close(): void;
}

export interface SpoolOptions extends ByteLogOptions {
  /** Lines that are kept; beyond that the oldest are let go. */
  readonly mostLines?: number | undefined;
}

/** The part of the limit that is let go at once, so that the beginning moves rarely. */
const LET_GO = 100;

/**
 * The lines of a run that is followed: facts of each in memory, and their texts there too until they are many; then the
 * older ones in a file of our own. Reads from the disk as it is asked, by the megabyte.
 */
export function spooledLines({ mostLines = limits.logLines, ...options }: SpoolOptions = {}): SpooledLines {
  const columns = logColumns();
  const bytes = byteLog(options);
  const late = lateInsertions();
  const lines = columnLines(columns, (offset, size) => bytes.read(offset, size), (text) => JSON.parse(text) as LogRow, rowPlaces());
  let first = 0;

  const letGo = (): void => {
    if (columns.length - first > mostLines) first = columns.length - mostLines + Math.floor(mostLines / LET_GO);
    // Without a disk bytes go before lines have to.
    for (let index = first; index < columns.length && bytes.first > 0; index += 1) {
      if (columns.offset(index) < bytes.first) first = index + 1;
      // The text of a line that came late lies after those of its neighbours.
      else if (index + 1 === columns.length || columns.offset(index) < columns.offset(index + 1)) break;
    }
    if (first === 0 || first === columns.length) return;
    let kept = first;
    while (kept + 1 < columns.length && columns.offset(kept) > columns.offset(kept + 1)) kept += 1;
    bytes.dropBelow(columns.offset(kept));
    columns.dropBelow(first);
  };

  const spooled: SpooledLines = {
    most: mostLines,
    get first() {
      return first;
    },
    get length() {
      return columns.length;
    },
    get edition() {
      return late.edition();
    },
    get problem() {
      return bytes.problem;
    },
    intactBelow: (edition) => Math.min(columns.length, late.lowestSince(edition)),
    ...lines,
    append(rows) {
      const fresh = freshRows(spooled, rows);
      for (const row of fresh) {
        const text = Buffer.from(JSON.stringify(row));
        const facts = factsOfRow(columns, row, bytes.append(text), text.length);
        if (columns.length === first || row.seq > columns.seq(columns.length - 1)) {
          columns.push(facts);
          continue;
        }
        const index = indexOfSeq(spooled, row.seq);
        columns.insert(index, facts);
        late.insertedAt(index);
        lines.forget();
      }
      if (fresh.length > 0) letGo();
      return fresh.length;
    },
    close: () => bytes.close(),
  };
  return spooled;
}
